"""Versions of Python and of the installed packages, compared with the lock file."""

from __future__ import annotations

import platform
import re
import sys
from functools import partial
from importlib import metadata
from pathlib import Path

from packaging.markers import Marker

from pipelines.diagnostics.diagnostic import Checks, Diagnostic

PYTHON = ((3, 11), (3, 13))  # lowest and highest version, as in pyproject.toml and Makefile
# Packages that results or their records depend on.
PACKAGES = ("tensorflow", "keras", "numpy", "dvc", "mlflow", "great-expectations", "pandas")
INSTALL = "delete .venv and run `make install`, which installs the pinned versions"


def checks(lock: Path) -> Checks:
    """Return the checks of Python and of each package; without a lock file nothing is pinned."""
    pinned = pins(lock.read_text(encoding="utf-8")) if lock.is_file() else {}
    packages = {name: partial(package, name, pinned.get(name), lock.name) for name in PACKAGES}
    return {"python": python, **packages}


def pins(lock: str) -> dict[str, str]:
    """Return the version of each package in the text of a lock file, for this interpreter.

    A universal lock file may list a package twice, each time with an environment marker.
    """
    lines = re.findall(r"^([a-z0-9.-]+)==([^\s;]+)(?: *; *([^\\\n]+))?", lock, flags=re.M)
    return {
        name: version for name, version, marker in lines if not marker or Marker(marker).evaluate()
    }


def python() -> Diagnostic:
    """Check the version of Python."""
    version = platform.python_version()
    lowest, highest = (".".join(map(str, limit)) for limit in PYTHON)
    if PYTHON[0] <= sys.version_info[:2] <= PYTHON[1]:
        return Diagnostic(version)
    fix = f"delete .venv and run `make install PYTHON=/path/to/python{lowest}`"
    return Diagnostic(f"{version}, but seqproof needs {lowest} to {highest}", "failed", fix)


def package(name: str, pinned: str | None, lock: str) -> Diagnostic:
    """Check the version of an installed package.

    Args:
        name: name of the package.
        pinned: its version in the lock file, if it has one.
        lock: name of the lock file.
    """
    try:
        version = metadata.version(name)
    except metadata.PackageNotFoundError:
        return Diagnostic("not installed", "failed", INSTALL)
    if pinned is None:
        return Diagnostic(version)
    if version == pinned:
        return Diagnostic(f"{version}, as in {lock}")
    return Diagnostic(f"{version}, but {lock} has {pinned}", "warning", INSTALL)
