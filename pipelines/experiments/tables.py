"""CSV tables of the experiments."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines import files
from pipelines.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

# Columns of each table. Lengths are in steps or tokens, losses in the unit of the task.
MEMORY = (
    *("cell", "bptt_steps", "lag", "learning_rate", "seed", "valid_loss", "test_loss", "baseline"),
    *("recalled", "chosen"),
)
GRADIENT_FLOW = ("cell", "seed", "test_loss", "baseline", "weights", "steps_back", "norm")
WORD_ORDER = (
    *("pairs", "text", "exchanged", "label", "exchanged_label"),
    *("classifier", "before", "after", "moved"),
)
BACKPROPAGATION = ("quantity", "model", "parameter", "step", "x1", "x2", "value")
SOURCE_LENGTH = ("model", "shortest", "longest", "mean", "examples", "measure", "score")


def write(table: pd.DataFrame, path: Path) -> None:
    """Write a table; numbers have six digits, and NaN is an empty field."""
    files.write_text(path, table.to_csv(index=False, lineterminator="\n", float_format="%.6g"))


def read(path: Path, columns: Collection[str]) -> pd.DataFrame:
    """Read a table.

    Raises:
        UserError: the file is damaged, or lacks a column.
    """
    import pandas as pd

    try:
        table = pd.read_csv(path)
    except ValueError:
        table = pd.DataFrame()
    if table.empty or not set(columns) <= set(table.columns):
        raise UserError(f"{path} is damaged. Delete it and run `seqproof run`.")
    return table
