"""A network and a Markov model of the same text, together: p = (1 - share) p_1 + share p_2."""

import numpy as np
import pytest

from pipelines.config import params
from pipelines.errors import UserError
from pipelines.evaluation.evaluate import evaluate
from pipelines.inference import sampling
from pipelines.inference.likelihood import stream_loss
from pipelines.inference.predictor import Predictor
from pipelines.models import pretrained, serialization
from pipelines.models.ensemble import Ensemble
from pipelines.models.interpolated import Interpolated
from pipelines.models.ngram import NGram
from pipelines.tasks import language_modelling
from pipelines.text import encoding as encode
from pipelines.text import vocabulary

NGRAM = {"order": 3, "smoothing": "kneser_ney", "weight": 0.25}


def trained(make, **changes):
    """What the training of such a model leaves, with its card and history."""
    card = make.card("language_model", ngram=NGRAM, **changes)
    frame, words = make.frame("language_model"), make.words("language_model")
    model, history, *_ = language_modelling.TASK.train(card, (frame, frame), words)
    return model, card, history


def stream(make):
    return encode.encode_stream(make.frame("language_model"), make.words("language_model"))


def test_training_counts_the_text_that_the_network_is_trained_on(make):
    model, card, history = trained(make)
    plain = make.card("language_model")
    frame, words = make.frame("language_model"), make.words("language_model")
    alone, same, *_ = language_modelling.TASK.train(plain, (frame, frame), words)
    for mine, theirs in zip(model.network.get_weights(), alone.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    assert history.equals(same)
    size = len(words.columns["text"])
    counted = NGram.count(stream(make), 3, size, "kneser_ney")
    np.testing.assert_array_equal(
        model.ngram.log_probabilities(stream(make)), counted.log_probabilities(stream(make))
    )
    assert model.share == card.entry.ngram.weight
    assert serialization.count_parameters(model) == alone.count_params() + counted.parameters


def test_each_token_gets_the_weighted_mean_of_two_probabilities(make):
    model, card, _ = trained(make)
    text = stream(make)
    network, ngram = (np.exp(-stream_loss(part, text)) for part in (model.network, model.ngram))
    expected = -np.log(0.75 * network + 0.25 * ngram)
    predictor = Predictor(model, card, make.words("language_model"), None)
    found = evaluate(predictor, make.frame("language_model"))
    assert found.predictions["nats"].sum() == pytest.approx(expected.sum(), rel=1e-6)
    assert found.metrics["test_perplexity"] == pytest.approx(np.exp(expected.mean()), rel=1e-6)
    for part, probabilities in (("network", network), ("ngram", ngram)):
        alone = found.metrics[f"test_{part}_perplexity"]
        assert alone == pytest.approx(np.exp(-np.log(probabilities).mean()), rel=1e-6)


def test_a_model_alone_has_no_parts_in_its_metrics(make):
    card, words = make.card("language_model"), make.words("language_model")
    predictor = Predictor(serialization.build(card.entry, words), card, words, None)
    found = evaluate(predictor, make.frame("language_model"))
    assert not {"test_network_perplexity", "test_ngram_perplexity"} & set(found.metrics)


def test_what_it_writes_is_drawn_from_both(make):
    model, _, _ = trained(make)
    together, network, ngram = (
        sampling.make_sampler(one)() for one in (model, model.network, model.ngram)
    )
    for token in (5, 6, 5, 7):
        expected = 0.75 * np.exp(network(token)) + 0.25 * np.exp(ngram(token))
        np.testing.assert_allclose(np.exp(together(token)), expected, rtol=1e-5)


@pytest.mark.parametrize("ensemble", [None, 2])
def test_saved_and_loaded_it_says_the_same(make, tmp_path, ensemble):
    model, card, _ = trained(make, ensemble_size=ensemble)
    words = tmp_path / "words.json"
    vocabulary.save(make.words("language_model"), words)
    serialization.save(model, card, words, tmp_path / "model")
    loaded, again, vocabularies = serialization.load(tmp_path / "model", words)
    assert isinstance(loaded, Interpolated)
    assert isinstance(loaded.network, Ensemble) == (ensemble is not None)
    assert again == card
    samples = params.Samples(beginning="to", length=30, temperature=1.0, seed=3)
    said = [
        language_modelling.write(Predictor(one, card, vocabularies, samples), "to")
        for one in (model, loaded)
    ]
    assert said[0] == said[1]
    (tmp_path / "model" / "counts.parquet").unlink()
    with pytest.raises(UserError, match=r"counts\.parquet"):
        serialization.load(tmp_path / "model", words)


@pytest.mark.parametrize("ensemble", [None, 2])
def test_a_classifier_starts_from_its_network(make, tmp_path, ensemble):
    model, card, _ = trained(make, ensemble_size=ensemble)
    known = make.words("language_model")
    words = tmp_path / "words.json"
    vocabulary.save(known, words)
    serialization.save(model, card, words, tmp_path / "model")
    entry = make.entry("classifier", bidirectional=False, init_from="any")
    start = pretrained.read(tmp_path / "model", entry, known.columns["text"])
    first = model.network.members[0] if ensemble else model.network
    np.testing.assert_array_equal(start.vectors, first.embedding.get_weights()[0][start.rows])
