"""Run one stage alone, with the paths that dvc.yaml gives it."""

from __future__ import annotations

import os
import sys

from pipelines import console
from pipelines.lineage import dvc_project


def run(stage: str, name: str | None, fresh: bool) -> None:
    """Run a stage's own command, whatever DVC thinks of its inputs.

    Args:
        stage: a verb of dvc.yaml.
        name: the corpus or model; None for a stage that has no such choice.
        fresh: of a training: begin again, whatever was saved on the way.
    """
    words = dvc_project.command(stage, name)
    sys.stdout.flush()
    # This process becomes the stage, so that signals reach it; by the interpreter that runs this,
    # not whichever `python` the shell finds.
    fresh_or_not = [console.RESTART] if fresh else []
    os.execv(sys.executable, [sys.executable, *words[1:], *fresh_or_not])
