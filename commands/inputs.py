"""Text that a person types, or that another program writes."""

from __future__ import annotations

import sys
from pathlib import Path

from pipelines.errors import UserError


def texts(given: list[str] | None) -> list[str]:
    """The texts given, or each line of standard input.

    Raises:
        Refusal: neither holds any text, or what comes in is not UTF-8.
    """
    if given:
        for number, text in enumerate(given, 1):
            utf8(text, f"Text {number}")
        return given
    try:
        lines = sys.stdin.buffer.read().decode("utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise UserError(f"Standard input is no UTF-8 at byte {error.start + 1}.") from None
    if not lines:
        raise UserError("There is no text: give it in quotes, or on standard input, one a line.")
    return lines


def utf8(text: str, what: str) -> str:
    """A text from the command line, where bytes that are no UTF-8 come in as half characters.

    Raises:
        Refusal: there are such.
    """
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise UserError(f"{what} is no UTF-8 at its character {error.start + 1}.") from None
    return text


def folder(name: str) -> Path:
    """The name of a folder.

    Raises:
        Refusal: it is blank, which would be the current folder.
    """
    if not name.strip():
        raise UserError("The folder has no name: give one, or . for the current folder.")
    return Path(name)
