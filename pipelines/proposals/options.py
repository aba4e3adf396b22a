"""Values that a person sets instead of a proposal."""

from __future__ import annotations

import re
from typing import NamedTuple

from pipelines.data.readers import text_files
from pipelines.errors import UserError, suggest

QUOTING = ("standard", "none")


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

    def checked(self) -> Options:
        """Return the options with `\\t` as a tab.

        Raises:
            UserError: separator, quoting or encoding is impossible.
        """
        separator = "\t" if self.separator == "\\t" else self.separator
        if separator is not None and not re.fullmatch('[^"\\s\0]|[ \t]', separator):
            raise UserError(
                f"--separator: '{separator}' is not one character such as ; or \\t. Correct it."
            )
        if self.quoting is not None and self.quoting not in QUOTING:
            raise UserError(
                f"--quoting: there is no '{self.quoting}'{suggest(self.quoting, QUOTING)}."
            )
        try:
            text_files.check_encoding(self.encoding or text_files.UTF_8)
        except ValueError as error:
            raise UserError(f"--encoding: {error}.") from None
        return self._replace(separator=separator)
