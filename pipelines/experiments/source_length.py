"""Score of a translation model by the length of the source (Bahdanau et al. 2015, figure 2).

The score of a model with one fixed vector drops for long sources, that of a model with attention
much less.
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
    """Score the test translations of a model in buckets of source lengths.

    Args:
        name: name of the model.
        predictions: `source`, `target` and `hypothesis` of each test item; of a group of seeds the
            first seed is scored, as in all pictures.
        corpus: corpus of the model, which determines tokens and score.
        count: number of buckets.

    Returns:
        A row for each bucket: its lengths in tokens, the number of items, and their score.
    """
    predictions = next(iter(by_seed(predictions).values()), predictions)
    sources = (tokenizers.split(source, corpus.tokens) for source in predictions["source"])
    lengths = np.array([len(source) for source in sources])
    title, score = scores.translation_score(corpus.tokens, corpus.cleaning.lowercase)
    rows = []
    for _, part in predictions.assign(length=lengths).groupby(assign_buckets(lengths, count)):
        rows.append(
            {
                "model": name,
                "shortest": part["length"].min(),
                "longest": part["length"].max(),
                "mean": part["length"].mean(),
                "examples": len(part),
                "measure": title,
                "score": score(list(part["hypothesis"]), list(part["target"])),
            }
        )
    return pd.DataFrame(rows)
