"""Result of one diagnostic check."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "warning", "failed"]


@dataclass(frozen=True)
class Diagnostic:
    """Result of one check.

    Attributes:
        message: what the check found.
        status: whether that is sufficient.
        fix: how to fix it; None if the status is `ok`.
    """

    message: str
    status: Status = "ok"
    fix: str | None = None


Checks = dict[str, Callable[[], Diagnostic]]  # by name; the names are the same on every machine


def one_line(error: BaseException) -> str:
    """Return the message of an error on one line, at most 300 characters, without a full stop."""
    text = " ".join(str(error).split()).rstrip(".") or type(error).__name__
    return text if len(text) <= 300 else f"{text[:297]}..."
