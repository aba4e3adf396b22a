"""The loss of text, compared with the loss computed from the logits."""

import numpy as np

from pipelines.inference import likelihood
from pipelines.inference.predictor import Predictor
from pipelines.models import serialization
from pipelines.models.ensemble import Ensemble
from pipelines.text import encoding


def _nats(logits, targets):
    log_probabilities = np.asarray(logits, np.float64)
    log_probabilities -= np.logaddexp.reduce(log_probabilities, axis=1, keepdims=True)
    return -log_probabilities[np.arange(len(targets)), targets]


def _stream(make):
    return encoding.encode_stream(make.frame("language_model"), make.vocabularies("language_model"))


def test_a_stream_is_scored_as_one_text(make, monkeypatch):
    """The state is carried between calls."""
    model = serialization.build(make.config("language_model"), make.vocabularies("language_model"))
    stream = _stream(make)
    logits, _ = model(stream[None, :-1])
    monkeypatch.setattr(likelihood, "STEPS", 7)
    nats = likelihood.stream_loss(model, stream)
    np.testing.assert_allclose(nats, _nats(logits[0], stream[1:]), atol=1e-4)


def test_an_ensemble_scores_a_stream_by_the_mean_probability(make):
    vocabularies = make.vocabularies("language_model")
    models = [serialization.build(make.config("language_model"), vocabularies) for _ in range(3)]
    stream = _stream(make)
    member_nats = [likelihood.stream_loss(model, stream) for model in models]
    assert np.abs(member_nats[0] - member_nats[1]).max() > 1e-3
    expected = -np.log(np.mean([np.exp(-nats) for nats in member_nats], axis=0))
    nats = likelihood.stream_loss(Ensemble(models), stream)
    np.testing.assert_allclose(nats, expected, atol=1e-4)


def test_references_are_scored_with_their_end_and_without_padding(make):
    vocabularies, frame = make.vocabularies("seq2seq"), make.frame("seq2seq")
    spec, columns = make.spec("seq2seq"), make.vocabularies("seq2seq").columns
    predictor = Predictor(serialization.build(spec.entry, vocabularies), spec, vocabularies)
    nats, lengths = likelihood.translation_loss(predictor, frame)
    assert lengths.tolist() == [len(text.split(" ")) + 1 for text in frame["target"]]
    for row in (0, 3):
        single, _ = likelihood.translation_loss(predictor, frame.iloc[[row]])
        np.testing.assert_allclose(single[0], nats[row], atol=1e-4)
    source = columns["source"].encode(frame["source"][1])[None]
    target = encoding.encode_rows(frame["target"], columns["target"], ends=True)[1]
    logits, _ = predictor.model(source, target[None, :-1])
    np.testing.assert_allclose(nats[1], _nats(logits[0], target[1:]).sum(), atol=1e-4)
