"""Aligned files: line by line, one file per column of the task."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from pipelines.data.readers.base import BadRow, Row, TextReader
from pipelines.data.readers.text_files import brief, damage
from pipelines.errors import UserError, suggest
from pipelines.types import TASKS, Label, Task

LABEL = "label"


class ParallelReader(TextReader):
    """Reader of aligned lines: one file per column, in the order of the task's columns.

    `labels` maps the labels in the file to the names that they get.
    """

    format: Literal["parallel"]
    labels: Annotated[dict[Label, Label], Field(min_length=1)] | None = None
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

    def read_files(
        self, files: Sequence[Path], columns: Sequence[str], folder: Path | None
    ) -> Iterator[Row | BadRow]:
        """Yield aligned lines; `document` and `line` are those of the first file.

        Rows that are empty in all files are skipped.
        """
        if len(files) != len(columns):
            raise UserError(
                f"'reader.format: parallel' needs {len(columns)} files, {' and '.join(columns)}, "
                f"but 'source' has {len(files)}: {', '.join(file.name for file in files)}."
            )
        label = columns.index(LABEL) if LABEL in columns else None
        texts = [self.lines(file) for file in files]
        first, number = files[0].name, 0
        for number, cells in enumerate(zip_longest(*texts), start=1):
            if None in cells:
                break
            if not any(cells) or "".join(cells).isspace():
                continue
            damaged = (file.name for file, cell in zip(files, cells, strict=True) if damage(cell))
            place = next(damaged, first)
            if label is None:
                yield place, number, *cells
                continue
            name = cells[label].strip()
            renamed = name if self.labels is None else _rename(name, self.labels)
            if renamed is None:
                hint = suggest(name, self.labels or ())
                reason = f"is '{brief(name)}', but 'reader.labels' has no such label{hint}"
                yield BadRow(files[label].name, number, reason, "\t".join(cells))
            else:
                yield place, number, *cells[:label], renamed, *cells[label + 1 :]
        else:
            return
        counts = [
            number - (cell is None) + sum(1 for _ in lines)
            for cell, lines in zip(cells, texts, strict=True)
        ]
        other = next(place for place, count in enumerate(counts) if count != counts[0])
        raise UserError(
            f"{first} has {counts[0]:,} lines and {files[other].name} {counts[other]:,}: aligned "
            "files must have the same number of lines."
        )


def _rename(label: str, labels: Mapping[str, str]) -> str | None:
    """Return the name of a label, or None; equal characters may have different code points."""
    if label in labels:
        return labels[label]
    normal = unicodedata.normalize("NFC", label)
    names = {unicodedata.normalize("NFC", key): name for key, name in labels.items()}
    return names.get(normal)


READER = ParallelReader
