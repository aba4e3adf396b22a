"""Parts of a model in its metrics file: `<part>/<key>` beside `<key>` of the whole model.

A part is a `member` of an ensemble (the mean of all members), the `network` or the `ngram` of a
mixture, or the test items of one group, such as a target language.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

SEPARATOR = "/"
Value = TypeVar("Value")


def with_prefix(part: str, values: Mapping[str, Value]) -> dict[str, Value]:
    """Return the values of a part by their keys in a metrics file."""
    return {f"{part}{SEPARATOR}{key}": value for key, value in values.items()}


def of_part(metrics: Mapping[str, Value], part: str | None) -> dict[str, Value]:
    """Return the values of a part by their plain keys; those of the whole model for None."""
    pairs = ((key.rpartition(SEPARATOR), value) for key, value in metrics.items())
    return {key: value for (prefix, _, key), value in pairs if prefix == (part or "")}


def names(metrics: Mapping[str, object]) -> list[str]:
    """Return the parts of a metrics file, in its order."""
    prefixes = (key.rpartition(SEPARATOR)[0] for key in metrics)
    return [prefix for prefix in dict.fromkeys(prefixes) if prefix]
