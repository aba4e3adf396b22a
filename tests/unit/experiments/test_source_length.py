"""Buckets of source lengths, and the score in each."""

import pandas as pd
import pytest

from pipelines.config import params
from pipelines.experiments import source_length


def corpus(tokens, lowercase=False):
    """Of a corpus only what is read here."""
    cleaning = params.Cleaning(lowercase=lowercase, max_length=50, drop_repeated=False)
    return params.Corpus.model_construct(tokens=tokens, cleaning=cleaning)


def test_exact_match_of_characters_by_hand():
    said = pd.DataFrame(
        {
            "source": ["ab", "cd", "abcd", "efgh", "abcdef", "ghijkl"],
            "target": ["x", "y", "x", "y", "x", "y"],
            "hypothesis": ["x", "y", "x", "?", "?", "?"],
        }
    )
    found = source_length.by_length("one", said, corpus("characters"), 3)
    assert list(found["score"]) == [1, 0.5, 0]
    assert list(found["shortest"]) == list(found["longest"]) == list(found["mean"]) == [2, 4, 6]
    assert list(found["examples"]) == [2, 2, 2]
    assert set(found["measure"]) == {"exact match"}
    assert set(found["model"]) == {"one"}


def test_of_a_group_the_first_seed_is_taken():
    said = pd.DataFrame({"source": ["ab", "abcd"], "target": ["x", "y"], "hypothesis": ["x", "?"]})
    other = said.assign(hypothesis="z")
    group = pd.concat([said.assign(seed=5), other.assign(seed=2)], ignore_index=True)
    found = source_length.by_length("one", group, corpus("characters"), 2)
    assert found.equals(source_length.by_length("one", said, corpus("characters"), 2))
    assert list(found["score"]) == [1, 0]


def test_bleu_of_words_is_of_the_whole_bucket():
    said = pd.DataFrame(
        {
            "source": ["a b c", "a b", "a b c d e f", "a b c d e f g"],
            "target": ["a b c d e", "f g h i", "a b c d e", "f g h i"],
            "hypothesis": ["a b c d e", "f g h i", "a b c d x", "no"],
        }
    )
    short, long = source_length.by_length("one", said, corpus("words"), 2).to_dict("records")
    assert short["score"] == pytest.approx(100)
    assert 0 < long["score"] < 100
    assert (short["shortest"], short["longest"], short["mean"]) == (2, 3, 2.5)
    assert short["measure"] == "BLEU"
