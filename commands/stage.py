"""Run one stage alone, with the paths that dvc.yaml gives it."""

from __future__ import annotations

import subprocess
import sys

from pipelines.console import Exit
from pipelines.tracking import graph


def run(stage: str, name: str | None) -> None:
    """Run a stage's own command, whatever DVC thinks of its inputs.

    Raises:
        Exit: with the command's own exit code.
    """
    words = graph.command(stage, name)
    # The interpreter that runs this, not whichever `python` the shell finds.
    done = subprocess.run([sys.executable, *words[1:]], check=False)
    if done.returncode:
        raise Exit(done.returncode)
