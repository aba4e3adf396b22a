"""The interpreter and the installed packages, beside those that the lock pins."""

from __future__ import annotations

import platform
import re
import sys
from functools import partial
from importlib import metadata
from pathlib import Path

from pipelines.diagnostics.results import Checks, Diagnostic

PYTHON = (3, 11)  # one interpreter, one lock
# Those that a result or its record depends on.
PACKAGES = ("tensorflow", "keras", "numpy", "dvc", "mlflow", "great-expectations", "pandas")
INSTALL = "delete .venv and run `make install`, which installs what the lock pins"


def checks(lock: Path) -> Checks:
    """The interpreter, then each package; a lock that is not there pins nothing."""
    pinned = pins(lock.read_text(encoding="utf-8")) if lock.is_file() else {}
    packages = {name: partial(package, name, pinned.get(name), lock.name) for name in PACKAGES}
    return {"python": python, **packages}


def pins(lock: str) -> dict[str, str]:
    """The version of each package in a lock, for the interpreter that seqproof runs on.

    The lock is universal: a package may stand there once more, for later interpreters.
    """
    found = re.findall(r"^([a-z0-9.-]+)==(\S+)(.*)", lock, flags=re.M)
    return {name: version for name, version, marker in found if ">= '3.12'" not in marker}


def python() -> Diagnostic:
    """The interpreter."""
    version = platform.python_version()
    if sys.version_info[:2] == PYTHON:
        return Diagnostic(version)
    wanted = ".".join(map(str, PYTHON))
    mend = f"delete .venv and run `make install PYTHON=/path/to/python{wanted}`"
    return Diagnostic(f"{version}, and seqproof needs {wanted}", "failed", mend)


def package(name: str, pinned: str | None, lock: str) -> Diagnostic:
    """An installed package.

    Args:
        name: as in the lock.
        pinned: the version there, if it is there.
        lock: what the lock is called.
    """
    try:
        version = metadata.version(name)
    except metadata.PackageNotFoundError:
        return Diagnostic("not installed", "failed", INSTALL)
    if pinned is None:
        return Diagnostic(version)
    if version == pinned:
        return Diagnostic(f"{version}, as in {lock}")
    return Diagnostic(f"{version}, and {lock} has {pinned}", "warning", INSTALL)
