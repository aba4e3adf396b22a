"""The first sentence about the models of a corpus: which one leads, and whether size pays."""

from __future__ import annotations

from typing import Protocol

from pipelines.reporting.comparison import CorpusTable, ModelRow


class BestModel(Protocol):
    """A comparison of all models with the best one."""

    def as_good_as_best(self, model: str) -> bool:
        """Return True for the best model and for models that are not significantly worse."""


def leader_sentence(table: CorpusTable, tests: BestModel | None = None) -> str:
    """Say which model leads, and first of all whether a simpler model wins or ties.

    Args:
        table: the models, the simplest first.
        tests: tests against the best model; without them only equal numbers tie.
    """
    rows = [row for row in table.rows if row.score is not None]
    if not rows:
        return ""
    # A single model is not marked as the best.
    best = next((row for row in rows if row.cells[0].best), rows[0])
    position = rows.index(best)
    simpler, larger = rows[:position], rows[position + 1 :]
    equal = next((row for row in simpler if tests and tests.as_good_as_best(row.model)), None)
    score = f"{table.columns[0].title} {_score(table, equal or best)}"
    if equal is not None:
        return (
            f"{_name(rows, equal)} is not significantly worse than {_with_size(best)}, which "
            f"leads: {score} against {_score(table, best)}."
        )
    if larger:
        rival = _best_of(table, larger)
        if rival.score == best.score:
            return f"{_name(rows, best)} has the same score as {_with_size(rival)}: {score}."
        tie = tests is not None and tests.as_good_as_best(rival.model)
        verb = "wins" if tests and not tie else "leads"
        end = "; the difference is not significant" if tie else ""
        return (
            f"{_name(rows, best)} {verb}: {score} against {_score(table, rival)} of "
            f"{_with_size(rival)}, the best larger model{end}."
        )
    if simpler:
        rival = _best_of(table, simpler)
        return (
            f"{_with_size(best)} leads: {score} against {_score(table, rival)} of "
            f"{_with_size(rival)}, the best simpler model."
        )
    return f"{_with_size(best)} is the only model: {score}."


def _best_of(table: CorpusTable, rows: list[ModelRow]) -> ModelRow:
    best = table.columns[0].best([row.score for row in rows if row.score is not None])
    return next(row for row in rows if row.score == best)


def _name(rows: list[ModelRow], row: ModelRow) -> str:
    title = "The simplest model" if row is rows[0] else "A simpler model"
    return f"{title}, {_with_size(row)},"


def _with_size(row: ModelRow) -> str:
    return f"{row.model} ({row.size})" if row.size else row.model


def _score(table: CorpusTable, row: ModelRow) -> str:
    return "-" if row.score is None else table.columns[0].format(row.score)
