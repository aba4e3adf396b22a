"""`corpora.<name>.reader`: how raw files are written, and which tasks their rows are for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from pipelines.config.types import ConfigModel, Name, Positive, Task


class PlaysReader(ConfigModel):
    """Markdown plays, one document a file, one row a speech."""

    format: Literal["plays"]


class RatingsReader(ConfigModel):
    """Rated sentences (Hutto and Gilbert, 2014): mean rating beyond +-threshold is an opinion."""

    format: Literal["ratings"]
    threshold: Positive


class BibleReader(ConfigModel):
    """Aligned verses of Bibles of one SQLite file, named by their letters there.

    `targets` maps a language to the letter of its Bible. With several, every source begins with
    the word `2<language>`, so that one model serves them all (Johnson et al. 2017, section 3).
    """

    format: Literal["bible"]
    source: str
    targets: Annotated[dict[Name, str], Field(min_length=1)]


class LinesReader(ConfigModel):
    """Plain text, one row a line, one document a file."""

    format: Literal["lines"]


class TableReader(ConfigModel):
    """Separated values with a header; `columns` maps our names of columns to theirs."""

    format: Literal["table"]
    separator: Annotated[str, Field(min_length=1, max_length=1)]
    columns: dict[Literal["text", "label", "source", "target"], str]


class ParallelReader(ConfigModel):
    """Aligned lines, one file a column of the task, in order: text, label or source, target.

    `labels` maps what the file of labels says to what the labels are called.
    """

    format: Literal["parallel"]
    labels: Annotated[dict[str, str], Field(min_length=1)] | None = None


OneFile = Annotated[
    PlaysReader | RatingsReader | BibleReader | LinesReader | TableReader,
    Field(discriminator="format"),
]


class ByFileReader(ConfigModel):
    """Files of several formats in one corpus: `files` maps the name of each to its reader."""

    format: Literal["by_file"]
    files: Annotated[dict[str, OneFile], Field(min_length=1)]


Reader = Annotated[
    PlaysReader
    | RatingsReader
    | BibleReader
    | LinesReader
    | TableReader
    | ParallelReader
    | ByFileReader,
    Field(discriminator="format"),
]

COLUMNS: Mapping[Task, tuple[str, ...]] = {
    "language_modelling": ("text",),
    "classification": ("text", "label"),
    "translation": ("source", "target"),
}
READS: Mapping[str, tuple[Task, ...]] = {
    "plays": ("language_modelling",),
    "lines": ("language_modelling",),
    "ratings": ("classification",),
    "bible": ("translation",),
    "parallel": ("classification", "translation"),
    "table": ("language_modelling", "classification", "translation"),
}


def formats(reader: Reader) -> set[str]:
    """The formats that a reader reads."""
    if isinstance(reader, ByFileReader):
        return {one.format for one in reader.files.values()}
    return {reader.format}


def problem(reader: Reader, task: Task) -> str | None:
    """What keeps a reader from giving rows for a task, if anything does."""
    if isinstance(reader, ByFileReader):
        problems = (problem(one, task) for one in reader.files.values())
        return next((found for found in problems if found), None)
    if task not in READS[reader.format]:
        gives = " or ".join(READS[reader.format])
        return f"'reader.format: {reader.format}' gives {gives}, not {task}"
    columns = COLUMNS[task]
    if isinstance(reader, TableReader) and set(reader.columns) != set(columns):
        return f"'reader.columns' must name {' and '.join(columns)}, and no others"
    if isinstance(reader, ParallelReader) and reader.labels and task != "classification":
        return f"'reader.labels' belongs to classification, and this corpus is for {task}"
    return None
