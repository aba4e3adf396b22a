"""Aligned files: line by line, one file per column of the task."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from pipelines.data.readers.base import CorpusReader, Row, read_text
from pipelines.errors import UserError, suggest
from pipelines.types import TASKS, Task

LABEL = "label"


class ParallelReader(CorpusReader):
    """Reader of aligned lines: one file per column, in the order of the task's columns.

    `labels` maps the labels in the file to the names that they get.
    """

    format: Literal["parallel"]
    labels: Annotated[dict[str, str], Field(min_length=1)] | None = None
    tasks: ClassVar[tuple[Task, ...]] = TASKS  # with more than one column; see `check_task`
    single_files: ClassVar[bool] = False

    def check_task(self, task: Task, columns: Sequence[str]) -> None:
        """Check that the task has aligned columns, and a label column if `labels` is used."""
        super().check_task(task, columns)
        if len(columns) < 2:
            raise ValueError(
                f"'reader.format: parallel' is for tasks with several columns, and {task} has "
                f"{columns[0]} only: use 'reader.format: lines'"
            )
        if self.labels and LABEL not in columns:
            raise ValueError(
                f"'reader.labels' needs a column '{LABEL}', and a corpus for {task} has "
                f"{' and '.join(columns)}"
            )

    def read(self, files: Sequence[Path], columns: Sequence[str]) -> Iterator[Row]:
        """Yield aligned lines; `document` and `line` are those of the first file.

        Rows that are empty in all files are skipped.
        """
        if len(files) != len(columns):
            raise UserError(
                f"'reader.format: parallel' needs {len(columns)} files, {' and '.join(columns)}, "
                f"but 'source' has {len(files)}: {', '.join(file.name for file in files)}."
            )
        texts = [read_text(file).removesuffix("\n").split("\n") for file in files]
        for file, lines in zip(files, texts, strict=True):
            if len(lines) != len(texts[0]):
                raise UserError(
                    f"{files[0].name} has {len(texts[0]):,} lines and {file.name} {len(lines):,}: "
                    "aligned files must have the same number of lines."
                )
        for number, cells in enumerate(zip(*texts, strict=True), start=1):
            if any(cell.strip() for cell in cells):
                named = [
                    _renamed(cell.strip(), self.labels, f"{file.name}:{number}")
                    if column == LABEL
                    else cell
                    for cell, column, file in zip(cells, columns, files, strict=True)
                ]
                yield files[0].name, number, *named


def _renamed(label: str, labels: Mapping[str, str] | None, place: str) -> str:
    """Return the name of a label."""
    if labels is None:
        return label
    if label not in labels:
        raise UserError(
            f"{place} is '{label}', but 'reader.labels' has no such label{suggest(label, labels)}."
        )
    return labels[label]


READER = ParallelReader
