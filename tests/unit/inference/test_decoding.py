"""Scores of hypotheses by hand, and a model that reverses sequences: the oracle of the field."""

import numpy as np
import pandas as pd
import pytest

from pipelines.config import params
from pipelines.inference.decoding import Decoder, describe_search, hypothesis_score
from pipelines.text import encoding as encode
from pipelines.text import vocabulary
from tests.unit.small_training import train_on_loss

LETTERS = "abcdefgh"
BEAM = params.Search(beam=5, length_penalty=1.0, coverage_penalty=0.2)


def test_length_penalty_by_hand():
    """Eleven tokens and the end: (5 + 12) / 6."""
    weights = np.full((11, 3), 1 / 3, np.float32)
    assert hypothesis_score(34.0, weights, params.Search(beam=1)) == -34
    assert hypothesis_score(
        34.0, weights, params.Search(beam=1, length_penalty=1.0)
    ) == pytest.approx(-12)
    half = params.Search(beam=1, length_penalty=0.5)
    assert hypothesis_score(34.0, weights, half) == pytest.approx(-34 / np.sqrt(17 / 6))


def test_coverage_penalty_by_hand():
    """The first source step got 1.5, the second half, the third a quarter of the attention."""
    weights = np.array([[0.9, 0.1, 0.0], [0.6, 0.4, 0.0], [0.0, 0.0, 0.25]], np.float32)
    found = hypothesis_score(2.0, weights, params.Search(beam=1, coverage_penalty=0.4))
    assert found == pytest.approx(-2 + 0.4 * (np.log(0.5) + np.log(0.25)), rel=1e-5)


def test_a_source_without_attention_costs_much_and_no_infinity():
    found = hypothesis_score(
        2.0, np.array([[1.0, 0.0]]), params.Search(beam=1, coverage_penalty=1.0)
    )
    assert -np.inf < found < -20
    nothing = hypothesis_score(2.0, np.zeros((0, 4)), params.Search(beam=1, coverage_penalty=1.0))
    assert -np.inf < nothing < found


def test_a_search_in_words():
    assert describe_search(None) == describe_search(params.Search(beam=1)) == "greedy"
    assert describe_search(params.Search(beam=5, length_penalty=0.0)) == "beam 5"
    every = params.Search(beam=10, length_penalty=0.6, coverage_penalty=0.2, replace_unknown=True)
    assert describe_search(every) == (
        "beam 10, length penalty 0.6, coverage penalty 0.2, unknown words replaced"
    )


@pytest.fixture(scope="module")
def reverser():
    """An attention model trained to reverse sequences of up to 8 letters, and unseen sequences."""
    from tests.unit.conftest import card_of

    random = np.random.default_rng(0)
    texts = [" ".join(random.choice(list(LETTERS), random.integers(2, 9))) for _ in range(2000)]
    texts = list(dict.fromkeys(texts))
    frame = pd.DataFrame({"source": texts, "target": [text[::-1] for text in texts]})
    words = vocabulary.Vocabularies(
        {column: vocabulary.build(list(frame[column]), "words", 50, 1) for column in frame}
    )
    card = card_of(
        "seq2seq",
        attention="general",
        batch_size=32,
        epochs=10,
        units=48,
        optimizer={"name": "adam", "learning_rate": 0.01, "schedule": "linear", "clip_norm": 1.0},
    )
    unseen = frame.iloc[-200:]
    model, *_ = train_on_loss(card, (frame.iloc[:-200], unseen), words)
    return model, unseen, words


def _rows(reverser):
    _, unseen, words = reverser
    return encode.encode_rows(unseen["source"], words.columns["source"])


@pytest.mark.parametrize("search", [None, BEAM], ids=describe_search)
def test_unseen_sequences_are_reversed(reverser, search):
    model, unseen, words = reverser
    found = Decoder(model, 12, search)(_rows(reverser))
    texts = [words.columns["target"].text(one.ids) for (one,) in found]
    right = np.mean([a == b for a, b in zip(texts, unseen["target"], strict=True)])
    assert right >= 0.98


@pytest.mark.parametrize("search", [None, BEAM], ids=describe_search)
def test_a_batch_is_as_one_by_one(reverser, search):
    decoder, rows = Decoder(reverser[0], 12, search), _rows(reverser)[:20]
    for row, (one,) in zip(rows, decoder(rows), strict=True):
        alone = decoder([row])[0][0]
        assert one.ids.tolist() == alone.ids.tolist()
        assert one.nats == pytest.approx(alone.nats, abs=1e-3)
        np.testing.assert_allclose(one.weights, alone.weights, atol=1e-4)


@pytest.mark.parametrize("length_penalty", [0.0, 1.0])
def test_a_trained_beam_never_finds_less_than_greedy_search(reverser, length_penalty):
    one, five = (params.Search(beam=beam, length_penalty=length_penalty) for beam in (1, 5))
    greedy, best = (Decoder(reverser[0], 12, search)(_rows(reverser)) for search in (one, five))
    for (least,), (most,) in zip(greedy, best, strict=True):
        assert most.score >= least.score - 1e-5


def test_weights_are_over_the_real_source(reverser):
    rows = _rows(reverser)[:20]
    for row, (one,) in zip(rows, Decoder(reverser[0], 12)(rows), strict=True):
        assert one.weights.shape == (len(one.ids), len(row))
        np.testing.assert_allclose(one.weights.sum(axis=1), 1, atol=1e-4)


def test_attention_of_a_reverser_runs_backwards(reverser):
    row = _rows(reverser)[0]
    found = Decoder(reverser[0], 12)([row])[0][0]
    looked = found.weights.argmax(axis=1)
    assert np.corrcoef(looked, np.arange(len(looked)))[0, 1] < -0.5
