"""The interpreter and the installed packages, beside those that the lock pins."""

from __future__ import annotations

import platform
import re
import sys
from functools import partial
from importlib import metadata
from pathlib import Path

from packaging.markers import Marker

from pipelines.proof.findings import Checks, Finding

PYTHON = ((3, 11), (3, 13))  # lowest and highest, as pyproject.toml and the Makefile have them
# Those that a result or its record depends on.
PACKAGES = ("tensorflow", "keras", "numpy", "dvc", "mlflow", "great-expectations", "pandas")
INSTALL = "delete .venv and run `make install`, which installs what the lock pins"


def checks(lock: Path) -> Checks:
    """Return the check of the interpreter, then of each package; no lock, nothing pinned."""
    pinned = pins(lock.read_text(encoding="utf-8")) if lock.is_file() else {}
    packages = {name: partial(package, name, pinned.get(name), lock.name) for name in PACKAGES}
    return {"python": python, **packages}


def pins(lock: str) -> dict[str, str]:
    """Return the version of each package in a lock, for the interpreter that seqproof runs on.

    The lock is universal: a package may stand there twice, with markers of which one applies, or
    with a marker that does not apply at all.
    """
    lines = re.findall(r"^([a-z0-9.-]+)==([^\s;]+)(?: *; *([^\\\n]+))?", lock, flags=re.M)
    return {
        name: version for name, version, marker in lines if not marker or Marker(marker).evaluate()
    }


def python() -> Finding:
    """Return whether the interpreter is one that the lock pins packages for."""
    version = platform.python_version()
    if PYTHON[0] <= sys.version_info[:2] <= PYTHON[1]:
        return Finding(version)
    lowest, highest = (".".join(map(str, limit)) for limit in PYTHON)
    mend = f"delete .venv and run `make install PYTHON=/path/to/python{lowest}`"
    return Finding(f"{version}, and seqproof needs {lowest} to {highest}", "failed", mend)


def package(name: str, pinned: str | None, lock: str) -> Finding:
    """Return whether an installed package is the one that the lock pins.

    Args:
        name: as in the lock.
        pinned: the version there, if it is there.
        lock: what the lock is called.
    """
    try:
        version = metadata.version(name)
    except metadata.PackageNotFoundError:
        return Finding("not installed", "failed", INSTALL)
    if pinned is None:
        return Finding(version)
    if version == pinned:
        return Finding(f"{version}, as in {lock}")
    return Finding(f"{version}, and {lock} has {pinned}", "warning", INSTALL)
