"""Events of a run: what is logged now, or uploaded later from the offline queue."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# Kinds of events, as the offline queue stores them.
START, PARAMS, METRICS, SYSTEM_METRICS, TAGS, DATASET, TEXT, FILES, MODEL, END = (
    *("start", "params", "metrics", "system_metrics", "tags"),
    *("dataset", "text", "files", "model", "end"),
)


def timestamp_ms() -> int:
    """Return the milliseconds since 1970, MLflow's unit of time."""
    return int(time.time() * 1000)


@dataclass(frozen=True)
class LogEvent:
    """Event of a run. Sending it twice has the effect of sending it once: see `RunWriter`.

    Attributes:
        kind: one of the kinds above.
        payload: content that JSON can hold.
        files: files and folders that belong to the event, by their role.
        time: when it was logged, in milliseconds since 1970.
    """

    kind: str
    payload: Mapping[str, Any]
    files: Mapping[str, Path] = field(default_factory=dict)
    time: int = field(default_factory=timestamp_ms)
