"""Significance tests of every model of a corpus against the best one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from pipelines import paths
from pipelines.config.params import Params
from pipelines.errors import UserError
from pipelines.evaluation import metrics, significance
from pipelines.evaluation.significance import TestResult, format_p
from pipelines.reporting.comparison import CorpusTable


@dataclass(frozen=True)
class ComparedModel:
    """A model compared with the best one.

    Attributes:
        model: its name.
        test: the test of the deciding metric, with the best model as the first.
    """

    model: str
    test: TestResult

    @property
    def p(self) -> str:
        """The p value as text."""
        return format_p(self.test.p)

    @property
    def difference(self) -> str:
        """The difference from the best model with its interval, as text."""
        test = self.test
        return (
            f"{test.second - test.first:+.3g} ({test.difference.low:+.3g} to "
            f"{test.difference.high:+.3g})"
        )

    @property
    def verdict(self) -> str:
        """The verdict as text, with the smallest detectable difference if there is none."""
        if self.as_good:
            return f"no significant difference; {self.test.detectable:.2g} is detectable"
        return self.test.verdict

    @property
    def as_good(self) -> bool:
        """True if the model is not significantly worse than the best one."""
        return self.test.verdict == "not significant"


@dataclass(frozen=True)
class BestModelTests:
    """The models of a corpus compared with the best one.

    Attributes:
        best: name of the best model.
        metric: title of the metric in which they are compared.
        items: number of test items.
        blocks: number of blocks of items that were resampled.
        others: the other models, in the order of params.yaml.
    """

    best: str
    metric: str
    items: int
    blocks: int
    others: tuple[ComparedModel, ...]

    def as_good_as_best(self, model: str) -> bool:
        """Return True for the best model and for models that are not significantly worse."""
        return model == self.best or any(
            other.as_good for other in self.others if other.model == model
        )

    @property
    def single_seeds(self) -> tuple[str, ...]:
        """Names of the models of a single seed."""
        tests = [other.test for other in self.others]
        seeds = {self.best: tests[0].first_seeds} | {
            other.model: other.test.second_seeds for other in self.others
        }
        return tuple(name for name, scores in seeds.items() if len(scores) == 1)


def compare_with_best(table: CorpusTable, config: Params, root: Path) -> BestModelTests | None:
    """Test all models of a corpus against the best one; return None if there are fewer than two.

    Args:
        table: the comparison, whose first column decides which model is best.
        config: has the entry of the corpus.
        root: the project's root.

    Raises:
        UserError: a predictions file cannot be read.
    """
    files = {row.model: root / paths.predictions(row.model) for row in table.rows}
    rows = [row for row in table.rows if files[row.model].is_file()]
    if len(rows) < 2 or not table.columns or table.columns[0].direction is None:
        return None
    names = [row.model for row in rows]
    frames = [_read(files[name], paths.evaluation_stage(config, name)) for name in names]
    comparison = significance.compare_with_best(frames, config.corpora[table.corpus])
    tests = comparison.results
    first = next(iter(tests.values()))
    return BestModelTests(
        best=names[comparison.best],
        metric=metrics.get(first.key).title,
        items=len(frames[comparison.best]) // len(first.first_seeds),
        blocks=first.blocks,
        others=tuple(ComparedModel(names[place], test) for place, test in tests.items()),
    )


def _read(path: Path, stage: str) -> pd.DataFrame:
    try:
        return pd.read_parquet(path)
    except (OSError, ValueError):
        raise UserError(f"{path} is damaged. Delete it and run `seqproof run {stage}`.") from None
