"""Drawing text from next-token distributions."""

from itertools import pairwise

import numpy as np
import pytest

from pipelines.config.params import Samples
from pipelines.inference import sampling
from pipelines.models import serialization
from pipelines.models.ngram import NGram
from pipelines.text import encoding as encode
from pipelines.text.vocabulary import END

SHARES = np.array([0.0001, 0.0001, 0.0001, 0.0997, 0.6, 0.3])
START = np.array([4], np.int32)


def samples(length=3000, temperature=1.0, **more):
    return Samples(beginning="to", length=length, temperature=temperature, **more)


def drawn_from(shares, chosen, seed=0):
    def step(token):
        return np.log(shares)

    return sampling.sample(step, START, chosen, np.random.default_rng(seed))


def test_temperature_sharpens_and_flattens():
    def share_of_best(temperature):
        return np.mean(drawn_from(SHARES, samples(temperature=temperature)) == 4)

    assert share_of_best(1.0) == pytest.approx(0.6, abs=0.04)
    assert share_of_best(0.05) == share_of_best(1e-300) == 1.0
    assert share_of_best(50.0) == pytest.approx(1 / 3, abs=0.05)


def test_what_stands_for_no_text_is_never_drawn():
    shares = np.array([0.3, 0.3, 0.3, 0.05, 0.05])
    assert set(drawn_from(shares, samples(500))) == {END, 4}


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, [0.1, 0.2, 0.3, 0.4]),
        ({"top_k": 1}, [0, 0, 0, 1]),
        ({"top_k": 2}, [0, 0, 3 / 7, 4 / 7]),
        ({"top_k": 9}, [0.1, 0.2, 0.3, 0.4]),
        ({"top_p": 0.3}, [0, 0, 0, 1]),
        ({"top_p": 0.41}, [0, 0, 3 / 7, 4 / 7]),
        ({"top_p": 0.71}, [0, 2 / 9, 3 / 9, 4 / 9]),
        ({"top_p": 1.0}, [0.1, 0.2, 0.3, 0.4]),
        # Of the three likeliest, 0.9 in all, the first two have 0.78.
        ({"top_k": 3, "top_p": 0.75}, [0, 0, 3 / 7, 4 / 7]),
        # The nucleus is that of the distribution at its temperature: 1, 4, 9, 16 of 30.
        ({"top_p": 0.5, "temperature": 0.5}, [0, 0, 0, 1]),
    ],
)
def test_top_k_and_top_p_keep_the_likeliest(more, expected):
    logs = np.log(np.array([0.2, 0.2, 0.2, 0.1, 0.2, 0.3, 0.4]))
    found = sampling.distribution(logs, samples(**more))
    np.testing.assert_allclose(found, [0, 0, 0, *expected], atol=1e-12)


def test_of_equals_the_lower_id_stays():
    found = sampling.distribution(np.zeros(7), samples(top_k=2))
    np.testing.assert_allclose(found, [0, 0, 0, 0.5, 0.5, 0, 0])


def test_a_distribution_leaves_what_it_was_given_as_it_was():
    logs = np.log(SHARES)
    sampling.distribution(logs, samples(top_k=1))
    np.testing.assert_array_equal(logs, np.log(SHARES))


def test_every_token_drawn_is_told():
    told = []
    random = np.random.default_rng(0)
    sampling.sample(lambda token: np.log(SHARES), START, samples(7), random, told.append)
    assert sum(told) == 7


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_a_recurrent_model_steps_as_it_scores(make, cell):
    """One token at a time with the state carried is the same as the whole text at once."""
    entry = make.entry("language_model", cell=cell, layers=2)
    model = serialization.build(entry, make.words("language_model"))
    tokens = np.array([5, 6, 7, 5, 8], np.int32)
    whole, _ = model(np.concatenate([[END], tokens])[None])
    step = sampling.make_sampler(model)()
    logits = np.stack([step(int(token)) for token in tokens])
    expected = np.asarray(whole[0, 1:], np.float64)
    expected -= np.logaddexp.reduce(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(logits, expected, atol=1e-5)


def test_a_markov_model_steps_as_it_scores(make):
    stream = encode.encode_stream(make.frame("ngram"), make.words("ngram"))
    model = NGram.count(stream, 3, 20, "kneser_ney")
    step = sampling.make_sampler(model)()
    logs = [step(int(token))[after] for token, after in pairwise(stream[1:])]
    np.testing.assert_allclose(logs, model.log_probabilities(stream)[1:], atol=1e-12)
