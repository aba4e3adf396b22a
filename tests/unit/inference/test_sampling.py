"""Sampling from the distribution of the next token."""

from itertools import pairwise

import numpy as np
import pytest

from pipelines.config.params import Samples
from pipelines.inference import sampling
from pipelines.models import serialization
from pipelines.models.ngram import NGram
from pipelines.text import encoding
from pipelines.text.vocabulary import END

PROBABILITIES = np.array([0.0001, 0.0001, 0.0001, 0.0997, 0.6, 0.3])
BEGINNING = np.array([4], np.int32)


def make_samples(length=3000, temperature=1.0, **options):
    return Samples(beginning="to", length=length, temperature=temperature, **options)


def sample_tokens(probabilities, samples, advance=None):
    """Sample from the same distribution at every step."""
    random = np.random.default_rng(0)
    step = lambda tokens: np.log(probabilities)  # noqa: E731
    return sampling.sample(step, BEGINNING, samples, random, advance)


def test_temperature_sharpens_and_flattens():
    def share_of_best(temperature):
        return np.mean(sample_tokens(PROBABILITIES, make_samples(temperature=temperature)) == 4)

    assert share_of_best(1.0) == pytest.approx(0.6, abs=0.04)
    assert share_of_best(0.05) == share_of_best(1e-300) == 1.0
    assert share_of_best(50.0) == pytest.approx(1 / 3, abs=0.05)


def test_special_tokens_are_never_sampled():
    probabilities = np.array([0.3, 0.3, 0.3, 0.05, 0.05])
    assert set(sample_tokens(probabilities, make_samples(500))) == {END, 4}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [0.1, 0.2, 0.3, 0.4]),
        ({"top_k": 1}, [0, 0, 0, 1]),
        ({"top_k": 2}, [0, 0, 3 / 7, 4 / 7]),
        ({"top_k": 9}, [0.1, 0.2, 0.3, 0.4]),
        ({"top_p": 0.3}, [0, 0, 0, 1]),
        ({"top_p": 0.41}, [0, 0, 3 / 7, 4 / 7]),
        ({"top_p": 0.71}, [0, 2 / 9, 3 / 9, 4 / 9]),
        ({"top_p": 1.0}, [0.1, 0.2, 0.3, 0.4]),
        # The top three have 0.9 in total, the first two of them 0.78 of that.
        ({"top_k": 3, "top_p": 0.75}, [0, 0, 3 / 7, 4 / 7]),
        # The nucleus is that of the distribution at its temperature: 1, 4, 9, 16 of 30.
        ({"top_p": 0.5, "temperature": 0.5}, [0, 0, 0, 1]),
    ],
)
def test_top_k_and_top_p_keep_the_most_likely_tokens(options, expected):
    log_probabilities = np.log(np.array([0.2, 0.2, 0.2, 0.1, 0.2, 0.3, 0.4]))
    probabilities = sampling.distribution(log_probabilities, make_samples(**options))
    np.testing.assert_allclose(probabilities, [0, 0, 0, *expected], atol=1e-12)


def test_of_equal_tokens_the_lower_ids_remain():
    probabilities = sampling.distribution(np.zeros(7), make_samples(top_k=2))
    np.testing.assert_allclose(probabilities, [0, 0, 0, 0.5, 0.5, 0, 0])


def test_the_argument_is_not_modified():
    log_probabilities = np.log(PROBABILITIES)
    sampling.distribution(log_probabilities, make_samples(top_k=1))
    np.testing.assert_array_equal(log_probabilities, np.log(PROBABILITIES))


def test_every_sampled_token_advances_the_progress():
    advances = []
    sample_tokens(PROBABILITIES, make_samples(7), advances.append)
    assert sum(advances) == 7


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_a_recurrent_model_steps_like_it_scores(make, cell):
    """One token at a time with carried state is the same as the whole text at once."""
    entry = make.config("language_model", cell=cell, layers=2)
    model = serialization.build(entry, make.vocabularies("language_model"))
    tokens = np.array([5, 6, 7, 5, 8], np.int32)
    logits, _ = model(np.concatenate([[END], tokens])[None])
    step = sampling.make_sampler(model)()
    log_probabilities = np.stack([step(token[None]) for token in tokens])
    expected = np.asarray(logits[0, 1:], np.float64)
    expected -= np.logaddexp.reduce(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(log_probabilities, expected, atol=1e-5)


def test_an_n_gram_model_steps_like_it_scores(make):
    stream = encoding.encode_stream(make.frame("ngram"), make.vocabularies("ngram"))
    model = NGram.count(stream, 3, 20, "kneser_ney")
    step = sampling.make_sampler(model)()
    log_probabilities = [step(token[None])[after] for token, after in pairwise(stream[1:])]
    np.testing.assert_allclose(log_probabilities, model.log_probabilities(stream)[1:], atol=1e-12)


def test_a_long_beginning_is_read_at_once(make, monkeypatch):
    tokens = np.resize(np.array([5, 6, 7, 5, 8], np.int32), 2 * sampling.CHUNK + 3)
    stream = encoding.encode_stream(make.frame("ngram"), make.vocabularies("ngram"))
    model, calls = NGram.count(stream, 3, 20, "witten_bell"), []
    expected = sampling.make_sampler(model)()(tokens[-3:])
    next_probabilities = NGram.next_probabilities
    monkeypatch.setattr(
        NGram, "next_probabilities", lambda *args: calls.append(1) or next_probabilities(*args)
    )
    np.testing.assert_array_equal(sampling.make_sampler(model)()(tokens), expected)
    assert len(calls) == 1, "time of a beginning grows with its length only"

    entry = make.config("language_model", cell="lstm")
    network = serialization.build(entry, make.vocabularies("language_model"))
    one_by_one = sampling.make_sampler(network)()
    for token in tokens:
        log_probabilities = one_by_one(token[None])
    at_once = sampling.make_sampler(network)()(tokens)
    np.testing.assert_allclose(at_once, log_probabilities, atol=1e-5)
