import hashlib
import math
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from pipelines.config import params
from pipelines.errors import UserError
from pipelines.text import subwords

ROOT = Path(__file__).parents[3]
TEXTS = ["lower lowest newest", "wide widest low", "newer wider", "low <s> low"] * 5


def train(texts: list[str], kind: params.Tokens, size: int) -> subwords.Segmenter:
    """Learn sub-words from texts that occur once."""
    return subwords.train([(text, 1) for text in texts], kind, size, "".join(texts))


KINDS = pytest.mark.parametrize("kind", ["bpe", "unigram"])


@KINDS
def test_every_process_gives_the_same_bytes_and_samples(kind: params.Tokens) -> None:
    texts = [(text, 1) for text in TEXTS]
    code = (
        "import hashlib\n"
        "from pipelines.text import subwords\n"
        f"trained = subwords.train({texts!r}, {kind!r}, 40, {''.join(TEXTS)!r})\n"
        f"options = ({kind!r}, trained.scores, 0.3, 5)\n"
        f"sampled = list(subwords.sample_segmentations({TEXTS!r}, *options))\n"
        "print(hashlib.sha256(trained.model + repr(sampled).encode()).hexdigest())\n"
    )
    trained = train(TEXTS, kind, 40)
    sampled = list(subwords.sample_segmentations(TEXTS, kind, trained.scores, 0.3, 5))
    expected = hashlib.sha256(trained.model + repr(sampled).encode()).hexdigest()
    for hash_seed in ("1", "2"):
        process = subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (process.stdout.strip(), process.stderr) == (expected, "")


@KINDS
def test_nothing_but_the_blank_is_changed(kind: params.Tokens) -> None:
    texts = ["Ａｂ １ ﬁ", "e\u0301 Été"] * 3  # noqa: RUF001  what NFKC would change
    trained = train(texts, kind, 40)
    for text in texts:
        assert subwords.join(trained.split(text)) == text


@KINDS
def test_special_tokens_are_never_pieces(kind: params.Tokens) -> None:
    spelt = [f"{sign}{special}" for sign in "abcdef" for special in subwords.SPECIALS]
    trained = train([" ".join(spelt), "< / s > u n k p a d"] * 40, kind, 60)
    assert not set(subwords.SPECIALS) & set(trained.scores)
    assert subwords.join(trained.split("<s> <pad>")) == "<s> <pad>"


def test_the_size_is_a_limit_and_all_characters_are_pieces() -> None:
    trained = train(TEXTS, "bpe", 20)
    assert len(trained.scores) == 20
    assert set("lowernstid" + subwords.BLANK) <= set(trained.scores)
    assert {piece for text in TEXTS for piece in trained.split(text)} <= set(trained.scores)
    assert len(train(["ab"], "bpe", 1000).scores) < 10


def test_a_row_longer_than_the_librarys_bound_is_learnt_from() -> None:
    assert "abc" in "".join(train(["abc " * 5000], "bpe", 20).scores)


def test_more_characters_than_pieces_are_refused() -> None:
    with pytest.raises(UserError, match=r"max_size' is 5, .* 7 different"):
        train(["abc def"], "unigram", 5)
    with pytest.raises(UserError, match="no text to learn"):
        train([""], "bpe", 5)


@KINDS
def test_sampling_is_a_pure_function_of_its_arguments(kind: params.Tokens) -> None:
    scores = train(TEXTS, kind, 40).scores
    first, repeated, other = (
        list(subwords.sample_segmentations(TEXTS, kind, scores, 0.3, n)) for n in (1, 1, 2)
    )
    assert first == repeated
    assert first != other
    assert [subwords.join(pieces) for pieces in first] == TEXTS


def test_bpe_without_dropout_equals_sentencepiece() -> None:
    trained = train(TEXTS, "bpe", 40)
    sampled = subwords.sample_segmentations(TEXTS, "bpe", trained.scores, 1e-12, 1)
    assert list(sampled) == [trained.split(text) for text in TEXTS]


def test_bpe_dropout_has_its_probability() -> None:
    """There are three merges of ▁ab by rank: ab, ▁ab, and ▁a, which is possible before ab."""
    scores = {"ab": 0.0, "▁ab": -1.0, "▁a": -2.0, "▁": -3.0, "a": -4.0, "b": -5.0}
    sampled = Counter(
        map(tuple, subwords.sample_segmentations(["ab"] * 20_000, "bpe", scores, 0.3, 1))
    )
    shares = {pieces: count / 20_000 for pieces, count in sampled.items()}
    # After ▁a is merged, ▁ab is still a merge of ▁a and b.
    expected = {
        ("▁ab",): 0.7 * 0.7 + 0.3 * 0.7 * 0.7,
        ("▁", "ab"): 0.7 * 0.3,
        ("▁a", "b"): 0.3 * 0.7 * 0.3,
        ("▁", "a", "b"): 0.3 * 0.3,
    }
    assert shares == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize("alpha", [0.1, 0.5, 0.99])
def test_unigram_sampling_has_its_distribution(alpha: float) -> None:
    scores = {"▁": -2.0, "▁a": -1.0, "a": -1.5, "b": -0.5, "ab": -2.5, "▁ab": -1.2}
    ways = [("▁ab",), ("▁", "ab"), ("▁a", "b"), ("▁", "a", "b")]
    weights = [math.exp(alpha * sum(scores[piece] for piece in way)) for way in ways]
    sampled = Counter(
        map(tuple, subwords.sample_segmentations(["ab"] * 20_000, "unigram", scores, alpha, 1))
    )
    expected = {way: weight / sum(weights) for way, weight in zip(ways, weights, strict=True)}
    assert {way: count / 20_000 for way, count in sampled.items()} == pytest.approx(
        expected, abs=0.012
    )


@KINDS
def test_unseen_characters_stay(kind: params.Tokens) -> None:
    scores = train(TEXTS, kind, 40).scores
    (sampled,) = subwords.sample_segmentations(["low ☃ué"], kind, scores, 0.2, 1)
    assert subwords.join(sampled) == "low ☃ué"
    assert {"☃", "é"} <= set(sampled)
    assert list(subwords.sample_segmentations([""], kind, scores, 0.2, 1)) == [[]]
