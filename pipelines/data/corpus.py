"""Raw files -> rows of `document`, `line` and the columns of the task.

`document` is the name of a raw file and `line` the 1-based line in it, so that every message about
a row, in any stage, can name its place.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from pipelines.config import task_schemas
from pipelines.config.params import GivenSplit, Reader, Split, Task
from pipelines.data import user_files
from pipelines.data.readers.base import BadRow, Row, check_names, is_covered
from pipelines.errors import UserError


def read(
    folder: Path,
    reader: Reader,
    task: Task,
    order: Sequence[str] = (),
    split: Split | None = None,
) -> Iterator[Row | BadRow]:
    """Yield the raw rows of a corpus, and the rows that its reader cannot read.

    Args:
        folder: raw files, as `fetch` writes them.
        reader: reader of the files.
        task: task of the corpus, which defines the columns after `document` and `line`.
        order: file names in the order of `params.yaml`, where it lists them.
        split: split of the corpus; with `method: given` the files of each part are read in its
            order.

    Raises:
        UserError: a file is missing, damaged or in another format; the message names file and line.
    """
    columns = task_schemas.get(task).columns
    files = _raw_files(folder, order)
    groups = _parts(files, folder, split) if isinstance(split, GivenSplit) else [files]
    reader.check_files(files)
    is_empty = True
    for group in groups:
        for row in reader.read(group, columns, folder):
            is_empty = False
            yield row
    if is_empty:
        raise UserError(
            f"{folder} has no row that 'reader.format: {reader.format}' can read. Correct the "
            "reader in params.yaml, or add rows."
        )


def _raw_files(folder: Path, order: Sequence[str]) -> list[Path]:
    files = [file for file in folder.rglob("*") if file.is_file()]
    if not files:
        raise UserError(f"{folder} has no files. Run `seqproof run fetch@{folder.name}` first.")
    return user_files.sort_files(files, folder, order)


def _parts(files: Sequence[Path], folder: Path, split: GivenSplit) -> list[list[Path]]:
    """Return the files of train, valid and test, each in the order of its names."""
    parts = [split.train, split.valid, split.test]
    documents = {file.relative_to(folder).as_posix(): file for file in files}
    check_names([name for part in parts for name in part], list(documents), "split")
    return [
        [
            file
            for name in part
            for document, file in documents.items()
            if is_covered(document, name)
        ]
        for part in parts
    ]
