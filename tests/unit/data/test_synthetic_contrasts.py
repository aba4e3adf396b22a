"""Word counts give both sentences of a pair the same label, and splits share few words."""

import re
from collections import Counter

import pytest

from pipelines.config import params
from pipelines.data import synthetic_contrasts
from pipelines.data.synthetic_contrasts import ADJECTIVES, NEGATIVE, POSITIVE
from pipelines.text.normalization import normalize

SOURCE = params.ContrastsSource(kind="generated", generator="contrasts", examples=2000)
CLEANING = params.Cleaning(unicode="NFC", lowercase=True, max_length=50, drop_repeated=True)
DENIED = re.compile(r"not (\w+) at all")


@pytest.fixture(scope="module")
def splits() -> dict[str, list[tuple[list[str], str]]]:
    """Tokens and label of each sentence, by split."""
    return {
        split: [(normalize(text, CLEANING, "words").split(" "), label) for text, label in rows]
        for split, rows in synthetic_contrasts.contrasts(SOURCE, seed=1).items()
    }


def test_sizes_and_seeds(splits):
    assert {split: len(rows) for split, rows in splits.items()} == {
        "train": 1600,
        "valid": 200,
        "test": 200,
    }
    first = synthetic_contrasts.contrasts(SOURCE, seed=1)
    assert first == synthetic_contrasts.contrasts(SOURCE, seed=1)
    assert first != synthetic_contrasts.contrasts(SOURCE, seed=2)
    texts = [text for rows in first.values() for text, _ in rows]
    assert len(texts) == len(set(texts)), "no sentence is repeated"


def test_a_small_split_has_fewer_sentences():
    large = params.ContrastsSource(kind="generated", generator="contrasts", examples=1_000_000)
    rows = synthetic_contrasts.contrasts(large, seed=1)["test"]
    assert len(rows) == 2 * 24 * 10 * 10
    assert len(set(rows)) == len(rows)


def test_no_bag_of_words_exceeds_one_half(splits):
    """The best label for each bag of words is right for half of its sentences, in each split."""
    for split, rows in splits.items():
        labels_of_bag: dict[frozenset[tuple[str, int]], Counter[str]] = {}
        for tokens, label in rows:
            bag = frozenset(Counter(tokens).items())
            labels_of_bag.setdefault(bag, Counter())[label] += 1
        best = sum(max(labels.values()) for labels in labels_of_bag.values())
        assert best == len(rows) / 2, split
        assert Counter(label for _, label in rows) == {
            POSITIVE: len(rows) / 2,
            NEGATIVE: len(rows) / 2,
        }


def test_the_label_is_the_polarity_of_the_affirmed_adjective():
    rows = synthetic_contrasts.contrasts(SOURCE, seed=1)["train"]
    denials = [(match[1], label) for text, label in rows if (match := DENIED.search(text))]
    assert len(denials) > 100
    for word, label in denials:
        assert word in ADJECTIVES[POSITIVE if label == NEGATIVE else NEGATIVE]


def test_words_are_held_out(splits):
    def words(split: str) -> set[str]:
        return {token for tokens, _ in splits[split] for token in tokens}

    def combinations(split: str) -> set[frozenset[str]]:
        adjectives = {*ADJECTIVES[POSITIVE], *ADJECTIVES[NEGATIVE]}
        return {frozenset(adjectives.intersection(tokens)) for tokens, _ in splits[split]}

    for split in ("valid", "test"):
        nouns = set(synthetic_contrasts.NOUNS[split])
        assert words(split) - words("train") == nouns
        assert not combinations(split) & combinations("train")
        assert all(len(pair) == 2 for pair in combinations(split))
    assert not combinations("valid") & combinations("test")
    assert not words("valid") & set(synthetic_contrasts.NOUNS["test"])
    assert words("train") >= {*ADJECTIVES[POSITIVE], *ADJECTIVES[NEGATIVE]}


def test_neither_position_gives_the_label(splits):
    """The first adjective has the label in half of the sentences, and so has the last."""
    polarity = {word: label for label, words in ADJECTIVES.items() for word in words}
    rows = splits["train"]
    first_is_label = sum(
        next(polarity[token] for token in tokens if token in polarity) == label
        for tokens, label in rows
    )
    assert 0.45 < first_is_label / len(rows) < 0.55
