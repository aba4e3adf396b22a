"""Broken rules of the level `warn`, as tags and metrics of a run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipelines import files

TAG = "data.warnings"  # frames and names of the broken rules
COUNT = "data/warnings"  # metric: their number


def tags_and_metrics(path: Path) -> tuple[dict[str, str], dict[str, float]]:
    """Return the tag and the metrics of the data checks of a corpus.

    The metric `data/<frame>/<rule>` of a broken rule is the share of the rows that break it, or the
    measured value; of several columns the largest. A damaged file has none: the report names it.

    Args:
        path: results of the checks, as `preprocess` writes them.
    """
    values: dict[str, float] = {}
    try:
        for name, value in _broken(files.read_json(path, list[dict[str, Any]])):
            values[name] = max(value, values.get(name, 0.0))
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}, {}
    metrics = {f"data/{name}": value for name, value in values.items()}
    return {TAG: ", ".join(values) or "none"}, {COUNT: float(len(values)), **metrics}


def _broken(checks: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, float]]:
    """Yield frame and name of each broken rule, and its share of rows or measured value."""
    for check in checks:
        if not check["success"]:
            count, rows = check["unexpected"], max(1, check["rows"])
            value = check["observed"] if count is None else count / rows
            yield f"{check['frame']}/{check['name']}", float(value)
