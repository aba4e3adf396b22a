"""Comparisons of models as Markdown, for a comment on GitHub or GitLab."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

# Characters that Markdown interprets, and @, which notifies a person.
SPECIAL = re.compile(r"[\\`*_\[\]#|~@$]")


@dataclass(frozen=True)
class Section:
    """A comparison in words.

    Attributes:
        first: description of the first model.
        second: description of the model that is compared with it.
        table: rows of cells, of which the first has the heads.
        verdict: sentences about the test.
        differences: lines about what differs between both.
        is_unchanged: True if nothing differs, the scores neither.
    """

    first: str
    second: str
    table: Sequence[Sequence[str]]
    verdict: Sequence[str]
    differences: Sequence[str]
    is_unchanged: bool


def page(sections: Sequence[Section]) -> str:
    """Return Markdown: a part for each changed model, and the names of the others."""
    changed = [section for section in sections if not section.is_unchanged]
    lines = [line for section in changed for line in _section(section)]
    unchanged = [escape(section.second) for section in sections if section.is_unchanged]
    if unchanged:
        lines += [f"Unchanged: {', '.join(unchanged)}."]
    return "\n".join(lines).rstrip() + "\n"


def escape(text: str) -> str:
    """Return text without markup: it comes from data and names."""
    line = " ".join(text.split())
    return SPECIAL.sub(lambda match: f"&#{ord(match[0])};", html.escape(line, quote=False))


def _section(section: Section) -> Iterator[str]:
    yield f"### {escape(section.second)} compared with {escape(section.first)}"
    yield ""
    first, *verdict = section.verdict
    yield f"**{escape(first)}**"
    yield ""
    yield from _table(section.table)
    yield ""
    yield escape(" ".join(verdict))
    yield ""
    yield "<details><summary>Parameters, data, code and environment</summary>"
    yield ""
    for line in section.differences:
        yield f"{line[: len(line) - len(line.lstrip())]}- {escape(line)}"
    yield ""
    yield "</details>"
    yield ""


def _table(table: Sequence[Sequence[str]]) -> Iterator[str]:
    heads, *rows = table
    yield _row(heads)
    yield _row(["---", *["---:"] * (len(heads) - 2), "---"], is_text=False)
    yield from map(_row, rows)


def _row(cells: Iterable[str], is_text: bool = True) -> str:
    return f"| {' | '.join(escape(cell) if is_text else cell for cell in cells)} |"
