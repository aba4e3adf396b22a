"""Parts of sentences that are written from data."""

from __future__ import annotations

from collections.abc import Sequence


def join(words: Sequence[str]) -> str:
    """Join the parts of an enumeration: `a, b and c`."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
