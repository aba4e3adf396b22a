"""A finished project, made once for all tests."""

import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest
from filelock import FileLock

from tests.walk.projects import Project, create


@pytest.fixture(scope="session")
def finished(shared_folder: Path, server: Mapping[str, str]) -> tuple[Project, str]:
    """A tiny project after its first `seqproof run`, with the output and the logs of that.

    Tests do not edit it.
    """
    project, output = shared_folder / "walk", shared_folder / "walk.log"
    with FileLock(f"{project}.lock"):
        if not output.exists():
            shutil.rmtree(project, ignore_errors=True)  # of a process that failed
            printed = create(project, server).run("seqproof", "run", "--jobs", "2")
            logs = sorted(project.glob(".seqproof/logs/*.log"))
            texts = [printed, *(log.read_text(encoding="utf-8") for log in logs)]
            output.write_text("".join(texts), encoding="utf-8")
    return Project(project, server), output.read_text(encoding="utf-8")


@pytest.fixture
def copy(finished: tuple[Project, str], tmp_path: Path) -> Project:
    """A copy of that project for a test to edit."""
    return finished[0].copy(tmp_path / "project")
