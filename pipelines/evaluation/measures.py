"""What models are compared in, from the predictions that `evaluate` wrote."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from pipelines.config import task_schemas
from pipelines.config.params import Corpus
from pipelines.errors import UserError
from pipelines.evaluation import scores
from pipelines.evaluation.resampling import Score, Scores, Statistics

Better = Literal["higher", "lower"]


@dataclass(frozen=True)
class AdditiveMetric:
    """A measure that is a function of sums over the items.

    Attributes:
        key: in the metrics file.
        better: which side of it is the good one.
        first: statistics (N, K) of the first model.
        second: those of the second.
        score: sums (R, K) to scores (R,).
        right: of a measure that counts what is right, so that McNemar's test is exact.
    """

    key: str
    better: Better
    first: Statistics
    second: Statistics
    score: Score
    right: bool = False


@dataclass(frozen=True)
class SacreBleuMetric:
    """A measure of translations that sacreBLEU computes and tests itself.

    Attributes:
        key: in the metrics file.
        metric: BLEU or CHRF of sacreBLEU.
        first: hypotheses of the first model.
        second: those of the second.
        references: one for each.
    """

    key: str
    metric: Any
    first: Sequence[str]
    second: Sequence[str]
    references: Sequence[str]
    better: Better = "higher"


Measure = AdditiveMetric | SacreBleuMetric


def same_items(first: pd.DataFrame, second: pd.DataFrame, corpus: Corpus) -> None:
    """Both models were asked the same.

    Raises:
        Refusal: they were not.
    """
    given = list(task_schemas.get(corpus.task).columns)
    if len(first) != len(second):
        raise UserError(
            f"One was tested on {len(first):,} items and the other on {len(second):,}: only models "
            "of the same test split can be compared item by item."
        )
    one, other = (frame[given].reset_index(drop=True) for frame in (first, second))
    differ = (one != other).any(axis=1)
    if differ.any():
        raise UserError(
            f"{int(differ.sum()):,} of {len(one):,} test items differ, the first of them number "
            f"{int(differ.argmax()) + 1}: only models of the same test split can be compared item "
            "by item."
        )


def of_task(first: pd.DataFrame, second: pd.DataFrame, corpus: Corpus) -> list[Measure]:
    """The measures of a corpus' task, the one that decides first.

    Args:
        first: what `evaluate` wrote of the first model, a row for each test item.
        second: of the second model, the same items.
        corpus: of both.
    """
    if corpus.task == "classification":
        return _classification(first, second)
    if corpus.task == "language_modelling":
        return _language_modelling(first, second, corpus)
    return _translation(first, second, corpus)


def _classification(first: pd.DataFrame, second: pd.DataFrame) -> list[Measure]:
    labels = sorted({*first["label"], *first["predicted"], *second["predicted"]})

    def counts(frame: pd.DataFrame) -> Statistics:
        """Of each label: right, said and true."""
        said, true = (
            np.array([[one == label for label in labels] for one in frame[column]], float)
            for column in ("predicted", "label")
        )
        return np.concatenate([said * true, said, true], axis=1)

    one, other = (frame["predicted"] == frame["label"] for frame in (first, second))
    return [
        _right("test_accuracy", one, other),
        AdditiveMetric("test_macro_f1", "higher", counts(first), counts(second), _macro_f1),
    ]


def _macro_f1(sums: Statistics) -> Scores:
    right, said, true = np.split(sums, 3, axis=1)
    both = said + true
    each = np.divide(2 * right, both, out=np.zeros_like(both), where=both > 0)
    return np.asarray(each.mean(axis=1))


def _language_modelling(first: pd.DataFrame, second: pd.DataFrame, corpus: Corpus) -> list[Measure]:
    """Perplexity and bits are functions of one mean, so that one test serves both."""
    if not _same_tokens(first, second):
        # Of other tokens the perplexity is another number; a character stays one.
        texts = first["text"].str.len() + 1
        return [_mean("bits_per_character_of_text", first["nats"], second["nats"], texts, _bits)]
    nats, tokens = (first["nats"], second["nats"]), first["tokens"]
    if corpus.tokens == "characters":
        return [_mean("test_bits_per_character", *nats, tokens, _bits)]
    return [_mean("test_perplexity", *nats, tokens, _perplexity)]


def _translation(first: pd.DataFrame, second: pd.DataFrame, corpus: Corpus) -> list[Measure]:
    references = list(first["target"])
    one, other = (frame["hypothesis"] == frame["target"] for frame in (first, second))
    exact = _right("test_exact_match", one, other)
    hypotheses = list(first["hypothesis"]), list(second["hypothesis"])
    metrics = scores.metrics(corpus.tokens, corpus.cleaning.lowercase)
    found: list[Measure] = [
        SacreBleuMetric(key, metric, *hypotheses, references) for key, metric in metrics.items()
    ]
    found.append(exact)
    if _same_tokens(first, second):
        nats = first["nats"], second["nats"]
        found.append(_mean("test_perplexity", *nats, first["tokens"], _perplexity))
    return found


def _right(key: str, first: pd.Series[bool], second: pd.Series[bool]) -> AdditiveMetric:
    one, other = (_columns(part, np.ones(len(part))) for part in (first, second))
    return AdditiveMetric(key, "higher", one, other, _share, right=True)


def _mean(
    key: str,
    first: pd.Series[float],
    second: pd.Series[float],
    tokens: pd.Series[int],
    score: Score,
) -> AdditiveMetric:
    one, other = (_columns(part, tokens) for part in (first, second))
    return AdditiveMetric(key, "lower", one, other, score)


def _columns(first: Any, second: Any) -> Statistics:
    return np.stack([np.asarray(first, np.float64), np.asarray(second, np.float64)], axis=1)


def _share(sums: Statistics) -> Scores:
    return np.asarray(sums[:, 0] / sums[:, 1])


def _perplexity(sums: Statistics) -> Scores:
    return np.asarray(np.exp(_share(sums)))


def _bits(sums: Statistics) -> Scores:
    return np.asarray(_share(sums) / np.log(2))


def _same_tokens(first: pd.DataFrame, second: pd.DataFrame) -> bool:
    return list(first["tokens"]) == list(second["tokens"])
