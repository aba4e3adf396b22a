"""Cleaning of text in any script: nothing is lost but what is dropped for a reason."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.config import params
from pipelines.data import cleaning
from pipelines.text import tokenizers
from pipelines.text.normalization import normalize, normalize_many
from tests.unit.text.scripts import texts

CHECK = settings(max_examples=80)
KINDS: tuple[params.Tokens, ...] = ("characters", "words", "spaces")
BATCHES = st.lists(texts(), max_size=6)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("task", ["classification", "language_modelling"])
def test_rows_are_used_unless_they_are_empty_or_long(
    task: params.Task, kind: params.Tokens, make_corpus: Any
) -> None:
    corpus = make_corpus(task, cleaning={"max_length": 6}, tokens=kind)

    @CHECK
    @given(BATCHES)
    def check(batch: list[str]) -> None:
        labels = {"label": ["good"] * len(batch)} if task == "classification" else {}
        cleaned = cleaning.clean({"text": batch, **labels}, ["d"] * len(batch), corpus)
        normalized = normalize_many(batch, corpus.cleaning, kind)
        rows = cleaned.texts["text"]
        for text, size, reason in zip(rows, cleaned.tokens["text"], cleaned.reason, strict=True):
            assert size == len(tokenizers.split(text, kind))
            expected = cleaning.USED
            if not text.strip():
                expected = cleaning.EMPTY
            elif size > 6:
                expected = cleaning.TOO_LONG
            assert reason == expected
        if task == "classification":
            assert rows == normalized
            return
        assert cleaning.TOO_LONG not in cleaned.reason  # running text is cut
        for number, text in enumerate(normalized):
            pieces = [rows[row] for row in (cleaned.origin == number).nonzero()[0]]
            joined = tokenizers.join(pieces, kind)
            assert joined.rstrip() == text.rstrip()

    check()


@pytest.mark.parametrize("kind", KINDS)
def test_parts_of_a_corpus_are_cleaned_like_the_whole(
    kind: params.Tokens, make_corpus: Any
) -> None:
    corpus = make_corpus("language_modelling", cleaning={"max_length": 3}, tokens=kind)

    @CHECK
    @given(BATCHES, BATCHES)
    def check(first: list[str], second: list[str]) -> None:
        whole, *parts = (
            cleaning.clean({"text": batch}, ["d"] * len(batch), corpus)
            for batch in (first + second, first, second)
        )
        assert whole.texts["text"] == parts[0].texts["text"] + parts[1].texts["text"]
        assert whole.reason.tolist() == [*parts[0].reason, *parts[1].reason]

    check()


def test_running_text_is_not_cut_before_a_mark(make_corpus: Any) -> None:
    @CHECK
    @given(texts(), st.integers(1, 12))
    def check(text: str, limit: int) -> None:
        corpus = make_corpus("language_modelling", tokens="characters")
        text = normalize(text, corpus.cleaning, "characters")
        pieces = list(cleaning.cut(text, "characters", limit))
        assert "".join(pieces).rstrip() == text.rstrip()
        for piece, following in pairwise(pieces):
            assert 0 < len(piece) <= limit
            # Only if all characters of a piece but the first are marks, too.
            if tokenizers.is_mark(following[0]):
                assert all(map(tokenizers.is_mark, piece[1:]))

    check()
