"""The machine and the installed packages."""

from __future__ import annotations

import os
import platform
from contextlib import suppress
from importlib import metadata
from pathlib import Path


def machine() -> dict[str, str]:
    """Return Python, operating system and processor of this machine, without its GPUs."""
    return {
        "python": platform.python_version(),
        "system": platform.platform(),
        "machine": platform.machine(),
        "cpu": processor(),
        "cores": str(cores()),
    }


def cores() -> int:
    """Return the number of processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def processor() -> str:
    """Return the name of the processor, as Linux reports it."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").split("\n"):
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown processor"


def packages() -> dict[str, str]:
    """Return the version of every installed package by its name."""
    versions = {package.metadata["Name"]: package.version for package in metadata.distributions()}
    return dict(sorted((name.lower(), version) for name, version in versions.items() if name))
