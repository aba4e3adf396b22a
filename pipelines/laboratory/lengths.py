"""The score of a translator by the length of the source, from what it wrote for the test split.

The picture of Bahdanau et al. (2015, figure 2): one fixed vector holds less and less of a source
that grows, attention looks it up.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipelines import params
from pipelines.inference import scores
from pipelines.text import tokenizers

Measure = Callable[[Sequence[str], Sequence[str]], float]


def measure(corpus: params.Corpus) -> tuple[str, Measure]:
    """How translations of a corpus are scored: characters by exact match, all others by BLEU."""
    if corpus.tokens == "characters":
        return "exact match", scores.exact_match
    options = scores.bleu_options(corpus.tokens, corpus.cleaning.lowercase)
    return "BLEU", lambda said, wanted: scores.bleu(said, wanted, **options).value


def buckets(lengths: npt.NDArray[np.int64], count: int) -> npt.NDArray[np.int64]:
    """The bucket of each length: at most so many, each with about as many items as any other.

    Items of equal length stay together.
    """
    shares = np.arange(1, count) / count
    highest = np.unique(np.quantile(lengths, shares, method="inverted_cdf"))
    return np.searchsorted(highest, lengths)


def by_length(
    name: str, predictions: pd.DataFrame, corpus: params.Corpus, count: int
) -> pd.DataFrame:
    """A row for each bucket of source lengths: its lengths in tokens, how many items, their score.

    Args:
        name: of the model.
        predictions: `source`, `target` and `hypothesis` of each test item.
        corpus: says what a token is, and how translations are scored.
        count: of buckets.
    """
    sources = (tokenizers.split(source, corpus.tokens) for source in predictions["source"])
    lengths = np.array([len(source) for source in sources])
    called, score = measure(corpus)
    rows = []
    for _, part in predictions.assign(length=lengths).groupby(buckets(lengths, count)):
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
