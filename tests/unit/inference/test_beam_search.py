"""Beam search compared with all targets, with a search by hand, and with real models."""

import numpy as np
import pytest
import tensorflow as tf

from pipelines.config import params
from pipelines.inference.beam_search import beam_search
from pipelines.inference.decoding import Decoder, hypothesis_score
from pipelines.models import serialization
from pipelines.text import batching
from pipelines.text.vocabulary import END, PAD, START
from tests.unit.inference.toy import Toy

SOURCES = [np.array(ids, np.int32) for ids in ([5], [4, 6, 5], [6], [7, 4], [5, 5, 4, 8, 9], [9])]
PENALTIES = [
    {},
    {"length_penalty": 1.0},
    {"coverage_penalty": 0.3},
    {"length_penalty": 0.6, "coverage_penalty": 0.2},
]


def make_search(beam, **penalties):
    return params.Search(beam=beam, **penalties)


def ids_of(hypotheses):
    return [hypothesis.ids.tolist() for hypothesis in hypotheses]


@pytest.mark.parametrize("penalties", PENALTIES)
def test_a_wide_beam_finds_the_best_of_all_targets(penalties):
    """There are 85 targets of at most 3 of 4 words; all must be found, scored and sorted."""
    toy, search = Toy(0, 7), make_search(85, **penalties)
    for source, hypotheses in zip(SOURCES, Decoder(toy, 3, search)(SOURCES, 85), strict=True):
        expected = sorted(
            ((hypothesis_score(*toy.follow(source, ids), search), ids) for ids in toy.all(3)),
            reverse=True,
        )
        assert len(hypotheses) == 85
        for hypothesis, (score, ids) in zip(hypotheses, expected, strict=True):
            assert hypothesis.ids.tolist() == ids
            assert hypothesis.score == pytest.approx(score, abs=1e-4)


def test_a_beam_of_1_takes_the_most_likely_token_at_each_step():
    toy = Toy(0, 12)
    decoder = Decoder(toy, 9)
    for seed in range(20):
        toy.draw(seed)
        for source, hypotheses in zip(SOURCES, decoder(SOURCES, 3), strict=True):
            assert ids_of(hypotheses) == [toy.greedy(source, 9)]


class CountingToy(Toy):
    """Records the number of prefixes of every step."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.prefixes = []

    def decode(self, target, states, memory):
        self.prefixes.append(len(target))
        assert len(target) == len(memory["source"]) == len(states[0])
        return super().decode(target, states, memory)


@pytest.mark.parametrize("width", [1, 3])
def test_sentences_whose_hypotheses_have_ended_are_decoded_no_further(width):
    toy = CountingToy(0, 12, {END: 0.5})
    source = tf.constant(batching.pad(SOURCES * 4))
    history = beam_search(toy, *toy.encode(source), width, 9)
    searched = np.isfinite(history.ended).sum(axis=2).cumsum(axis=0) < width
    needed = [24, *searched.sum(axis=1)[:-1]]  # sentences at each step
    assert needed[-1] < 10
    for prefixes, sentences in zip(toy.prefixes, needed, strict=True):
        assert sentences * width <= prefixes < max(sentences * width * 4 / 3, 2 * width)


@pytest.mark.parametrize("penalties", PENALTIES)
def test_a_beam_never_scores_lower_than_greedy_search(penalties):
    """The score is the one that is maximised: with penalties not the probability."""
    better, toy = 0, Toy(0, 12, {END: -1.0})
    greedy, *decoders = (Decoder(toy, 9, make_search(beam, **penalties)) for beam in (1, 2, 5))
    for seed in range(20):
        toy.draw(seed)
        baselines = greedy(SOURCES)
        for decoder in decoders:
            for (best,), (baseline,) in zip(decoder(SOURCES), baselines, strict=True):
                assert best.score >= baseline.score - 1e-5
                better += best.score > baseline.score + 1e-3
    assert better > 50


def test_a_search_tells_whether_it_has_the_greedy_hypothesis():
    toy, source, answers = Toy(0, 12), tf.constant(batching.pad(SOURCES)), set()
    for seed in range(10):
        toy.draw(seed)
        history = beam_search(toy, *toy.encode(source), 2, 9)
        answer = history.greedy_ends.numpy().any(axis=0)
        for row, ids in enumerate(SOURCES):
            nats, _ = toy.follow(ids, toy.greedy(ids, 9))
            is_ended = np.isclose(history.ended[:, row], -nats, rtol=0, atol=1e-5).any()
            assert answer[row] == is_ended
            answers.add(bool(is_ended))
    assert answers == {True, False}


def test_the_greedy_hypothesis_is_kept_where_the_beam_drops_it():
    """Two better prefixes push the greedy prefix out of a beam of 2 before it ends."""
    dropped, toy = 0, Toy(0, 12, {END: -2.0})
    decoder = Decoder(toy, 9, make_search(2))
    for seed in range(30):
        toy.draw(seed)
        for source, hypotheses in zip(SOURCES, decoder(SOURCES, 3), strict=True):
            greedy = toy.greedy(source, 9)
            nats, _ = toy.follow(source, greedy)
            assert hypotheses[0].nats <= nats + 1e-4
            dropped += len(hypotheses) == 3 and greedy in ids_of(hypotheses)
    assert dropped > 10


@pytest.mark.parametrize("beam", [1, 2, 5])
def test_nats_and_weights_belong_to_their_hypothesis(beam):
    """They follow a prefix through every sorting of the beam."""
    toy = Toy(3, 12, {END: -1.0})
    search = make_search(beam, length_penalty=0.7, coverage_penalty=0.1)
    for source, hypotheses in zip(SOURCES, Decoder(toy, 9, search)(SOURCES, beam), strict=True):
        for hypothesis in hypotheses:
            nats, weights = toy.follow(source, hypothesis.ids)
            assert hypothesis.nats == pytest.approx(nats, abs=1e-4)
            np.testing.assert_allclose(hypothesis.weights, weights, atol=1e-5)
            score = hypothesis_score(nats, weights, search)
            assert hypothesis.score == pytest.approx(score, abs=1e-4)


def test_n_best_hypotheses_are_different_and_sorted():
    toy = Toy(0, 12)
    decoder = Decoder(toy, 9, make_search(6, length_penalty=1.0))
    for seed in range(20):
        toy.draw(seed)
        for hypotheses in decoder(SOURCES, 6):
            assert len(hypotheses) == 6
            assert len(set(map(tuple, ids_of(hypotheses)))) == 6
            scores = [hypothesis.score for hypothesis in hypotheses]
            assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize("beam", [1, 4])
def test_a_batch_gives_the_same_as_single_sources(beam):
    """A finished sentence is not changed by longer ones in its batch."""
    toy = Toy(0, 12, {END: -1.0})
    decoder = Decoder(toy, 15, make_search(beam, coverage_penalty=0.2))
    for seed in range(10):
        toy.draw(seed)
        for source, batched in zip(SOURCES, decoder(SOURCES, beam), strict=True):
            (single,) = decoder([source], beam)
            assert ids_of(batched) == ids_of(single)
            for hypothesis, expected in zip(batched, single, strict=True):
                assert hypothesis.score == pytest.approx(expected.score, abs=1e-4)
                np.testing.assert_allclose(hypothesis.weights, expected.weights, atol=1e-5)


@pytest.mark.parametrize("beam", [1, 3])
def test_hypotheses_have_no_padding_and_no_start(beam):
    toy = Toy(0, 9, {PAD: 20.0, START: 20.0})
    for hypotheses in Decoder(toy, 6, make_search(beam))(SOURCES, beam):
        assert len(hypotheses) == beam
        for ids in ids_of(hypotheses):
            assert not {PAD, START, END} & set(ids)


@pytest.mark.parametrize("beam", [1, 3])
def test_every_hypothesis_ends_at_the_limit(beam):
    """The nats of its end count, though the model would not end."""
    toy = Toy(0, 9, {END: -20.0})
    decoder = Decoder(toy, 4, make_search(beam))
    for source, hypotheses in zip(SOURCES, decoder(SOURCES, beam), strict=True):
        assert len(hypotheses) == beam
        for hypothesis in hypotheses:
            assert len(hypothesis.ids) == 4
            nats, _ = toy.follow(source, hypothesis.ids)
            assert hypothesis.nats == pytest.approx(nats, rel=1e-4)
            assert hypothesis.nats > 15


def test_a_beam_can_be_wider_than_the_number_of_targets():
    (hypotheses,) = Decoder(Toy(0, 5), 1, make_search(20))(SOURCES[:1], 20)
    assert sorted(ids_of(hypotheses)) == [[], [1], [4]]


MODELS = {
    "general": {},
    "none": {"attention": "none", "bidirectional": False, "cell": "gru", "layers": 2},
    "coverage": {"attention": "coverage"},
    "input feeding": {"attention": "additive", "input_feeding": True, "layers": 2},
}


@pytest.mark.parametrize("kind", MODELS)
def test_states_of_real_models_follow_their_prefixes(make, kind):
    """Each hypothesis has the nats and weights of the model under teacher forcing."""
    model = serialization.build(
        make.config("seq2seq", **MODELS[kind]), make.vocabularies("seq2seq")
    )
    # Larger weights than the initial ones, with which all hypotheses would be similar.
    random = np.random.default_rng(0)
    model.set_weights([random.normal(0, 0.4, weights.shape) for weights in model.get_weights()])
    shape = tf.TensorSpec((1, None), tf.int32)
    compiled = tf.function(model, input_signature=[shape, shape], autograph=False)
    sources = [np.array(ids, np.int32) for ids in ([4, 5], [6, 4, 5, 7], [5])]
    for source, hypotheses in zip(
        sources, Decoder(model, 8, make_search(4))(sources, 4), strict=True
    ):
        assert len(hypotheses) == 4
        for hypothesis in hypotheses:
            target = np.array([[START, *hypothesis.ids, END]], np.int32)
            logits, weights = compiled(source[None], target[:, :-1])
            log_probabilities = np.asarray(logits[0], np.float64)
            log_probabilities -= np.logaddexp.reduce(log_probabilities, axis=1, keepdims=True)
            steps = np.arange(len(log_probabilities))
            nats = -log_probabilities[steps, target[0, 1:]].sum()
            assert hypothesis.nats == pytest.approx(nats, abs=1e-3)
            np.testing.assert_allclose(hypothesis.weights, weights[0, :-1], atol=1e-4)
