"""Every model of a corpus beside its best one: whether the difference is real."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from pipelines import console
from pipelines.config.params import Corpus
from pipelines.errors import UserError
from pipelines.evaluation import significance as verdicts
from pipelines.evaluation.significance import TestResult, format_p
from pipelines.reporting.comparison import CorpusTable


@dataclass(frozen=True)
class ComparedModel:
    """One model beside the best.

    Attributes:
        model: its name.
        finding: the measure that decides, tested, the best model first.
        words: the verdict as it is read.
    """

    model: str
    finding: TestResult
    words: str

    @property
    def p(self) -> str:
        """As it is read; of two groups that over their seeds, too."""
        seeds = self.finding.seeds
        over = "" if seeds is None else f"; over seeds {format_p(seeds.p)}"
        return format_p(self.finding.p) + over

    @property
    def equal(self) -> bool:
        """Whether nothing is known against its being as good as the best."""
        return self.finding.verdict == "not significant"


@dataclass(frozen=True)
class Significance:
    """The models of a corpus beside its best one.

    Attributes:
        best: its name.
        measure: the key of what they are compared in.
        items: how many test items both answered.
        others: the models, in the order of params.yaml.
    """

    best: str
    measure: str
    items: int
    others: tuple[ComparedModel, ...]

    def equal(self, model: str) -> bool:
        """Whether a model is the best, or not known to be worse."""
        return model == self.best or any(one.equal for one in self.others if one.model == model)


def significance(table: CorpusTable, corpus: Corpus, predictions: Path) -> Significance | None:
    """Test all models of a corpus against its best one; None where there are no two to compare.

    Args:
        table: the comparison, whose first column decides which model is best.
        corpus: its section of params.yaml.
        predictions: the folder of `<model>.parquet`.

    Raises:
        Refusal: a file of predictions cannot be read.
    """
    rows = [row for row in table.rows if (predictions / f"{row.model}.parquet").is_file()]
    best = next((row.model for row in rows if row.cells and row.cells[0].best), None)
    if best is None or len(rows) < 2:
        return None
    frames = {row.model: _read(predictions / f"{row.model}.parquet") for row in rows}
    others = [row.model for row in rows if row.model != best]
    found = []
    with console.progress(f"{table.corpus}: significance", len(others), "models") as bar:
        for name in others:
            found.append(verdicts.compare(frames[best], frames[name], corpus)[:1])
            bar.advance(1)
    return Significance(
        best=best,
        measure=found[0][0].key,
        items=len(frames[best]),
        others=tuple(
            ComparedModel(name, finding, _words(finding))
            for name, (finding,) in zip(others, verdicts.holm_corrected(found), strict=True)
        ),
    )


def _words(finding: TestResult) -> str:
    return {"not significant": "no significant difference"}.get(finding.verdict, finding.verdict)


def _read(path: Path) -> pd.DataFrame:
    try:
        return pd.read_parquet(path)
    except (OSError, ValueError):
        raise UserError(f"{path} is damaged: `dvc repro evaluate@{path.stem}` makes it.") from None
