"""Git of a project that a command makes or changes."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

from pipelines.errors import UserError


def git(
    project: Path, arguments: Sequence[str], settings: Iterable[str] = (), text: str = ""
) -> str:
    """Run a Git command in a project and return its output.

    Args:
        project: its root.
        arguments: of the command.
        settings: options of Git itself, before the command.
        text: its standard input.

    Raises:
        UserError: Git is not installed, or the command fails.
    """
    # Inside a Git hook, the environment names the repository of the hook.
    repository = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE")
    environment = {key: value for key, value in os.environ.items() if key not in repository}
    try:
        process = subprocess.run(
            ["git", "-C", str(project), *settings, *arguments],
            env=environment,
            input=text,
            capture_output=True,
            encoding="utf-8",
            errors="surrogateescape",
            check=True,
        )
    except FileNotFoundError:
        raise UserError("Git is not installed. Install it first.") from None
    except subprocess.CalledProcessError as error:
        output = " ".join((error.stderr or error.stdout).split())
        raise UserError(
            f"`git {arguments[0]}` failed in the project: {output or 'no message'}."
        ) from None
    return process.stdout


def blobs(listing: str) -> dict[str, str]:
    """Return the object of each path in the output of `git ls-files -s -z` or `git ls-tree -z`."""
    entries = (entry.partition("\t") for entry in listing.split("\0") if entry)
    # The fields before the path: mode, object, stage; or mode, kind, object.
    return {path: max(fields.split(), key=len) for fields, _, path in entries}
