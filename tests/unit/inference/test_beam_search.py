"""Beam search against all there is to find, against a search by hand, and against real models."""

import numpy as np
import pytest

from pipelines.config import params
from pipelines.inference.decoding import Decoder, hypothesis_score
from pipelines.models import serialization
from pipelines.text.vocabulary import END, PAD, START
from tests.unit.inference.toy import Toy

SOURCES = [np.array(ids, np.int32) for ids in ([5], [4, 6, 5], [6], [7, 4], [5, 5, 4, 8, 9], [9])]
PENALTIES = [
    {},
    {"length_penalty": 1.0},
    {"coverage_penalty": 0.3},
    {"length_penalty": 0.6, "coverage_penalty": 0.2},
]


def search(beam, **penalties):
    return params.Search(beam=beam, **penalties)


@pytest.mark.parametrize("penalties", PENALTIES)
def test_a_wide_beam_finds_the_best_of_all_targets(penalties):
    """85 targets of at most 3 of 4 words: all are found, scored and ordered as by hand."""
    toy, wanted = Toy(0, 7), search(85, **penalties)
    for source, found in zip(SOURCES, Decoder(toy, 3, wanted)(SOURCES, 85), strict=True):
        every = [(ids, *toy.follow(source, ids)) for ids in toy.all(3)]
        by_score = sorted(
            ((hypothesis_score(n, w, wanted), ids) for ids, n, w in every), reverse=True
        )
        assert len(found) == 85
        for one, (value, ids) in zip(found, by_score, strict=True):
            assert one.ids.tolist() == ids
            assert one.score == pytest.approx(value, abs=1e-4)


def test_a_beam_of_1_takes_the_likeliest_token_at_each_step():
    toy = Toy(0, 12)
    decoder = Decoder(toy, 9)
    for seed in range(20):
        toy.draw(seed)
        for source, found in zip(SOURCES, decoder(SOURCES, 3), strict=True):
            assert [one.ids.tolist() for one in found] == [toy.greedy(source, 9)]


@pytest.mark.parametrize("penalties", PENALTIES)
def test_a_beam_never_finds_less_than_greedy_search(penalties):
    """Of what the search makes large: with penalties that is not the probability."""
    better, toy = 0, Toy(0, 12, {END: -1.0})
    greedy, two, five = (Decoder(toy, 9, search(beam, **penalties)) for beam in (1, 2, 5))
    for seed in range(40):
        toy.draw(seed)
        least = greedy(SOURCES)
        for decoder in (two, five):
            for (one,), (other,) in zip(decoder(SOURCES), least, strict=True):
                assert one.score >= other.score - 1e-5
                better += one.score > other.score + 1e-3
    assert better > 100


def test_the_greedy_hypothesis_is_there_where_the_beam_lost_it():
    """Two prefixes that start better push the greedy one out of a beam of 2 before it ends."""
    lost, toy = 0, Toy(0, 12, {END: -2.0})
    decoder = Decoder(toy, 9, search(2))
    for seed in range(60):
        toy.draw(seed)
        for source, found in zip(SOURCES, decoder(SOURCES, 3), strict=True):
            greedy = toy.greedy(source, 9)
            nats, _ = toy.follow(source, greedy)
            assert found[0].nats <= nats + 1e-4
            lost += len(found) == 3 and greedy in [one.ids.tolist() for one in found]
    assert lost > 20


@pytest.mark.parametrize("beam", [1, 2, 5])
def test_what_is_found_is_what_the_model_says_of_it(beam):
    """Nats and weights follow each hypothesis, however often the beam was sorted anew."""
    toy = Toy(3, 12, {END: -1.0})
    wanted = search(beam, length_penalty=0.7, coverage_penalty=0.1)
    for source, found in zip(SOURCES, Decoder(toy, 9, wanted)(SOURCES, beam), strict=True):
        for one in found:
            nats, weights = toy.follow(source, one.ids)
            assert one.nats == pytest.approx(nats, abs=1e-4)
            np.testing.assert_allclose(one.weights, weights, atol=1e-5)
            assert one.score == pytest.approx(hypothesis_score(nats, weights, wanted), abs=1e-4)


def test_n_best_are_different_and_in_order():
    toy = Toy(0, 12)
    decoder = Decoder(toy, 9, search(6, length_penalty=1.0))
    for seed in range(20):
        toy.draw(seed)
        for found in decoder(SOURCES, 6):
            assert len(found) == 6
            assert len({tuple(one.ids) for one in found}) == 6
            scores = [one.score for one in found]
            assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize("beam", [1, 4])
def test_a_batch_is_as_one_by_one(beam):
    """So it does not matter either how long others of the batch go on after a sentence is done."""
    toy = Toy(0, 12, {END: -1.0})
    decoder = Decoder(toy, 15, search(beam, coverage_penalty=0.2))
    for seed in range(10):
        toy.draw(seed)
        for source, together in zip(SOURCES, decoder(SOURCES, beam), strict=True):
            alone = decoder([source], beam)[0]
            assert [one.ids.tolist() for one in together] == [one.ids.tolist() for one in alone]
            for one, other in zip(together, alone, strict=True):
                assert one.score == pytest.approx(other.score, abs=1e-4)
                np.testing.assert_allclose(one.weights, other.weights, atol=1e-5)


@pytest.mark.parametrize("beam", [1, 3])
def test_padding_and_start_are_never_said(beam):
    toy = Toy(0, 9, {PAD: 20.0, START: 20.0})
    for found in Decoder(toy, 6, search(beam))(SOURCES, beam):
        assert len(found) == beam
        for one in found:
            assert not {PAD, START, END} & set(one.ids.tolist())


@pytest.mark.parametrize("beam", [1, 3])
def test_every_hypothesis_ends_at_the_limit(beam):
    """With an end, whose nats are counted, though the model wants none."""
    toy = Toy(0, 9, {END: -20.0})
    for source, found in zip(SOURCES, Decoder(toy, 4, search(beam))(SOURCES, beam), strict=True):
        assert len(found) == beam
        for one in found:
            assert len(one.ids) == 4
            assert one.nats == pytest.approx(toy.follow(source, one.ids)[0], rel=1e-4)
            assert one.nats > 15


def test_a_beam_wider_than_all_there_is():
    found = Decoder(Toy(0, 5), 1, search(20))(SOURCES[:1], 20)[0]
    assert sorted(one.ids.tolist() for one in found) == [[], [1], [4]]


REAL = {
    "general": {},
    "none": {"attention": "none", "bidirectional": False, "cell": "gru", "layers": 2},
    "coverage": {"attention": "coverage"},
    "input feeding": {"attention": "additive", "input_feeding": True, "layers": 2},
}


@pytest.mark.parametrize("kind", REAL)
def test_states_of_real_models_follow_their_prefixes(make, kind):
    """Each hypothesis has the nats and weights that the model gives it under teacher forcing."""
    model = serialization.build(make.entry("seq2seq", **REAL[kind]), make.words("seq2seq"))
    # Far from the start, where every hypothesis would be much like the others.
    random = np.random.default_rng(0)
    model.set_weights([random.normal(0, 0.4, one.shape) for one in model.get_weights()])
    sources = [np.array(ids, np.int32) for ids in ([4, 5], [6, 4, 5, 7], [5])]
    for source, found in zip(sources, Decoder(model, 8, search(4))(sources, 4), strict=True):
        assert len(found) == 4
        for one in found:
            target = np.array([[START, *one.ids, END]], np.int32)
            logits, weights = model(source[None], target[:, :-1])
            logs = np.asarray(logits[0], np.float64)
            logs -= np.logaddexp.reduce(logs, axis=1, keepdims=True)
            nats = -logs[np.arange(len(logs)), target[0, 1:]].sum()
            assert one.nats == pytest.approx(nats, abs=1e-3)
            np.testing.assert_allclose(one.weights, weights[0, :-1], atol=1e-4)
