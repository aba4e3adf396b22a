"""Outcomes of the memory experiments: errors, cures one by one, and what they have in common."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Literal, NamedTuple

from pipelines.config import params

if TYPE_CHECKING:
    import pandas as pd

CHANCE = 1 / 8  # share of the symbols that a network without memory recalls
NO_MEMORY = 0.9  # remaining error from which on a cell is no better than a network without memory
# The simple cells: activation, and the initializer without `recurrent_initializer`.
ACTIVATIONS = {"rnn": "tanh", "irnn": "ReLU"}
INITIALIZERS = {"rnn": "orthogonal", "irnn": "identity"}
GATED = ("gru", "lstm")

Verdict = Literal["better", "worse", "overlap", "both learn", "neither learns"]


class Outcome(NamedTuple):
    """Errors of a cell under one condition, at its best learning rate.

    Attributes:
        errors: remaining error of each seed, as a fraction of that without memory; infinite if the
            training diverged.
        threshold: the error below which a seed has learnt the task.
    """

    errors: tuple[float, ...]
    threshold: float

    @property
    def median(self) -> float:
        """The median error."""
        return statistics.median(self.errors)

    @property
    def learnt(self) -> int:
        """The number of seeds that have learnt the task."""
        return sum(error < self.threshold for error in self.errors)

    @property
    def all_learnt(self) -> bool:
        """Return True if every seed has learnt the task."""
        return self.learnt == len(self.errors)

    @property
    def without_memory(self) -> bool:
        """Return True if the median error is that of a network without memory, or higher."""
        return self.median >= NO_MEMORY


class Cure(NamedTuple):
    """Two cells that differ in one thing."""

    name: str
    cell: str
    reference: str


def remaining_errors(table: pd.DataFrame) -> pd.Series[float]:
    """Return the error of each row as a fraction of the error of a network without memory.

    The error is the loss, or the share of symbols that are not recalled if the task has symbols.
    """
    losses = table["test_loss"] / table["baseline"]
    symbols = (1 - table["recalled"]) / (1 - CHANCE)
    errors = symbols.where(table["recalled"].notna(), losses)
    return errors.where(table["test_loss"].notna()).fillna(float("inf"))


def outcomes(
    table: pd.DataFrame, threshold: float, condition: str
) -> dict[tuple[str, str], Outcome]:
    """Return the outcomes by cell and value of a column, at the chosen learning rates."""
    chosen = table[table["chosen"]]
    errors = remaining_errors(chosen)
    keys = [chosen["cell"], chosen[condition].astype(str)]
    return {
        (str(cell), str(value)): Outcome(tuple(map(float, part)), threshold)
        for (cell, value), part in errors.groupby(keys, sort=False)
    }


def compare(outcome: Outcome, reference: Outcome) -> Verdict:
    """Compare two outcomes; one is better if all its seeds are better than all of the other."""
    if outcome.all_learnt and reference.all_learnt:
        return "both learn"
    if min(outcome.errors + reference.errors) >= NO_MEMORY:
        return "neither learns"
    if max(outcome.errors) < min(reference.errors):
        return "better"
    if min(outcome.errors) > max(reference.errors):
        return "worse"
    return "overlap"


def cures(cells: Mapping[str, params.CellConfig]) -> Iterator[Cure]:
    """Yield the pairs of cells that differ in activation, initialisation, gates or forget bias."""
    for name, cell in cells.items():
        for reference_name, reference in cells.items():
            title = _difference(cell, reference)
            if title:
                yield Cure(title, name, reference_name)


def _difference(cell: params.CellConfig, reference: params.CellConfig) -> str | None:
    kinds = (cell.cell, reference.cell)
    equal = _initializer(cell) == _initializer(reference)
    if kinds == ("irnn", "rnn") and equal:
        return "activation"
    random = _initializer(reference) == "glorot_uniform"
    if cell.cell in ACTIVATIONS and kinds[0] == kinds[1] and random and not equal:
        return "initialisation"
    if cell.cell in GATED and reference.cell == "rnn" and equal:
        return "gates"
    if kinds == ("lstm", "lstm") and equal and _forget_bias(cell) > _forget_bias(reference):
        return "forget bias"
    return None


def _initializer(cell: params.CellConfig) -> str:
    return cell.recurrent_initializer or INITIALIZERS.get(cell.cell, "orthogonal")


def _forget_bias(cell: params.CellConfig) -> float:
    return 1.0 if cell.forget_bias is None else cell.forget_bias
