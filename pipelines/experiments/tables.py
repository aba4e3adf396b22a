"""The tables that the experiments leave, as CSV."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines import files
from pipelines.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

# The columns of each; lengths in steps or tokens, losses in the task's own unit.
GRADIENTS = ("cell", "when", "loss", "lag", "norm")
MEMORY = ("cell", "lag", "steps", "loss", "baseline", "learnt")
ORDER = ("text", "exchanged", "label", "classifier", "before", "after", "moved")
LENGTHS = ("model", "shortest", "longest", "mean", "examples", "measure", "score")


def write(table: pd.DataFrame, path: Path) -> None:
    """Write a table, the same bytes for the same numbers; what is no number is left empty."""
    files.write_text(path, table.to_csv(index=False, lineterminator="\n", float_format="%.6g"))


def read(path: Path, columns: Collection[str]) -> pd.DataFrame:
    """Read what `write` wrote.

    Raises:
        Refusal: the file is damaged, or has other columns.
    """
    import pandas as pd

    try:
        table = pd.read_csv(path)
    except ValueError:
        table = pd.DataFrame()
    if table.empty or not set(columns) <= set(table.columns):
        raise UserError(f"{path} is damaged: delete it and run `dvc repro`.")
    return table
