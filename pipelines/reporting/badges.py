"""What `seqproof verify` found of a model, as a badge beside it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pipelines.errors import Refusal


@dataclass(frozen=True)
class Badge:
    """A verdict in a few words, and whether it is good."""

    words: str
    good: bool


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
    except (ValueError, TypeError, KeyError):
        raise Refusal(f"{verdict} is no verdict: delete it, and `seqproof verify`.") from None
    if of != hashlib.md5(metrics.read_bytes(), usedforsecurity=False).hexdigest():
        return None
    if count:
        return Badge(f"{count} finding{'s' if count > 1 else ''}, level {level}", False)
    return Badge(f"verified, level {level}", True)
