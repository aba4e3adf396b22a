"""Scores in buckets of source lengths."""

import pandas as pd
import pytest

from pipelines.config import params
from pipelines.experiments import source_length


def corpus(tokens, lowercase=False):
    """Return a corpus with only the fields that the function reads."""
    cleaning = params.Cleaning(
        unicode="NFC", lowercase=lowercase, max_length=50, drop_repeated=False
    )
    return params.Corpus.model_construct(tokens=tokens, cleaning=cleaning)


def test_exact_match_of_characters_by_hand():
    predictions = pd.DataFrame(
        {
            "source": ["ab", "cd", "abcd", "efgh", "abcdef", "ghijkl"],
            "target": ["x", "y", "x", "y", "x", "y"],
            "hypothesis": ["x", "y", "x", "?", "?", "?"],
        }
    )
    scores = source_length.by_length("model", predictions, corpus("characters"), 3)
    assert list(scores["score"]) == [1, 0.5, 0]
    assert list(scores["shortest"]) == list(scores["longest"]) == list(scores["mean"]) == [2, 4, 6]
    assert list(scores["examples"]) == [2, 2, 2]
    assert set(scores["measure"]) == {"exact match"}
    assert set(scores["model"]) == {"model"}


def test_the_first_seed_of_a_group_is_scored():
    predictions = pd.DataFrame(
        {"source": ["ab", "abcd"], "target": ["x", "y"], "hypothesis": ["x", "?"]}
    )
    other = predictions.assign(hypothesis="z")
    group = pd.concat([predictions.assign(seed=5), other.assign(seed=2)], ignore_index=True)
    scores = source_length.by_length("model", group, corpus("characters"), 2)
    assert scores.equals(source_length.by_length("model", predictions, corpus("characters"), 2))
    assert list(scores["score"]) == [1, 0]


def test_bleu_is_computed_over_the_whole_bucket():
    predictions = pd.DataFrame(
        {
            "source": ["a b c", "a b", "a b c d e f", "a b c d e f g"],
            "target": ["a b c d e", "f g h i", "a b c d e", "f g h i"],
            "hypothesis": ["a b c d e", "f g h i", "a b c d x", "no"],
        }
    )
    short, long = source_length.by_length("model", predictions, corpus("words"), 2).to_dict(
        "records"
    )
    assert short["score"] == pytest.approx(100)
    assert 0 < long["score"] < 100
    assert (short["shortest"], short["longest"], short["mean"]) == (2, 3, 2.5)
    assert short["measure"] == "BLEU"
