"""`corpora`: sources of texts, their readers, cleaning, splits, vocabularies and checks."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self
from urllib.parse import parse_qsl, urlsplit

from pydantic import Field, field_validator, model_validator

from pipelines.config import task_schemas
from pipelines.config.checks import Checks
from pipelines.data.readers.base import CorpusReader, is_covered
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
    UnicodeForm,
)

# Names in the query of a URL whose values are secrets, those of signed addresses included.
SECRET = re.compile(
    r"token|secret|passw|pwd|signature|credential|(api|access).?key|^(sig|key|auth)$", re.I
)
Penalty = Annotated[float, Field(ge=0, le=10, allow_inf_nan=False)]

# Sources -----------------------------------------------------------------------------------------


class PackageSource(ConfigModel):
    """Members of a pinned archive of the package registry, which is downloaded, not installed."""

    kind: Literal["package"]
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    version: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9.!+_-]*$")]
    archive: Literal["wheel", "sdist"]
    sha256: Sha256
    member: str = Field(description="path inside the archive; * matches within one folder")


class Download(ConfigModel):
    """File at a URL; without a `name` on disk it has the last part of the URL."""

    url: Annotated[str, Field(pattern=r"^(https?|file)://")]
    sha256: Sha256
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")] | None = None

    @field_validator("url")
    @classmethod
    def _check_url(cls, url: str) -> str:
        secret = None
        if "@" in url.partition("://")[2].partition("/")[0]:
            secret = "a user or a password"
        for name, _ in parse_qsl(urlsplit(url).query):
            if SECRET.search(name):
                secret = f"a secret, '{name}'"
        if secret is not None:
            raise ValueError(
                f"the URL has {secret}, which Git and MLflow would keep: remove it, download the "
                "file yourself, and set SEQPROOF_MIRROR to its folder"
            )
        return url


class UrlSource(ConfigModel):
    """Files to download, each with its hash; the folder `SEQPROOF_MIRROR` is searched first."""

    kind: Literal["url"]
    downloads: Annotated[tuple[Download, ...], Field(strict=False, min_length=1)]


class FilesSource(ConfigModel):
    """Files of the user: names, patterns with `*`, or folders, relative to the project's root."""

    kind: Literal["files"]
    paths: Names


class DatesSource(ConfigModel):
    """Synthetic pairs of dates as people write them and in ISO 8601, by Babel's CLDR patterns."""

    kind: Literal["generated"]
    generator: Literal["dates"]
    examples: Count
    start: Annotated[datetime.date, Field(strict=False)]
    end: Annotated[datetime.date, Field(strict=False)]
    locales: Names

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        if self.start > self.end:
            raise ValueError(f"'start' ({self.start}) must not be after 'end' ({self.end})")
        return self


class ContrastsSource(ConfigModel):
    """Synthetic opinions in pairs of the same words with opposite labels."""

    kind: Literal["generated"]
    generator: Literal["contrasts"]
    examples: Annotated[int, Field(ge=20)]


GeneratedSource = Annotated[DatesSource | ContrastsSource, Field(discriminator="generator")]
Source = Annotated[
    PackageSource | UrlSource | FilesSource | GeneratedSource, Field(discriminator="kind")
]


if TYPE_CHECKING:
    Reader = CorpusReader
else:
    Reader = union(find_readers().values())


# Corpora ----------------------------------------------------------------------------------------


class Cleaning(ConfigModel):
    """Options of `preprocess`: Unicode form, case, the longest row in tokens, repeated rows."""

    unicode: UnicodeForm
    lowercase: bool
    max_length: Count
    drop_repeated: bool


class FractionSplit(ConfigModel):
    """Random or contiguous split, by the fractions of valid and test rows.

    `contiguous` keeps the order of the rows, `shuffled` permutes them, `stratified` takes the same
    fractions of every label. Rows with the same value of the column `by` stay together, and so do
    texts whose Jaccard similarity is at least `near_duplicates`, directly or through others.
    `valid_first` takes the validation rows from the beginning of a contiguous split, so that the
    training rows reach up to the test rows, as in benchmarks without validation rows.
    """

    method: Literal["contiguous", "shuffled", "stratified"]
    by: str | None = None
    near_duplicates: Fraction | None = None
    valid: Fraction
    test: Fraction
    valid_first: bool | None = None

    @model_validator(mode="after")
    def _check_fractions(self) -> Self:
        if self.valid + self.test >= 1:
            raise ValueError(f"'valid' + 'test' is {self.valid + self.test:g}: it must be below 1")
        if self.by and self.method == "stratified":
            raise ValueError("'by' has no effect with 'method: stratified': remove it")
        if self.near_duplicates is not None and self.method == "contiguous":
            raise ValueError("'near_duplicates' has no effect with 'method: contiguous': remove it")
        if self.near_duplicates is not None and self.by is not None:
            raise ValueError("'near_duplicates' and 'by' both group the rows: remove one of them")
        if self.valid_first and self.method != "contiguous":
            raise ValueError(f"'valid_first' has no effect with 'method: {self.method}': remove it")
        return self


class GivenSplit(ConfigModel):
    """Split of a benchmark: the files of each part, as names, folders or patterns."""

    method: Literal["given"]
    train: Names
    valid: Names
    test: Names

    @model_validator(mode="after")
    def _check_names(self) -> Self:
        files = [*self.train, *self.valid, *self.test]
        repeated = sorted({file for file in files if files.count(file) > 1})
        if repeated:
            raise ValueError(f"'{repeated[0]}' is listed twice: a file belongs to one part")
        return self

    def parts_of(self, documents: Iterable[str]) -> dict[str, int]:
        """Return the part of each document: 0, 1 or 2 for train, valid or test.

        Args:
            documents: paths of raw files, each of which one of the names covers.
        """
        parts = (self.train, self.valid, self.test)
        return {
            document: next(
                number
                for number, names in enumerate(parts)
                if any(is_covered(document, name) for name in names)
            )
            for document in set(documents)
        }


Split = Annotated[FractionSplit | GivenSplit, Field(discriminator="method")]


class VocabularyParams(ConfigModel):
    """Size of the vocabulary, and the least count of a token in the training rows.

    Sub-words have no `min_count`: whole words consist of them. `shared` makes one vocabulary of
    source and target.
    """

    max_size: Count
    min_count: Count | None = None
    shared: bool | None = None


class Samples(ConfigModel):
    """Text that `evaluate` generates with every language model of the corpus.

    `top_k` samples from the most likely tokens (Fan et al. 2018), `top_p` from the fewest tokens
    with that probability (Holtzman et al. 2020); `seed` replaces the model's.
    """

    beginning: Annotated[str, Field(min_length=1)]
    length: Count
    temperature: Positive
    top_k: Count | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    seed: Seed | None = None


class Search(ConfigModel):
    """Beam search of `evaluate`, which otherwise decodes greedily.

    The penalties are alpha and beta of Wu et al. (2016, section 7). `replace_unknown` replaces an
    unknown token by the source token with the largest attention weight (Luong et al. 2015).
    """

    beam: Annotated[int, Field(ge=1, le=1000)]
    length_penalty: Penalty | None = None
    coverage_penalty: Penalty | None = None
    replace_unknown: bool | None = None


class Corpus(ConfigModel):
    """Text for one task: its source, reader, cleaning, split, vocabulary and checks."""

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
    def _check_task(self) -> Self:
        schema = task_schemas.get(self.task)
        for key in task_schemas.TASK_KEYS:
            if self._value(key) is not None and key not in schema.keys:
                tasks = " or ".join(task_schemas.tasks_with(key))
                raise ValueError(f"'{key}' belongs to {tasks}, and this corpus is for {self.task}")
        if schema.labels_per_token and self.tokens != "spaces":
            raise ValueError(
                f"'tokens: {self.tokens}' may split or join the tokens that have labels: a corpus "
                f"for {self.task} needs 'tokens: spaces'"
            )
        self.reader.check_task(self.task, schema.columns)
        return self

    def check_required_keys(self) -> None:
        """Check that the corpus has all keys that its task needs.

        It is no part of the validation: the parameters in dvc.lock are without the rules of all
        corpora.
        """
        for key in task_schemas.get(self.task).required_keys:
            if self._value(key) is None:
                raise ValueError(f"'{key}' is missing: a corpus for {self.task} needs it")

    def _value(self, key: str) -> Any:
        """Return the value of a dotted key, or None."""
        value: Any = self
        for part in key.split("."):
            value = getattr(value, part, None)
        return value

    @model_validator(mode="after")
    def _check_split(self) -> Self:
        schema, split = task_schemas.get(self.task), self.split
        if isinstance(split, GivenSplit):
            self.reader.check_given_split()
            return self
        labelled = schema.label_column is not None and not schema.labels_per_token
        if split.method == "stratified" and not labelled:
            raise ValueError(
                f"'split.method: stratified' needs a label for each row, and this corpus is for "
                f"{self.task}"
            )
        columns = (*schema.columns, *schema.split_columns)
        if split.by is not None and split.by not in columns:
            raise ValueError(f"'split.by' is '{split.by}'{suggest(split.by, columns)}")
        return self

    @model_validator(mode="after")
    def _check_min_count(self) -> Self:
        is_set, sub_words = self.vocabulary.min_count is not None, self.tokens in SUB_WORDS
        if is_set and sub_words:
            raise ValueError(
                f"'vocabulary.min_count' has no effect with 'tokens: {self.tokens}', which keep "
                "every piece: remove it"
            )
        if not is_set and not sub_words:
            raise ValueError("'vocabulary.min_count' is missing: set 1 to keep every token")
        return self
