"""Near-duplicates: made pairs are together, different texts are not."""

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from datasketch import MinHash, MinHashLSH

from pipelines.data import near_duplicates
from pipelines.data.near_duplicates import band_keys, groups
from tests.unit.data.whole_frames import prepare

WORDS = [f"{first}{middle}{last}" for first in "btk" for middle in "aeiou" for last in "lmnrs"]
SCRIPTS = {
    "Latin": "abcdefghijklmnopqrstuvwxyz ",
    "Chinese": "".join(chr(code) for code in range(0x4E00, 0x4E80)),
    "Devanagari": "".join(chr(code) for code in range(0x0905, 0x0950)) + " ",
    "Thai": "".join(chr(code) for code in range(0x0E01, 0x0E3A)),
    "emoji": "".join(chr(code) for code in range(0x1F600, 0x1F640)),
}


def make_texts(count: int, letters: str = SCRIPTS["Latin"], length: int = 120) -> list[str]:
    generator = random.Random(7)
    return ["".join(generator.choices(letters, k=length)) for _ in range(count)]


def shingles(text: str) -> set[str]:
    padded = near_duplicates._folded(text)
    return {padded[start : start + 5] for start in range(len(padded) - 4)}


def similarity(left: str, right: str) -> float:
    return len(shingles(left) & shingles(right)) / len(shingles(left) | shingles(right))


@pytest.mark.parametrize("script", SCRIPTS)
def test_made_near_duplicates_are_together_and_others_are_not(script: str) -> None:
    letters = SCRIPTS[script]
    texts = make_texts(200, letters)
    copies = [f"{text[:60]}{letters[0]}{text[61:]}" for text in texts]
    assert min(map(similarity, texts, copies)) >= 0.9
    codes = groups(band_keys(texts + copies, 0.8))
    together = codes[:200] == codes[200:]
    assert together.mean() >= 0.99
    assert len(np.unique(codes[:200])) == 200


def test_near_duplicates_are_pairs_above_the_threshold() -> None:
    """Of texts with many common words, nearly all pairs above 0.8 are together, few below 0.5."""
    generator = random.Random(3)
    base = [generator.choice(WORDS) for _ in range(40)]
    texts = []
    for changes in range(40):
        text = list(base)
        for place in generator.sample(range(40), changes):
            text[place] = generator.choice(WORDS)
        texts.append(" ".join(text))
    keys = band_keys(texts, 0.8)
    pairs = [
        (similarity(texts[0], text), (keys[0] == key).any())
        for text, key in zip(texts, keys, strict=True)
    ]
    above = [together for similar, together in pairs if similar >= 0.85]
    below = [together for similar, together in pairs if similar < 0.5]
    assert len(above) >= 3
    assert all(above)
    assert len(below) >= 20
    assert not any(below)


def test_a_lower_threshold_joins_more() -> None:
    texts = make_texts(100)
    halves = [
        text[:80] + other[80:] for text, other in zip(texts, texts[1:] + texts[:1], strict=True)
    ]
    counts = [len(np.unique(groups(band_keys(texts + halves, level)))) for level in (0.3, 0.9)]
    assert counts[0] < 150
    assert counts[1] == 200


def test_equal_texts_are_together_whatever_their_case() -> None:
    codes = groups(band_keys(["A good film", "bad", "a GOOD film", "", "", "x", "BAD", "y"], 0.8))
    assert codes.tolist() == [0, 1, 0, 2, 2, 3, 1, 4]


@pytest.mark.parametrize("texts", [[], [""], ["a"], ["a\0b\0\0\0c"], ["\ud800"]])
def test_any_text_has_keys(texts: list[str]) -> None:
    keys = band_keys(texts, 0.8)
    assert keys.dtype == np.uint64
    assert keys.shape == (len(texts), near_duplicates._bands(0.8).number)
    assert groups(keys).tolist() == list(range(len(texts)))


def test_keys_do_not_depend_on_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = make_texts(50)
    keys = band_keys(texts, 0.8)
    parts = [band_keys(texts[:1], 0.8), band_keys(texts[1:17], 0.8), band_keys(texts[17:], 0.8)]
    assert np.array_equal(keys, np.concatenate(parts))
    monkeypatch.setattr(near_duplicates, "CHUNK", 300)
    assert np.array_equal(keys, band_keys(texts, 0.8))


def test_keys_do_not_change_from_version_to_version() -> None:
    """Splits depend on them."""
    keys = band_keys(["a good film", "文字化け"], 0.8)
    assert keys[:, 0].tolist() == [3059979485420868077, 11670383826040201734]


def test_groups_are_connected_components_in_order_of_appearance() -> None:
    keys = np.array([[9, 1], [5, 2], [9, 3], [4, 2], [7, 3], [8, 8]], np.uint64)
    assert groups(keys).tolist() == [0, 1, 0, 1, 0, 2]


def test_the_column_of_a_key_matters() -> None:
    assert groups(np.array([[1, 2], [2, 1]], np.uint64)).tolist() == [0, 1]


def test_bands_are_of_the_permutations_of_datasketch() -> None:
    """Two texts share a band where all minima of its permutations are equal."""
    texts = make_texts(30)
    texts += [text[:50] + "zz" + text[52:] for text in texts]
    index = MinHashLSH(threshold=0.8, num_perm=128, weights=near_duplicates.WEIGHTS)
    sketches = []
    for text in texts:
        padded = near_duplicates._folded(text)
        codes = np.array([ord(letter) for letter in padded], np.uint32)
        hashes = near_duplicates._shingle_hashes(codes)
        factors, offsets = MinHash(128, 1).permutations
        sketches.append((hashes[:, None] * factors + offsets).min(axis=0))
    keys = band_keys(texts, 0.8)
    for band in range(index.b):
        part = slice(band * index.r, (band + 1) * index.r)
        for left in range(0, 60, 7):
            for right in range(60):
                same = (sketches[left][part] == sketches[right][part]).all()
                assert (keys[left, band] == keys[right, band]) == same


@pytest.mark.parametrize("method", ["shuffled", "stratified"])
def test_near_duplicates_are_in_one_split(method: str, make_corpus: Any, tmp_path: Path) -> None:
    texts = make_texts(100)
    rows = [
        ("a", number, f"{text}{end}", ("bad", "good")[number % 2])
        for end in ("", " x")
        for number, text in enumerate(texts)
    ]
    split = {"method": method, "valid": 0.2, "test": 0.2}
    cleaning = {"max_length": 100}
    leaks = {}
    for threshold in (None, 0.8):
        corpus = make_corpus(
            "classification", cleaning=cleaning, split={**split, "near_duplicates": threshold}
        )
        folder = tmp_path / f"{threshold}"
        folder.mkdir()
        frames = prepare(rows, corpus, folder)
        parts = [set(frame["line"]) for frame in frames.values()]
        leaks[threshold] = sum(map(len, parts)) - len(set.union(*parts))
        assert [len(frame) for frame in frames.values()] == [120, 40, 40]
        assert frames["test"]["label"].nunique() == 2
    assert leaks[None] > 20
    assert leaks[0.8] == 0
