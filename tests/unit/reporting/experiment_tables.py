"""Small tables of the experiments on trained models."""

from collections.abc import Mapping, Sequence

import pandas as pd

from pipelines.experiments import tables

CLASSIFIERS = ("opinions-perceptron", "opinions-positions", "3-grams", "opinions-lstm")
# Kind, texts and labels of each pair; the exchanged text of the last two has no label.
PAIRS = (
    ("natural", "so good", "good so", "positive", "negative"),
    ("natural", "so bad", "bad so", "negative", "positive"),
    ("exchanged", "a long bad", "bad long a", "negative", None),
    ("exchanged", "b", "<i>", "positive", None),
)
ANSWERS: Mapping[str, Sequence[str]] = {  # first letters of the answers to both texts of each pair
    "opinions-perceptron": ("nn", "nn", "nn", "pp"),
    "opinions-positions": ("nn", "nn", "nn", "pp"),
    "3-grams": ("nn", "nn", "np", "pn"),
    "opinions-lstm": ("nn", "nn", "np", "pp"),
}


def word_order_answers(answers: Mapping[str, Sequence[str]] = ANSWERS) -> pd.DataFrame:
    """Return the answers of four classifiers to four pairs."""
    labels = {"n": "negative", "p": "positive"}
    rows = [
        (*pair, classifier, labels[both[0]], labels[both[1]], 0.5)
        for classifier in CLASSIFIERS
        for pair, both in zip(PAIRS, answers[classifier], strict=True)
    ]
    return pd.DataFrame(rows, columns=list(tables.WORD_ORDER))


def source_lengths(
    fixed: Sequence[float] = (7.0, 6.0, 4.0),
    attention: Sequence[float] = (20.0, 22.0, 21.0),
    longest: int = 20,
) -> pd.DataFrame:
    """Return the scores of two translators in three buckets; the last ends at `longest`."""
    rows = [
        (name, size, end, size + 0.5, 10, "BLEU", score)
        for name, scores in (("verses-fixed", fixed), ("verses-attention", attention))
        for size, end, score in zip((1, 5, 9), (4, 8, longest), scores, strict=True)
    ]
    return pd.DataFrame(rows, columns=list(tables.SOURCE_LENGTH))
