"""JSON lines: one object per line."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

from pipelines.data.readers.base import BadRow, Row, TextReader, check_columns
from pipelines.data.readers.text_files import brief
from pipelines.data.readers.typed_values import NoText, value_text
from pipelines.errors import UserError, suggest
from pipelines.types import TASKS, Task


class JsonLinesReader(TextReader):
    """Reader of JSON lines; `columns` maps our column names to the objects' names.

    Numbers and truth values become their text, and lists of strings tokens joined by spaces.
    """

    format: Literal["json_lines"]
    columns: dict[str, str]
    tasks: ClassVar[tuple[Task, ...]] = TASKS

    def check_task(self, task: Task, columns: Sequence[str]) -> None:
        """Check that `columns` names all columns of the task; see `CorpusReader.check_task`."""
        super().check_task(task, columns)
        check_columns(self.columns, columns)

    def read_file(self, file: Path, columns: Sequence[str]) -> Iterator[Row | BadRow]:
        """Yield one row per object; empty lines are skipped."""
        names = [self.columns[column] for column in columns]
        first = True
        for number, line in enumerate(self.lines(file), start=1):
            if not line.strip():
                continue
            if first:
                self._check_first(line, f"{file.name}:{number}", names)
                first = False
            try:
                tree = _parse(line, names)
                values = [tree.get(name) for name in names]
                yield (
                    file.name,
                    number,
                    *[
                        value if type(value) is str else _text(tree, name)
                        for name, value in zip(names, values, strict=True)
                    ],
                )
            except (ValueError, RecursionError) as error:
                reason = error.args[0] if isinstance(error, _NoRow) else _syntax(error)
                yield BadRow(file.name, number, reason, line)

    def _check_first(self, line: str, place: str, names: Sequence[str]) -> None:
        """Refuse a file whose first line shows that it has another format or other names."""
        try:
            tree = json.loads(line)
        except (ValueError, RecursionError):
            if line.lstrip()[0] in "[{" and len(line.strip()) == 1:
                raise UserError(
                    f"{place} begins a JSON value over several lines: write one object per line "
                    "(with jq: `jq -c .`, or `jq -c '.[]'` for a list)."
                ) from None
            return
        if isinstance(tree, list):
            raise UserError(
                f"{place} is a list: write one object per line (with jq: `jq -c '.[]'`)."
            )
        if isinstance(tree, dict):
            for name in names:
                if name not in tree:
                    raise UserError(
                        f"{place} has no name '{name}'{suggest(name, map(brief, list(tree)[:50]))}."
                    )


class _NoRow(ValueError):
    """Line that is no row; the argument is the reason."""


def _parse(line: str, names: Sequence[str]) -> dict[str, Any]:
    """Return the object of a line.

    Raises:
        ValueError: it is not valid JSON.
    """
    tree = json.loads(line)
    if not isinstance(tree, dict):
        raise _NoRow("is no JSON object: write {...} with a name for each column")
    for name in names:
        if line.count(f'"{name}"') > 1:  # perhaps in a text
            pairs = json.loads(line, object_pairs_hook=list)
            if [key for key, _ in pairs].count(name) > 1:
                raise _NoRow(f"has the name '{name}' more than once")
    return tree


def _text(tree: dict[str, Any], name: str) -> str:
    if name not in tree:
        raise _NoRow(f"has no name '{name}'")
    try:
        return value_text(tree[name])
    except NoText as error:
        raise _NoRow(f"has {error} in '{name}', where text must be") from None


def _syntax(error: Exception) -> str:
    """Return the reason of a line that is not valid JSON."""
    if isinstance(error, json.JSONDecodeError):
        return f"is not valid JSON (character {error.pos + 1}: {error.msg})"
    return "is not valid JSON: it is nested too deeply or has an endless number"


READER = JsonLinesReader
