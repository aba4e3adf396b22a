"""Values that a person sets instead of a proposal."""

from __future__ import annotations

from typing import NamedTuple


class Options(NamedTuple):
    """Values that replace proposals; None leaves the choice to `propose`.

    Attributes:
        task: of the corpus.
        text: column of the texts, by name or, in a table without a header, by number.
        label: column of the labels or tags.
        source: column of the sources.
        target: column of the targets.
        tokens: kind of the tokens.
        split: method of the split.
        separator: between the columns of a table.
        quoting: of the cells of a table.
        header: False for a table without a header.
        encoding: of the files.
    """

    task: str | None = None
    text: str | None = None
    label: str | None = None
    source: str | None = None
    target: str | None = None
    tokens: str | None = None
    split: str | None = None
    separator: str | None = None
    quoting: str | None = None
    header: bool | None = None
    encoding: str | None = None
