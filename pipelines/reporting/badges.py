"""What `seqproof verify` found of a model, as a badge beside it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.errors import UserError

# Each line of what is said of a training: the keys of a verdict, and how they are written.
TRAINING: tuple[Mapping[str, str], ...] = (
    {"processor": "{}", "cores": "{} cores", "device": "device {}", "kernel": "kernel {}"},
    {"seconds": "{:,.2f} s", "tokens_per_second": "{:,.0f} tokens/s"},
    {"joules": "{:,.1f} J", "measured": "measured of: {}"},
)


@dataclass(frozen=True)
class Badge:
    """A verdict in a few words, and whether it is good.

    Attributes:
        words: of the verdict.
        good: whether nothing was found.
        training: what the training ran on and what it took, in lines; empty if no run says so.
    """

    words: str
    good: bool
    training: tuple[str, ...]


def badges(models: Iterable[str], verified: Path, metrics: Path) -> dict[str, Badge]:
    """The badge of each model whose verdict is of the metrics that stand there.

    Args:
        models: by name.
        verified: the folder of `<model>.json`, the verdicts.
        metrics: the folder of `<model>.json`, the metrics.

    Raises:
        Refusal: a verdict cannot be read.
    """
    found = {name: _badge(verified / f"{name}.json", metrics / f"{name}.json") for name in models}
    return {name: badge for name, badge in found.items() if badge is not None}


def _badge(verdict: Path, metrics: Path) -> Badge | None:
    if not (verdict.is_file() and metrics.is_file()):
        return None
    try:
        said = json.loads(verdict.read_text(encoding="utf-8"))
        level, count, of = int(said["level"]), len(said["findings"]), said["metrics"]
        training = tuple(_training(said.get("training", {})))
    except (ValueError, TypeError, KeyError, AttributeError):
        raise UserError(f"{verdict} is no verdict: delete it, and `seqproof verify`.") from None
    if of != hashlib.md5(metrics.read_bytes(), usedforsecurity=False).hexdigest():
        return None
    if count:
        words = f"{count} finding{'s' if count > 1 else ''}, level {level}"
        return Badge(words, False, training)
    return Badge(f"verified, level {level}", True, training)


def _training(said: Mapping[str, Any]) -> Iterator[str]:
    """Hardware, time and energy, as far as they are known."""
    for line in TRAINING:
        parts = [form.format(said[key]) for key, form in line.items() if key in said]
        if parts:
            yield ", ".join(parts)
