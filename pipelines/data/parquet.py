"""Frames as Parquet files, whose bytes depend on the content only."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines import files
from pipelines.errors import UserError


def read_parquet(path: Path) -> pd.DataFrame:
    """Return the frame in a Parquet file.

    Raises:
        UserError: the file is missing or damaged.
    """
    try:
        # Given a path, pyarrow reads a data set, whose folder names may become columns.
        with path.open("rb") as file:
            frame: pd.DataFrame = pq.read_table(file).to_pandas()
    except FileNotFoundError:
        raise UserError(
            f"{path} does not exist. Run `dvc repro` for the stage that writes it."
        ) from None
    except (OSError, pa.ArrowException):
        raise UserError(
            f"{path} is not a valid Parquet file. Delete it and run `dvc repro` for its stage."
        ) from None
    return frame


def write_parquet(frame: pd.DataFrame, path: Path) -> None:
    """Write a frame atomically, without its index."""
    table = pa.Table.from_pandas(frame, preserve_index=False)
    with files.atomic_write(path) as temporary:
        # Without the stored schema the file does not depend on the versions of pandas and Arrow.
        pq.write_table(table, temporary, compression="zstd", store_schema=False)
