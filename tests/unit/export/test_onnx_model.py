"""ONNX models compute the logits of the networks."""

import onnx
import pytest
import tensorflow as tf

from pipelines.errors import UserError
from pipelines.export import onnx_model
from pipelines.inference.predictor import Predictor
from pipelines.models import serialization
from pipelines.models.ensemble import Ensemble
from pipelines.text import vocabulary

MODELS = {
    "lstm": ("classifier", {"layers": 2, "residual": True}),
    "gru": ("classifier", {"cell": "gru", "pooling": "max"}),
    "rnn": ("classifier", {"cell": "rnn", "pooling": "mean"}),
    "irnn": ("classifier", {"cell": "irnn", "pooling": "attention", "bidirectional": False}),
    "words": ("bag_of_words", {}),
    "positions": ("bag_of_words", {"positions": 3}),
    "tagger": ("tagger", {}),
    "language-model": ("language_model", {"layers": 2, "cell": "gru"}),
    "tied": ("language_model", {"tied_embeddings": True}),
    "general": ("seq2seq", {}),
    "additive": ("seq2seq", {"attention": "additive", "cell": "gru"}),
    "scaled": ("seq2seq", {"attention": "scaled", "layers": 2}),
    "dot": ("seq2seq", {"attention": "dot", "bidirectional": False}),
    "none": ("seq2seq", {"attention": "none"}),
}
REFUSED = {
    "crf": ("tagger", {"crf": True}, "it has a CRF"),
    "precision": ("classifier", {"precision": "bfloat16"}, "it computes in bfloat16"),
    "feeding": ("seq2seq", {"input_feeding": True}, "input feeding or coverage"),
    "zero": ("seq2seq", {"bridge": "zero"}, "bridge: zero"),
}


def make_predictor(make, tmp_path, model, changes):
    tf.keras.utils.set_random_seed(3)
    spec, vocabularies = make.spec(model, **changes), make.vocabularies(model)
    network = serialization.build(spec.entry, vocabularies)
    network.set_weights([2 * weights for weights in network.get_weights()])
    vocabulary.save(vocabularies, tmp_path / "vocabulary")
    return Predictor(network, spec, vocabularies)


@pytest.mark.parametrize("name", MODELS)
def test_logits_are_those_of_the_network(make, tmp_path, name):
    model, changes = MODELS[name]
    predictor = make_predictor(make, tmp_path, model, changes)
    folder = tmp_path / "onnx"
    folder.mkdir()
    onnx_model.write(predictor, folder, tmp_path / "vocabulary")
    texts = [text for text in make.frame(model).iloc[:, 0] if text]
    assert onnx_model.largest_difference(predictor, folder, texts) < 1e-4
    operators = {
        node.op_type for file in folder.glob("*.onnx") for node in onnx.load(file).graph.node
    }
    cell = changes.get("cell", "lstm").upper().replace("IRNN", "RNN")
    assert (cell in operators) == (model != "bag_of_words")
    weights = predictor.model.get_weights()
    predictor.model.set_weights([weights[0][::-1], *weights[1:]])
    assert onnx_model.largest_difference(predictor, folder, texts) > 1e-3


@pytest.mark.parametrize("name", REFUSED)
def test_other_networks_are_refused_in_a_sentence(make, tmp_path, name):
    model, changes, message = REFUSED[name]
    predictor = make_predictor(make, tmp_path, model, changes)
    with pytest.raises(UserError, match=message):
        onnx_model.write(predictor, tmp_path, tmp_path / "vocabulary")


def test_an_ensemble_is_refused(make, tmp_path):
    network = make_predictor(make, tmp_path, "tagger", {}).model
    spec, vocabularies = make.spec("tagger"), make.vocabularies("tagger")
    with pytest.raises(UserError, match="it is an ensemble"):
        onnx_model.write(
            Predictor(Ensemble([network, network]), spec, vocabularies),
            tmp_path,
            tmp_path / "vocabulary",
        )
