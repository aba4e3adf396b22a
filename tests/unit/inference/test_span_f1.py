"""Spans of IOB tags: by hand from the rules of conlleval, and against an independent rule."""

import random

import pytest

from pipelines.inference import scores
from pipelines.inference.scores import Span


@pytest.mark.parametrize(
    ("tags", "spans"),
    [
        ("O O", []),
        ("B-x", [(0, 1, "x")]),
        ("B-x I-x O B-y", [(0, 2, "x"), (3, 4, "y")]),
        # startOfChunk: B after B or I of the same type starts another span.
        ("B-x B-x", [(0, 1, "x"), (1, 2, "x")]),
        ("B-x I-x B-x I-x", [(0, 2, "x"), (2, 4, "x")]),
        # startOfChunk: I after O, and at the beginning of a sentence, starts a span.
        ("O I-x I-x O", [(1, 3, "x")]),
        ("I-x", [(0, 1, "x")]),
        ("I-x B-x", [(0, 1, "x"), (1, 2, "x")]),
        # endOfChunk and startOfChunk: another type ends one span and starts another.
        ("B-x I-y", [(0, 1, "x"), (1, 2, "y")]),
        ("B-x I-y I-y I-x", [(0, 1, "x"), (1, 3, "y"), (3, 4, "x")]),
        ("I-x O I-x", [(0, 1, "x"), (2, 3, "x")]),
        # conlleval splits a tag at the first hyphen; case matters.
        ("B-a-b I-a-b I-a-B", [(0, 2, "a-b"), (2, 3, "a-B")]),
    ],
)
def test_spans(tags, spans):
    assert scores.find_spans(tags.split()) == [Span(*span) for span in spans]


@pytest.mark.parametrize("tag", ["", "X-x", "x", "B", "I-", "o", "E-x", "-x", "O-x"])
def test_other_tags_are_refused(tag):
    with pytest.raises(ValueError, match="IOB tag"):
        scores.find_spans(["O", tag])


@pytest.mark.parametrize(
    ("predicted", "actual", "counts"),
    [
        ("O O", "O O", (0, 0, 0)),
        ("B-x I-x", "B-x I-x", (1, 1, 1)),
        ("I-x I-x", "B-x I-x", (1, 1, 1)),  # the same span, whatever its first prefix
        ("B-x O", "B-x I-x", (0, 1, 1)),  # too short
        ("B-x I-x", "B-x O", (0, 1, 1)),  # too long
        ("B-x B-x", "B-x I-x", (0, 2, 1)),  # cut in two
        ("B-y I-y", "B-x I-x", (0, 1, 1)),  # another type
        ("B-x I-y", "B-x I-x", (0, 2, 1)),
        ("O B-x", "B-x I-x", (0, 1, 1)),  # the end is right, the start is not
        ("B-x O B-y", "B-x O O", (1, 2, 1)),
        ("B-x O O", "B-x O B-y", (1, 1, 2)),
    ],
)
def test_counts(predicted, actual, counts):
    assert scores.span_counts(predicted, actual) == counts


@pytest.mark.parametrize("score", [scores.span_f1, scores.token_accuracy])
def test_texts_of_another_length_are_refused(score):
    with pytest.raises(ValueError, match="1 tags are compared with 2"):
        score(["O"], ["O O"])
    with pytest.raises(ValueError, match="zip"):
        score(["O"], [])


def test_scores_are_of_all_texts_together():
    actual = ["B-x I-x O", "B-y O", "O"]
    predicted = ["B-x I-x B-y", "O B-y", "O"]
    # One of three predicted spans is right, and one of two actual ones.
    assert scores.span_f1(predicted, actual) == pytest.approx(2 * (1 / 3 * 1 / 2) / (1 / 3 + 1 / 2))
    assert scores.token_accuracy(predicted, actual) == 3 / 6


def test_a_span_ends_with_its_text():
    assert scores.span_f1(["B-x", "I-x"], ["B-x", "B-x"]) == 1.0


@pytest.mark.parametrize(("predicted", "actual"), [("O", "O"), ("B-x", "O"), ("O", "B-x")])
def test_f1_without_a_right_span_is_0(predicted, actual):
    assert scores.span_f1([predicted], [actual]) == 0.0


def conlleval_spans(tags):
    """Spans by startOfChunk and endOfChunk, as the script has them for the tags B, I and O."""
    spans, start = [], 0
    for position in range(len(tags) + 1):
        before = tags[position - 1] if position else "O"
        tag = tags[position] if position < len(tags) else "O"
        other_type = before[2:] != tag[2:]
        if before != "O" and (tag[0] in "BO" or other_type):
            spans.append((start, position, before[2:]))
        if tag != "O" and (tag[0] == "B" or before == "O" or other_type):
            start = position
    return spans


def test_random_tags_have_the_spans_of_conlleval():
    generator = random.Random(0)
    tags = ["O", "B-x", "I-x", "B-y", "I-y", "B-a-b", "I-a-b"]
    for _ in range(2000):
        sentence = generator.choices(tags, k=generator.randint(1, 12))
        assert scores.find_spans(sentence) == conlleval_spans(sentence)
