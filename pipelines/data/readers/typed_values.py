"""Text of typed values: numbers, truth values and lists of tokens."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from pipelines.data.readers.text_files import brief


class NoText(Exception):
    """Value that has no text.

    Args:
        problem: what it is, as the object of a sentence.
    """


def value_text(value: Any) -> str:
    """Return the text of a value: 1 is `1`, true is `true`, and tokens are joined by spaces.

    Raises:
        NoText: the value is null, not finite, or a structure; or a token has white space.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return _digits(value)
    if isinstance(value, float):
        if math.isfinite(value):
            return repr(value)
        raise NoText(f"{value}")
    if value is None:
        raise NoText("null")
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        return " ".join(_token(item) for item in value)
    kind = {"dict": "an object", "bytes": "bytes"}.get(type(value).__name__, "no text")
    raise NoText(kind)


def _token(item: Any) -> str:
    if isinstance(item, (list, dict)):
        raise NoText("a list of structures")
    text = value_text(item)
    if len(text.split()) != 1 or text != text.strip():
        raise NoText(f"the token '{brief(text)}' with white space or without text")
    return text


def _digits(value: int) -> str:
    try:
        return str(value)
    except ValueError:  # Python refuses more than 4,300 digits
        raise NoText("an endless number") from None
