"""Frames on disk: one table, one Parquet file, the same bytes whenever the content is the same."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines import files
from pipelines.errors import UserError


def read_parquet(path: Path) -> pd.DataFrame:
    """The frame in a Parquet file.

    Raises:
        Refusal: the file is missing or is no Parquet file.
    """
    try:
        # Opened by us: pyarrow takes a path for a data set, whose folder names may become columns.
        with path.open("rb") as file:
            frame: pd.DataFrame = pq.read_table(file).to_pandas()
    except FileNotFoundError:
        raise UserError(f"{path} is missing: run the stage that writes it first.") from None
    except (OSError, pa.ArrowException):
        raise UserError(
            f"{path} is no sound Parquet file: delete it and run its stage again."
        ) from None
    return frame


def write_parquet(frame: pd.DataFrame, path: Path) -> None:
    """Write a frame, without its index; a reader never sees half of it."""
    table = pa.Table.from_pandas(frame, preserve_index=False)
    with files.atomic_write(path) as beside:
        # Without the stored schema neither pandas nor Arrow leaves its own versions and types.
        pq.write_table(table, beside, compression="zstd", store_schema=False)
