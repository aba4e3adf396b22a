"""Columns of the task, chosen by their names and values."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import NamedTuple

from pipelines.data.readers.base import BadRow, Row
from pipelines.errors import UserError, suggest
from pipelines.proposals import formats
from pipelines.proposals.layouts import PART_OF, Layout, are_tags, is_labels
from pipelines.proposals.options import Options
from pipelines.types import TASKS

Column = str | int
TEXTS = (
    *("text", "sentence", "review", "tweet", "content", "message", "comment", "body", "utterance"),
    *("question", "headline", "description", "document", "phrase", "abstract", "title", "tokens"),
)
LABELS = (
    *("label", "class", "category", "sentiment", "target", "intent", "topic", "polarity"),
    *("rating", "stars", "emotion", "stance", "y", "type", "group", "language"),
)
SOURCES = ("source", "src", "input", "from")
TARGETS = ("target", "tgt", "trg", "translation", "output", "to")
NAMES = ("text", "label", "source", "target")  # of the options
LANGUAGE = re.compile(r"[a-z]{2}([_-][A-Za-z]{2,4})?")
LICENCE = re.compile(r"\bCC[- ]BY\b|tatoeba\.org")  # of each sentence, as Tatoeba's exports have
_PART = re.compile(r"[^a-z]+|(?<=[a-z])(?=[A-Z])")


class Choice(NamedTuple):
    """Task and columns of a corpus.

    Attributes:
        task: of the corpus.
        columns: column of the file for each of the task's; empty where the format has no columns.
        reason: how they show.
    """

    task: str
    columns: Mapping[str, Column]
    reason: str


class ColumnValues(NamedTuple):
    """Values of a column in the first rows."""

    column: Column
    values: Sequence[str]

    @property
    def length(self) -> float:
        """Mean number of characters."""
        return sum(map(len, self.values)) / max(1, len(self.values))

    @property
    def is_number(self) -> bool:
        """True if nearly all values are numbers."""
        numbers = sum(
            bool(re.fullmatch(r"[-+]?[\d.,:eE-]+", value.strip())) for value in self.values
        )
        return numbers > 0.9 * len(self.values)

    @property
    def is_text(self) -> bool:
        """True if the values are texts: most are different, and neither numbers nor licences."""
        licences = sum(bool(LICENCE.search(value)) for value in self.values)
        if licences > 0.9 * len(self.values):
            return False
        return not self.is_number and len(set(self.values)) > 0.3 * len(self.values)

    @property
    def is_label(self) -> bool:
        """True if the values are labels: few different ones, and no parts of a split."""
        distinct = {value.strip().lower() for value in self.values}
        return is_labels(self.values) and not distinct <= PART_OF.keys()

    def rank(self, names: Sequence[str]) -> int:
        """Return the place of the first of some names in the column's name, or their number."""
        words = [word.lower() for word in _PART.split(str(self.column)) if word]
        places = [names.index(word) for word in words if word in names]
        return min(places, default=len(names))


def choose(layout: Layout, options: Options) -> Choice:
    """Return task and columns of the files of a layout.

    Raises:
        UserError: an option names no task or column, or no column fits.
    """
    if options.task is not None and options.task not in TASKS:
        raise UserError(f"There is no task '{options.task}'{suggest(options.task, TASKS)}.")
    if not layout.columns:
        for name in NAMES:
            if getattr(options, name) is not None:
                raise UserError(f"--{name} names a column, and these files have none: omit it.")
    if layout.format == "parallel":
        return _aligned(layout, options)
    if not layout.columns:
        task = {"conll": "tagging", "folders": "classification"}.get(layout.format)
        choice = Choice(task or "language_modelling", {}, "")
        if options.task not in (None, choice.task):
            raise UserError(
                f"--task {options.task} needs other files: these are for {choice.task} "
                f"({layout.reason})."
            )
        reason = {"tagging": "each token has a tag", "classification": "each folder is a class"}
        return choice._replace(reason=reason.get(choice.task, "running text without labels"))
    profiles = {profile.column: profile for profile in _profiles(layout)}
    chosen = {
        name: _column(value, name, layout.columns)
        for name in NAMES
        if (value := getattr(options, name)) is not None
    }
    task = options.task or _task(profiles, chosen)
    columns = _COLUMNS[task](profiles, chosen)
    return Choice(task, columns, _reason(task, columns, profiles, chosen))


def _profiles(layout: Layout) -> list[ColumnValues]:
    names = [str(column) for column in layout.columns]
    columns = dict(zip(names, layout.columns, strict=True))
    if layout.reader.get("header", True) and len(set(names)) < len(names):
        repeated = next(name for name in names if names.count(name) > 1)
        raise UserError(
            f"{layout.files[0].name}:1 has two columns '{repeated}': rename one of them."
        )
    rows = _first_rows(layout, columns)
    if layout.format in ("json_lines", "parquet") and any(isinstance(row, BadRow) for row in rows):
        # A null or an object has no text, but the other columns of its row have: read each alone.
        alone = [_first_rows(layout, {name: column}) for name, column in columns.items()]
        values = [
            ["" if isinstance(row, BadRow) else str(row[2]) for row in rows] for rows in alone
        ]
    else:
        texts = [[str(text) for text in row[2:]] for row in rows if not isinstance(row, BadRow)]
        values = [list(cells) for cells in zip(*texts, strict=True)]
    if not any(map(any, values)):
        raise UserError(f"{layout.files[0].name} has no rows with text.")
    return [
        ColumnValues(column, cells) for column, cells in zip(layout.columns, values, strict=True)
    ]


def _first_rows(layout: Layout, columns: Mapping[str, Column]) -> list[Row | BadRow]:
    reader = formats.make_reader({**layout.reader, "columns": columns})
    return list(islice(reader.read(layout.files, list(columns)), formats.ROWS))


def _column(value: str, option: str, columns: Sequence[Column]) -> Column:
    """Return the column that an option names."""
    by_name = {str(column): column for column in columns}
    if value not in by_name:
        raise UserError(f"--{option}: there is no column '{value}'{suggest(value, by_name)}.")
    return by_name[value]


def _task(profiles: Mapping[Column, ColumnValues], chosen: Mapping[str, Column]) -> str:
    if "source" in chosen or "target" in chosen:
        return "translation"
    if "label" in chosen:
        return "tagging" if are_tags(profiles[chosen["label"]].values) else "classification"
    others = [profile for column, profile in profiles.items() if column not in chosen.values()]
    if any(are_tags(profile.values) for profile in others):
        return "tagging"
    texts = [profile for profile in others if profile.is_text]
    labels = [profile for profile in others if profile.is_label]
    if (
        len(texts) == 2
        and "text" not in chosen
        and not any(_is_named(profile) for profile in labels)
        and (_have_names_of_pairs(texts) or (not labels and _are_alike(texts)))
    ):
        return "translation"
    return "classification" if labels else "language_modelling"


def _have_names_of_pairs(texts: Sequence[ColumnValues]) -> bool:
    return all(
        min(profile.rank(SOURCES), profile.rank(TARGETS)) < 4
        or LANGUAGE.fullmatch(str(profile.column))
        for profile in texts
    )


def _are_alike(texts: Sequence[ColumnValues]) -> bool:
    """Return True if no column has the name of texts, and none is much shorter, as names are."""
    shorter, longer = sorted(profile.length for profile in texts)
    is_named = any(profile.rank(TEXTS) < len(TEXTS) for profile in texts)
    return not is_named and longer < 3 * shorter


def _is_named(profile: ColumnValues) -> bool:
    return profile.rank(LABELS) < len(LABELS)


def _text(
    profiles: Mapping[Column, ColumnValues],
    chosen: Mapping[str, Column],
    others: Sequence[Column] = (),
) -> Column:
    """Return the column of the texts: the longest one, or half of it under a usual name."""
    if "text" in chosen:
        return chosen["text"]
    candidates = [profile for column, profile in profiles.items() if column not in others]
    if not candidates:
        raise UserError("There is no column of texts: set --text.")
    named = {
        profile.column: 2.0 if profile.rank(TEXTS) < len(TEXTS) else 1.0 for profile in candidates
    }
    return max(candidates, key=lambda profile: profile.length * named[profile.column]).column


def _text_only(
    profiles: Mapping[Column, ColumnValues], chosen: Mapping[str, Column]
) -> dict[str, Column]:
    return {"text": _text(profiles, chosen)}


def _text_and_label(
    profiles: Mapping[Column, ColumnValues], chosen: Mapping[str, Column]
) -> dict[str, Column]:
    label = chosen.get("label")
    if label is None:
        candidates = [
            profile
            for column, profile in profiles.items()
            if column not in chosen.values() and profile.is_label
        ]
        if not candidates:
            raise UserError(
                "No column has few different values, as labels do: set --label, or --task "
                "language_modelling."
            )
        # By name; of equal names, the one with the fewest values.
        best = min(candidates, key=lambda item: (item.rank(LABELS), len(set(item.values))))
        label = best.column
    return {"text": _text(profiles, chosen, (label,)), "label": label}


def _text_and_tags(
    profiles: Mapping[Column, ColumnValues], chosen: Mapping[str, Column]
) -> dict[str, Column]:
    tags = chosen.get("label")
    if tags is None:
        tagged = [column for column, profile in profiles.items() if are_tags(profile.values)]
        if not tagged:
            raise UserError("No column has IOB tags, as `O B-name I-name`: set --label.")
        tags = tagged[-1]
    lengths = [len(value.split()) for value in profiles[tags].values]
    for column, profile in profiles.items():
        words = [len(value.split()) for value in profile.values]
        if column != tags and words == lengths and "text" not in chosen:
            return {"text": column, "tags": tags}
    return {"text": _text(profiles, chosen, (tags,)), "tags": tags}


def _pair(
    profiles: Mapping[Column, ColumnValues], chosen: Mapping[str, Column]
) -> dict[str, Column]:
    others = [
        profile
        for column, profile in profiles.items()
        if column not in chosen.values() and profile.is_text
    ]
    needed = 2 - ("source" in chosen) - ("target" in chosen)
    if len(others) < needed:
        raise UserError("Translation needs two columns of texts: set --source and --target.")
    longest = sorted(others, key=lambda profile: -profile.length)[:needed]
    pair = [profile for profile in others if profile in longest]  # in the order of the file
    if (
        needed == 2
        and pair[0].rank(TARGETS) < len(TARGETS)
        and pair[0].rank(SOURCES) == len(SOURCES)
    ):
        pair.reverse()
    columns = iter(profile.column for profile in pair)
    return {
        name: chosen[name] if name in chosen else next(columns) for name in ("source", "target")
    }


_COLUMNS = {
    "language_modelling": _text_only,
    "classification": _text_and_label,
    "tagging": _text_and_tags,
    "translation": _pair,
}


def _reason(
    task: str,
    columns: Mapping[str, Column],
    profiles: Mapping[Column, ColumnValues],
    chosen: Mapping[str, Column],
) -> str:
    if task == "language_modelling":
        return f"'{columns['text']}' has texts, and no column has labels"
    if task == "translation":
        return f"'{columns['source']}' and '{columns['target']}' have texts"
    if task == "tagging":
        return f"'{columns['tags']}' has IOB tags"
    count = len({value for value in profiles[columns["label"]].values if value.strip()})
    others = [
        str(column)
        for column, profile in profiles.items()
        if column not in columns.values() and profile.is_label
    ]
    hint = f"; --label may name {' or '.join(others)} instead" if others and not chosen else ""
    return f"'{columns['label']}' has {count} different values{hint}"


def _aligned(layout: Layout, options: Options) -> Choice:
    """Return the task of aligned files."""
    reader = formats.make_reader(layout.reader)
    pair = layout.groups[0]
    rows = formats.first_rows(reader, pair, ("source", "target"), formats.ROWS)
    second = [str(row[3]) for row in rows]
    words = [(len(str(row[2]).split()), len(str(row[3]).split())) for row in rows]
    if are_tags(second) and all(left == right for left, right in words):
        task, reason = "tagging", f"{pair[1].name} has a tag for each word of {pair[0].name}"
    elif is_labels(second):
        task, reason = "classification", f"{pair[1].name} has few different lines, as labels"
    else:
        task, reason = "translation", f"{pair[0].name} and {pair[1].name} have texts"
    return Choice(options.task or task, {}, reason)
