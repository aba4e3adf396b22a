"""Badges with the result of `seqproof verify` for each model."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines import files, paths
from pipelines.errors import UserError

IDENTICAL = "identical"  # summary of a verification without any difference
# Lines of a badge's details: keys of the verification result's `training` and their formats.
DETAILS: tuple[Mapping[str, str], ...] = (
    {
        "processor": "{}",
        "instruction_sets": "{}",
        "cores": "{} cores",
        "device": "device {}",
        "kernel": "kernel {}",
    },
    {"seconds": "{:,.2f} s", "tokens_per_second": "{:,.0f} tokens/s"},
    {"joules": "{:,.1f} J", "measured": "energy of: {}"},
)


@dataclass(frozen=True)
class Badge:
    """The result of verifying a model.

    Attributes:
        text: the result in a few words.
        passed: whether there were no findings.
        details: lines about the machine, time and energy of the training; empty if unknown.
    """

    text: str
    passed: bool
    details: tuple[str, ...]


def load_badges(models: Iterable[str], root: Path) -> dict[str, Badge]:
    """Load the badges of models whose verification result belongs to their current metrics.

    Args:
        models: names of models.
        root: the project's root.

    Raises:
        UserError: a verification result cannot be read.
    """
    badges = {
        name: _load(root / paths.verified(name), root / paths.metrics(name)) for name in models
    }
    return {name: badge for name, badge in badges.items() if badge is not None}


def _load(verified: Path, metrics: Path) -> Badge | None:
    if not (verified.is_file() and metrics.is_file()):
        return None
    try:
        result = files.read_json(verified, dict[str, Any])
        level, findings = int(result["level"]), len(result["findings"])
        summary = str(result["verdict"]).partition(": ")[2]
        metrics_md5 = result["metrics"]
        details = tuple(_details(result.get("training", {})))
    except (ValueError, TypeError, KeyError, AttributeError):
        raise UserError(
            f"{verified} is damaged. Delete it and run `seqproof verify {verified.stem}`."
        ) from None
    if metrics_md5 != hashlib.md5(metrics.read_bytes(), usedforsecurity=False).hexdigest():
        return None  # the model was evaluated again since
    if findings:
        noun = "finding" if findings == 1 else "findings"
        return Badge(f"{findings} {noun}, level {level}", False, details)
    text = f"verified, level {level}"
    return Badge(text if summary == IDENTICAL else f"{text}: {summary}", True, details)


def _details(training: Mapping[str, Any]) -> Iterator[str]:
    for line in DETAILS:
        parts = [form.format(training[key]) for key, form in line.items() if key in training]
        if parts:
            yield ", ".join(parts)
