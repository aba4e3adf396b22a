"""Text from the command line or standard input."""

from __future__ import annotations

import sys
from pathlib import Path

from pipelines.errors import UserError


def texts(arguments: list[str] | None) -> list[str]:
    """Return the texts of the command line or, without any, the lines of standard input.

    Args:
        arguments: texts of the command line, if any.

    Raises:
        UserError: there is no text, or the input is not valid UTF-8.
    """
    if arguments:
        for number, text in enumerate(arguments, 1):
            utf8(text, f"Text {number}")
        return arguments
    try:
        lines = sys.stdin.buffer.read().decode("utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise UserError(
            f"Standard input is not valid UTF-8 at byte {error.start + 1}. Convert it to UTF-8."
        ) from None
    if not lines:
        raise UserError(
            "There is no text. Pass it in quotes, or on standard input with one text per line."
        )
    return lines


def utf8(text: str, label: str) -> str:
    """Return a text of the command line, in which Python marks invalid bytes by lone surrogates.

    Args:
        text: the text.
        label: its name in the error message.

    Raises:
        UserError: the text is not valid UTF-8.
    """
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise UserError(
            f"{label} is not valid UTF-8 at character {error.start + 1}. Convert it to UTF-8."
        ) from None
    return text


def folder(name: str) -> Path:
    """Return the folder of a command-line argument.

    Args:
        name: the argument.

    Raises:
        UserError: the name is blank, which would silently mean the current folder.
    """
    if not name.strip():
        raise UserError("The folder's name is empty. Pass a name, or . for the current folder.")
    return Path(name)
