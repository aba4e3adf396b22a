"""Scores of hypotheses by hand, and a model that was trained to reverse sequences."""

import functools
import threading

import numpy as np
import pandas as pd
import pytest

from pipelines.config import params
from pipelines.inference import decoding
from pipelines.inference.decoding import Decoder, describe_search, hypothesis_score
from pipelines.text import encoding, vocabulary
from tests.unit.small_training import train_on_loss

LETTERS = "abcdefgh"
BEAM = params.Search(beam=5, length_penalty=1.0, coverage_penalty=0.2)


def test_length_penalty_by_hand():
    """Eleven tokens and the end: (5 + 12) / 6."""
    weights = np.full((11, 3), 1 / 3, np.float32)
    for penalty, expected in ((None, -34), (1.0, -12), (0.5, -34 / np.sqrt(17 / 6))):
        search = params.Search(beam=1, length_penalty=penalty)
        assert hypothesis_score(34.0, weights, search) == pytest.approx(expected)


def test_coverage_penalty_by_hand():
    """The source steps have attention 1.5, 0.5 and 0.25 in total."""
    weights = np.array([[0.9, 0.1, 0.0], [0.6, 0.4, 0.0], [0.0, 0.0, 0.25]], np.float32)
    score = hypothesis_score(2.0, weights, params.Search(beam=1, coverage_penalty=0.4))
    assert score == pytest.approx(-2 + 0.4 * (np.log(0.5) + np.log(0.25)), rel=1e-5)


def test_a_source_without_attention_has_a_large_finite_penalty():
    search = params.Search(beam=1, coverage_penalty=1.0)
    score = hypothesis_score(2.0, np.array([[1.0, 0.0]]), search)
    assert -np.inf < score < -20
    empty = hypothesis_score(2.0, np.zeros((0, 4)), search)
    assert -np.inf < empty < score


def test_descriptions_of_searches():
    assert describe_search(None) == describe_search(params.Search(beam=1)) == "greedy"
    assert describe_search(params.Search(beam=5, length_penalty=0.0)) == "beam 5"
    search = params.Search(beam=10, length_penalty=0.6, coverage_penalty=0.2, replace_unknown=True)
    assert describe_search(search) == (
        "beam 10, length penalty 0.6, coverage penalty 0.2, unknown words replaced"
    )


@pytest.fixture(scope="module")
def reverser():
    """An attention model trained to reverse up to 8 letters, unseen sequences, vocabularies."""
    from tests.unit.conftest import make_spec

    random = np.random.default_rng(0)
    texts = [" ".join(random.choice(list(LETTERS), random.integers(2, 9))) for _ in range(2000)]
    texts = list(dict.fromkeys(texts))
    frame = pd.DataFrame({"source": texts, "target": [text[::-1] for text in texts]})
    vocabularies = vocabulary.Vocabularies(
        {column: vocabulary.build(list(frame[column]), "words", 50, 1) for column in frame}
    )
    spec = make_spec(
        "seq2seq",
        attention="general",
        batch_size=32,
        epochs=10,
        units=48,
        optimizer={"name": "adam", "learning_rate": 0.01, "schedule": "linear", "clip_norm": 1.0},
    )
    unseen = frame.iloc[-200:]
    model, *_ = train_on_loss(spec, (frame.iloc[:-200], unseen), vocabularies)
    return model, unseen, vocabularies


@pytest.fixture(scope="module")
def decoder_of(reverser):
    """A function that returns the decoder of a search, which is compiled once."""
    return functools.cache(lambda search: Decoder(reverser[0], 12, search))


def _rows(reverser):
    _, unseen, vocabularies = reverser
    return encoding.encode_rows(unseen["source"], vocabularies.columns["source"])


@pytest.mark.parametrize("search", [None, BEAM], ids=describe_search)
def test_unseen_sequences_are_reversed(reverser, decoder_of, search):
    _, unseen, vocabularies = reverser
    translations = decoder_of(search)(_rows(reverser))
    texts = [vocabularies.columns["target"].decode(best.ids) for (best,) in translations]
    assert np.mean(np.array(texts) == unseen["target"].to_numpy(str)) >= 0.98


@pytest.mark.parametrize("search", [None, BEAM], ids=describe_search)
def test_a_batch_gives_the_same_as_single_sources(reverser, decoder_of, search):
    decoder, rows = decoder_of(search), _rows(reverser)[:20]
    for row, (batched,) in zip(rows, decoder(rows), strict=True):
        ((single,),) = decoder([row])
        assert batched.ids.tolist() == single.ids.tolist()
        assert batched.nats == pytest.approx(single.nats, abs=1e-3)
        np.testing.assert_allclose(batched.weights, single.weights, atol=1e-4)


def test_batches_side_by_side_give_the_same(reverser, decoder_of, monkeypatch):
    decoder, rows = decoder_of(BEAM), _rows(reverser)
    expected = decoder(rows, n_best=2)
    monkeypatch.setattr(decoding, "shard_count", lambda: 2)
    threads, both = set(), threading.Event()
    decode = decoder._decode

    def decode_and_note_thread(*arguments):
        threads.add(threading.get_ident())
        if len(threads) == 2:
            both.set()
        both.wait(600)  # until the other thread has a batch too, which this one could take
        return decode(*arguments)

    monkeypatch.setattr(decoder, "_decode", decode_and_note_thread)
    for row, same_row in zip(expected, decoder(rows, n_best=2), strict=True):
        assert [best.ids.tolist() for best in row] == [best.ids.tolist() for best in same_row]
        assert [best.nats for best in row] == pytest.approx([best.nats for best in same_row])
    assert len(threads) == 2
    assert threading.get_ident() not in threads


@pytest.mark.parametrize("length_penalty", [0.0, 1.0])
def test_a_beam_never_scores_lower_than_greedy_search(reverser, length_penalty):
    greedy, beam = (
        Decoder(reverser[0], 12, params.Search(beam=beam, length_penalty=length_penalty))(
            _rows(reverser)
        )
        for beam in (1, 5)
    )
    for (baseline,), (best,) in zip(greedy, beam, strict=True):
        assert best.score >= baseline.score - 1e-5


def test_weights_are_over_the_source_without_padding(reverser, decoder_of):
    rows = _rows(reverser)[:20]
    for row, (best,) in zip(rows, decoder_of(None)(rows), strict=True):
        assert best.weights.shape == (len(best.ids), len(row))
        np.testing.assert_allclose(best.weights.sum(axis=1), 1, atol=1e-4)


def test_the_attention_of_a_reverser_runs_backwards(reverser, decoder_of):
    ((best,),) = decoder_of(None)(_rows(reverser)[:1])
    positions = best.weights.argmax(axis=1)
    assert np.corrcoef(positions, np.arange(len(positions)))[0, 1] < -0.5
