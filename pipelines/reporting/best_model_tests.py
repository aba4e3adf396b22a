"""Significance tests of every model of a corpus against the best one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from pipelines import console, paths
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
        verdict: the result as text.
    """

    model: str
    test: TestResult
    verdict: str

    @property
    def p(self) -> str:
        """Return the p value as text; for two groups of seeds also that over the seeds."""
        seeds = self.test.seeds
        seeds_p = "" if seeds is None else f"; over seeds {format_p(seeds.p)}"
        return format_p(self.test.p) + seeds_p

    @property
    def as_good(self) -> bool:
        """Return True if the model is not significantly worse than the best one."""
        return self.test.verdict == "not significant"


@dataclass(frozen=True)
class BestModelTests:
    """The models of a corpus compared with the best one.

    Attributes:
        best: name of the best model.
        metric: title of the metric in which they are compared.
        items: number of test items.
        others: the other models, in the order of params.yaml.
    """

    best: str
    metric: str
    items: int
    others: tuple[ComparedModel, ...]

    def as_good_as_best(self, model: str) -> bool:
        """Return True for the best model and for models that are not significantly worse."""
        return model == self.best or any(
            other.as_good for other in self.others if other.model == model
        )


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
    best = next((row.model for row in rows if row.cells and row.cells[0].best), None)
    if best is None or len(rows) < 2:
        return None
    frames = {
        row.model: _read(files[row.model], paths.evaluation_stage(config, row.model))
        for row in rows
    }
    corpus = config.corpora[table.corpus]
    names = [row.model for row in rows if row.model != best]
    tests = []
    with console.progress(f"{table.corpus}: significance", len(names), "models") as bar:
        for name in names:
            tests.append(significance.compare(frames[best], frames[name], corpus)[:1])
            bar.advance(1)
    return BestModelTests(
        best=best,
        metric=metrics.get(tests[0][0].key).title,
        items=len(frames[best]),
        others=tuple(
            ComparedModel(name, test, _verdict_text(test))
            for name, (test,) in zip(names, significance.holm_corrected(tests), strict=True)
        ),
    )


def _verdict_text(test: TestResult) -> str:
    return "no significant difference" if test.verdict == "not significant" else test.verdict


def _read(path: Path, stage: str) -> pd.DataFrame:
    try:
        return pd.read_parquet(path)
    except (OSError, ValueError):
        raise UserError(f"{path} is damaged. Delete it and run `dvc repro {stage}`.") from None
