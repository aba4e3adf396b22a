"""One thing that is said of a run, whether the server hears it now or later."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

BEGIN, PARAMS, METRICS, SAMPLES, TAGS, DATASET, TEXT, FILES, MODEL, END = (
    *("begin", "params", "metrics", "samples", "tags"),
    *("dataset", "text", "files", "model", "end"),
)


def now() -> int:
    """Milliseconds since 1970, as MLflow counts time."""
    return int(time.time() * 1000)


@dataclass(frozen=True)
class LogEvent:
    """What a run is told. To tell it twice is to tell it once: see `remote.Remote`.

    Attributes:
        kind: one of the words above.
        said: what JSON can hold of it.
        files: files and folders that belong to it, by what they are.
        time: when it was said, in milliseconds since 1970.
    """

    kind: str
    said: Mapping[str, Any]
    files: Mapping[str, Path] = field(default_factory=dict)
    time: int = field(default_factory=now)
