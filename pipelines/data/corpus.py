"""Raw files -> a frame with named columns: document, line, and those of the task.

`document` is the name of a raw file and `line` the 1-based line in it, so that every complaint
about a row, however late, can say where it stands.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pandas as pd

from pipelines.config.params import (
    COLUMNS,
    BibleReader,
    ByFileReader,
    GivenSplit,
    LinesReader,
    ParallelReader,
    PlaysReader,
    RatingsReader,
    Reader,
    Split,
    TableReader,
    Task,
)
from pipelines.data import readers
from pipelines.data.readers import Row
from pipelines.errors import UserError


def read(
    folder: Path,
    reader: Reader,
    task: Task,
    order: Sequence[str] = (),
    split: Split | None = None,
) -> pd.DataFrame:
    """The raw frame of a corpus.

    Args:
        folder: what `fetch` wrote.
        reader: how its files are written.
        task: says which columns come after `document` and `line`.
        order: names of the files in the order of `params.yaml`, where it gives one.
        split: if it is given by files, those of each part are read in its order.

    Raises:
        Refusal: a file that is not what `reader` says; the sentence gives file and line.
    """
    files = _files(folder, order)
    groups = _parts(files, split) if isinstance(split, GivenSplit) else [files]
    if isinstance(reader, ByFileReader):
        _see_all_named(reader.files, files, "reader.files")
    rows = [row for group in groups for row in _rows(group, reader, task)]
    if not rows:
        raise UserError(f"{folder} holds no row that the reader '{reader.format}' could find.")
    frame = pd.DataFrame(rows, columns=["document", "line", *COLUMNS[task]])
    return frame.astype({"line": "int64"} | dict.fromkeys(("document", *COLUMNS[task]), "str"))


def _files(folder: Path, order: Sequence[str]) -> list[Path]:
    files = sorted(file for file in folder.glob("*") if file.is_file())
    if not files:
        raise UserError(f"{folder} holds no file: run fetch first.")
    return sorted(files, key=lambda file: order.index(file.name) if file.name in order else -1)


def _parts(files: Sequence[Path], split: GivenSplit) -> list[list[Path]]:
    """The files of train, valid and test."""
    parts = [split.train, split.valid, split.test]
    _see_all_named([name for part in parts for name in part], files, "split")
    by_name = {file.name: file for file in files}
    return [[by_name[name] for name in part] for part in parts]


def _see_all_named(named: Iterable[str], files: Sequence[Path], key: str) -> None:
    """See that a section of the corpus names every raw file and no other."""
    raw, given = [file.name for file in files], list(named)
    for name in given:
        if name not in raw:
            near = difflib.get_close_matches(name, raw, n=1, cutoff=0.3)
            hint = f"; the nearest is '{near[0]}'" if near else ""
            raise UserError(f"'{key}' names '{name}', and 'source' brings no such file{hint}.")
    for name in raw:
        if name not in given:
            raise UserError(
                f"'source' brings '{name}', and '{key}' does not name it: "
                "name it there, or take it out of 'source'."
            )


def _rows(files: Sequence[Path], reader: Reader, task: Task) -> Iterator[Row]:
    """The rows of files that belong together."""
    if isinstance(reader, ParallelReader):
        yield from readers.parallel(files, task, reader.labels)
        return
    for file in files:
        match reader.files[file.name] if isinstance(reader, ByFileReader) else reader:
            case PlaysReader():
                yield from readers.plays(file)
            case RatingsReader() as ratings:
                yield from readers.ratings(file, ratings.threshold)
            case BibleReader() as bible:
                yield from readers.verses(file, bible)
            case LinesReader():
                yield from readers.lines(file)
            case TableReader() as table:
                yield from readers.table(file, table, task)
