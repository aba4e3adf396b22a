"""The GPUs that stages can use."""

from __future__ import annotations

import os
from functools import cache

from pipelines.errors import UserError
from pipelines.lineage import environment

VARIABLE = "CUDA_VISIBLE_DEVICES"


@cache
def available() -> tuple[str, ...]:
    """Return the GPUs that CUDA_VISIBLE_DEVICES names, or else those of the driver."""
    if VARIABLE in os.environ:
        names = [name.strip() for name in os.environ[VARIABLE].split(",")]
        return tuple(name for name in names if name and name != "-1")
    return tuple(index for (index,) in environment.driver_gpus("index"))


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
