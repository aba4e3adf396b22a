"""Results of the data checks of a corpus."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipelines import files
from pipelines.errors import UserError

PASSED, WARNING, FAILED = "passed", "warning", "failed"


@dataclass(frozen=True)
class DataCheck:
    """Result of one check, as `preprocess` writes it.

    Attributes:
        frame: raw, a split, or all splits.
        name: of the rule.
        level: `error` or `warn`.
        rule: a sentence.
        expectation: type of the expectation.
        arguments: of the expectation.
        column: the rule is about, if any.
        observed: measured value, if there is a single one.
        unexpected: number of rows that break the rule; None if it is not about single rows.
        rows: number of rows of the frame.
        detail: further numbers, in a few words.
        examples: place and text of a few rows that break the rule.
        success: whether the rule holds.
    """

    frame: str
    name: str
    level: str
    rule: str
    expectation: str
    arguments: Mapping[str, object]
    column: str | None
    observed: float | None
    unexpected: int | None
    rows: int
    detail: str
    examples: Sequence[str]
    success: bool

    @property
    def share(self) -> float:
        """Share of the rows that break the rule."""
        return (self.unexpected or 0) / max(1, self.rows)

    @property
    def result(self) -> str:
        """Passed, warning or failed."""
        if self.success:
            return PASSED
        return WARNING if self.level == "warn" else FAILED


def read(path: Path) -> tuple[DataCheck, ...]:
    """Read the results of a corpus, failures and warnings first; empty without the file.

    Raises:
        UserError: the file is damaged.
    """
    if not path.is_file():
        return ()
    try:
        checks = files.read_json(path, list[DataCheck])
    except (ValueError, TypeError):
        raise UserError(f"{path} is damaged. Delete it and run `seqproof run`.") from None
    order = [FAILED, WARNING, PASSED]
    return tuple(sorted(checks, key=lambda check: order.index(check.result)))


def summary(checks: Sequence[DataCheck]) -> str:
    """Return the numbers of checks with each result, in words."""
    counts = Counter(check.result for check in checks)
    texts = [f"{counts[PASSED]} of {len(checks)} passed"]
    if counts[WARNING]:
        texts.append(f"{counts[WARNING]} {'warning' if counts[WARNING] == 1 else 'warnings'}")
    if counts[FAILED]:
        texts.append(f"{counts[FAILED]} failed")
    return ", ".join(texts)
