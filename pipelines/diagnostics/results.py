"""What a check found, and how to mend what is not as it should be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Mark = Literal["ok", "warning", "failed"]


@dataclass(frozen=True)
class Diagnostic:
    """What stands behind the name of a check.

    Attributes:
        found: what is there.
        mark: whether that will do.
        mend: how to mend it, unless it is ok.
    """

    found: str
    mark: Mark = "ok"
    mend: str | None = None


Checks = dict[str, Callable[[], Diagnostic]]  # by names that are the same on every machine


def one_line(error: BaseException) -> str:
    """What an error says, without its line breaks and its last full stop."""
    text = " ".join(str(error).split()).rstrip(".") or type(error).__name__
    return text if len(text) <= 300 else f"{text[:297]}..."
