"""The score of a translator by the length of the source, from what it wrote for the test split.

The picture of Bahdanau et al. (2015, figure 2): one fixed vector holds less and less of a source
that grows, attention looks it up.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from pipelines.config import params
from pipelines.evaluation.length_buckets import assign_buckets
from pipelines.evaluation.seed_statistics import by_seed
from pipelines.inference import scores
from pipelines.text import tokenizers


def by_length(
    name: str, predictions: pd.DataFrame, corpus: params.Corpus, count: int
) -> pd.DataFrame:
    """A row for each bucket of source lengths: its lengths in tokens, how many items, their score.

    Args:
        name: of the model.
        predictions: `source`, `target` and `hypothesis` of each test item; of a group the first
            seed is taken, as it is for all pictures.
        corpus: says what a token is, and how translations are scored.
        count: of buckets.
    """
    predictions = next(iter(by_seed(predictions).values()), predictions)
    sources = (tokenizers.split(source, corpus.tokens) for source in predictions["source"])
    lengths = np.array([len(source) for source in sources])
    called, score = scores.translation_score(corpus.tokens, corpus.cleaning.lowercase)
    rows = []
    for _, part in predictions.assign(length=lengths).groupby(assign_buckets(lengths, count)):
        rows.append(
            {
                "model": name,
                "shortest": part["length"].min(),
                "longest": part["length"].max(),
                "mean": part["length"].mean(),
                "examples": len(part),
                "measure": called,
                "score": score(list(part["hypothesis"]), list(part["target"])),
            }
        )
    return pd.DataFrame(rows)
