"""The GPUs that stages can use."""

from __future__ import annotations

import os
import subprocess
from functools import cache

from pipelines.errors import UserError

VARIABLE = "CUDA_VISIBLE_DEVICES"


@cache
def available() -> tuple[str, ...]:
    """Return the GPUs that CUDA_VISIBLE_DEVICES names, or else those of the driver."""
    if VARIABLE in os.environ:
        names = [name.strip() for name in os.environ[VARIABLE].split(",")]
        return tuple(name for name in names if name and name != "-1")
    command = ["nvidia-smi", "--query-gpu=index", "--format=csv,noheader"]
    try:
        process = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return ()
    return tuple(process.stdout.split())


def choose(count: int | None) -> list[str]:
    """Return the GPUs to use.

    Args:
        count: their number; None for all.

    Raises:
        UserError: there are fewer.
    """
    names = available()
    if count is not None and count > len(names):
        raise UserError(f"--gpus {count}: this machine has {len(names)}. Omit --gpus to use all.")
    return list(names[:count])


def variables(gpu: str | None, count: int) -> dict[str, str]:
    """Return the environment variables of a stage.

    Args:
        gpu: the GPU that it has to itself; None if it needs none, or if all are hidden.
        count: number of GPUs that may be used.
    """
    if count == 0 and available():
        return {VARIABLE: "-1"}
    # A single GPU is visible anyway.
    return {} if gpu is None or len(available()) == 1 else {VARIABLE: gpu}
