"""Run one stage, even if DVC considers it up to date."""

from __future__ import annotations

import os
import sys

from pipelines import console


def run(stage: str, name: str | None, restart: bool = False) -> None:
    """Replace this process by a stage, so that signals reach it.

    Args:
        stage: module in `stages`.
        name: corpus, model or experiment; None for a stage that has no such choice.
        restart: start a training run from its beginning instead of its last checkpoint.
    """
    arguments = [] if name is None else [name]
    arguments += [console.RESTART] if restart else []
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", f"stages.{stage}", *arguments])
