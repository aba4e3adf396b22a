"""Versions of Python and of the installed packages, compared with the lock file."""

from __future__ import annotations

import platform
import re
import sys
from functools import partial
from importlib import metadata
from pathlib import Path

from pipelines.diagnostics.results import Checks, Diagnostic

PYTHON = (3, 11)
# Packages that results or their records depend on.
PACKAGES = ("tensorflow", "keras", "numpy", "dvc", "mlflow", "great-expectations", "pandas")
INSTALL = "delete .venv and run `make install`, which installs the pinned versions"


def checks(lock: Path) -> Checks:
    """Return the checks of Python and of each package; without a lock file nothing is pinned."""
    pinned = pins(lock.read_text(encoding="utf-8")) if lock.is_file() else {}
    packages = {name: partial(package, name, pinned.get(name), lock.name) for name in PACKAGES}
    return {"python": python, **packages}


def pins(lock: str) -> dict[str, str]:
    """Return the version of each package in the text of a lock file, for Python 3.11.

    A universal lock file may list a package twice: the second time for later versions of Python.
    """
    packages = re.findall(r"^([a-z0-9.-]+)==(\S+)(.*)", lock, flags=re.M)
    return {name: version for name, version, marker in packages if ">= '3.12'" not in marker}


def python() -> Diagnostic:
    """Check the version of Python."""
    version = platform.python_version()
    if sys.version_info[:2] == PYTHON:
        return Diagnostic(version)
    required = ".".join(map(str, PYTHON))
    fix = f"delete .venv and run `make install PYTHON=/path/to/python{required}`"
    return Diagnostic(f"{version}, but seqproof needs {required}", "failed", fix)


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
