"""Layout of the files of a corpus: parts of a split, aligned files, a folder per class."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from pipelines.data.readers import text_files
from pipelines.errors import UserError
from pipelines.proposals import formats
from pipelines.proposals.options import Options

PARTS = ("train", "valid", "test")
NAMES = {
    "train": ("train", "training", "trn"),
    "valid": ("valid", "validation", "val", "dev", "development", "devel"),
    "test": ("test", "testing", "tst"),
}
PART_OF = {name: part for part, names in NAMES.items() for name in names}
_WORD = re.compile("[^A-Za-z]+")


class Layout(NamedTuple):
    """Files of a corpus, and how to read them.

    Attributes:
        files: all files, in the order of `source.paths`.
        parts: the files of train, valid and test; empty if seqproof splits the rows.
        groups: files that are read together, one group for each part.
        reader: values of `reader` without its columns.
        columns: columns of the files, if they have any.
        reason: how the format and the layout show.
        folder: folder with one folder for each class, if there is one.
    """

    files: tuple[Path, ...]
    parts: Mapping[str, tuple[Path, ...]]
    groups: tuple[tuple[Path, ...], ...]
    reader: Mapping[str, Any]
    columns: tuple[str | int, ...]
    reason: str
    folder: Path | None = None

    @property
    def format(self) -> str:
        """Name of the format."""
        return str(self.reader["format"])


def arrange(paths: Sequence[Path], options: Options) -> Layout:
    """Return the layout of files.

    Args:
        paths: files, or one folder.
        options: values that need no recognition.

    Raises:
        UserError: there is no file, or files do not belong together.
    """
    if len(paths) == 1 and paths[0].is_dir():
        folder = paths[0]
        folders = sorted(path for path in folder.iterdir() if path.is_dir() and _visible(path))
        if folders:
            return _class_folders(folder, folders, options)
        paths = sorted(path for path in folder.iterdir() if _is_text(path))
        if not paths:
            raise UserError(f"The folder {folder} has no files.")
    for path in paths:
        if path.is_dir():
            raise UserError(f"{path} is a folder: pass one folder alone, or files.")
    shapes = [formats.recognise(path, options) for path in paths]
    for path, shape in zip(paths, shapes, strict=True):
        if shape[:2] != shapes[0][:2]:
            raise UserError(
                f"{path.name} has another format than {paths[0].name} ({shape.reason}; "
                f"{shapes[0].reason}): pass only the files of one corpus."
            )
    reader, columns, reason = shapes[0]
    parts = _parts(paths) if options.split in (None, "given") else {}
    groups = tuple(parts.values()) or (tuple(paths),)
    is_text = shapes[0].name == "lines" and options.task != "language_modelling"
    encoding = reader.get("encoding")
    if is_text and all(len(group) == 2 for group in groups) and _are_aligned(groups, encoding):
        groups = tuple(_ordered(group, encoding) for group in groups)
        parts = dict(zip(parts, groups, strict=False))
        reader = {**reader, "format": "parallel"}
        reason = "two text files with the same number of lines"
    elif is_text and options.task is None:
        _refuse_uneven(groups, encoding)
    files = tuple(file for group in groups for file in group)
    return Layout(files, parts, groups, reader, columns, reason)


def _refuse_uneven(groups: Sequence[Sequence[Path]], encoding: str | None) -> None:
    """Refuse two files that the names say are translations, with different numbers of lines.

    Raises:
        UserError: the message has the numbers.
    """
    for group in groups:
        languages = {_language(file) for file in group}
        if len(group) != 2 or None in languages or len(languages) == 1:
            continue
        counts = [sum(1 for _ in text_files.read_lines(file, encoding)) for file in group]
        if counts[0] != counts[1]:
            first, second = (
                f"{file.name} has {count:,} lines"
                for file, count in zip(group, counts, strict=True)
            )
            raise UserError(
                f"{first}, and {second}: add the lines that are missing, so that each has its "
                "translation, or set --task language_modelling."
            )


def _language(file: Path) -> str | None:
    """Return the language that the suffix of a file says, as in news.en.gz, or None."""
    suffix = formats.suffix_of(file)[1:]
    return suffix if len(suffix) == 2 and suffix.isalpha() else None


def _visible(path: Path) -> bool:
    return not path.name.startswith((".", "__MACOSX"))


def part_of(name: str) -> str | None:
    """Return the part that a name says, or None."""
    words = [word.lower() for word in _WORD.split(name)]
    return next((PART_OF[word] for word in words if word in PART_OF), None)


def _parts(paths: Sequence[Path]) -> dict[str, tuple[Path, ...]]:
    """Return the files of each part, or nothing if the names say no part."""
    named = {path: part_of(path.name) for path in paths}
    if None in named.values() or len(paths) < 2:
        return {}
    present = [part for part in PARTS if part in named.values()]
    if len(present) == 1:
        return {}
    if missing := [part for part in PARTS if part not in present]:
        raise UserError(
            f"The names of the files say {' and '.join(present)}, and {missing[0]} is missing: "
            "pass a file of that name too, or set --split to stratified, shuffled or contiguous "
            "to split all rows anew."
        )
    return {part: tuple(path for path in paths if named[path] == part) for part in PARTS}


def _are_aligned(groups: Sequence[Sequence[Path]], encoding: str | None) -> bool:
    """Return True if the files of each group have the same number of lines."""
    return all(
        len({sum(1 for _ in text_files.read_lines(file, encoding)) for file in group}) == 1
        for group in groups
    )


def _ordered(group: Sequence[Path], encoding: str | None) -> tuple[Path, ...]:
    """Return two aligned files, labels or tags last."""
    first, second = group
    if _has_labels(first, encoding) and not _has_labels(second, encoding):
        return second, first
    return first, second


def _has_labels(file: Path, encoding: str | None) -> bool:
    """Return True for lines of tags, or of few different values."""
    lines = [line.strip() for line in islice(text_files.read_lines(file, encoding), formats.ROWS)]
    return is_labels(lines) or are_tags(lines)


def is_labels(values: Sequence[str]) -> bool:
    """Return True if values are few different short ones, as labels are; some may be missing."""
    labels = [value for value in values if value.strip()]
    distinct = set(labels)
    short = all(len(value) <= formats.MAX_NAME for value in distinct)
    few = 2 <= len(distinct) <= min(100, max(2, len(labels) // 4))
    return short and few and len(labels) >= 0.5 * len(values)


def are_tags(values: Sequence[str]) -> bool:
    """Return True if values are sequences of IOB tags."""
    tokens = [token for value in values for token in value.split()]
    tagged = sum(bool(formats.TAG.fullmatch(token)) for token in tokens)
    return bool(tokens) and tagged >= 0.99 * len(tokens) and set(tokens) != {"O"}


def _class_folders(folder: Path, folders: Sequence[Path], options: Options) -> Layout:
    """Return the layout of a folder for each class, perhaps below train, valid and test."""
    parts = _parts(folders) if options.split in (None, "given") else {}
    tops = list(parts.values()) or [(folder,)]
    if not parts and all(part_of(path.name) for path in folders):  # to be split anew
        tops = [tuple(folders)]
    groups = tuple(tuple(file for top in part for file in _files_of_classes(top)) for part in tops)
    files = tuple(file for group in groups for file in group)
    encodings = (options.encoding or formats.encoding_of(file) for file in files)
    encoding = next((name for name in encodings if name), None)
    reader = {"format": "folders"} | ({"encoding": encoding} if encoding else {})
    classes = {file.parent.name for file in files}
    reason = f"{len(classes)} folders, one for each class"
    return Layout(files, parts, groups, reader, (), reason, folder)


def _files_of_classes(folder: Path) -> list[Path]:
    """Return the files in the folders of a folder."""
    folders = sorted(path for path in folder.iterdir() if path.is_dir() and _visible(path))
    files = [sorted(file for file in path.iterdir() if _is_text(file)) for path in folders]
    if part_of(folder.name) and not folders and any(map(_is_text, folder.iterdir())):
        raise UserError(
            f"The folder {folder.name} has files, and no folder for each class: pass the files, "
            "with train, valid and test in their names, as in train.en and train.de."
        )
    if sum(map(bool, files)) < 2:
        raise UserError(
            f"The folder {folder.name} needs files in two folders or more, one for each class."
        )
    return [file for group in files for file in group]


def _is_text(file: Path) -> bool:
    return file.is_file() and _visible(file)
