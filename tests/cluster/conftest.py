"""A real SLURM and machines that share no disk; both need Linux, root and Debian's packages."""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest
from filelock import FileLock

from tests.cluster import machines, projects, slurm
from tests.cluster.machines import Network
from tests.cluster.slurm import Slurm
from tests.walk.projects import Project


@pytest.fixture(scope="session")
def slurm_server() -> Iterator[Slurm]:
    """A SLURM with one node of four cores."""
    _require_root(slurm.missing_programs(), "slurmctld, slurmd, slurm-client and munge")
    with Slurm() as started:
        yield started


@pytest.fixture
def network() -> Iterator[Network]:
    """A network without machines."""
    _require_root(machines.missing_programs(), "iproute2 and util-linux")
    with ExitStack() as stack:
        try:
            started = stack.enter_context(Network())
        except ChildProcessError as error:  # in a container without the rights
            pytest.skip(f"no network namespaces here: {error}")
        yield started


def _require_root(missing: list[str], packages: str) -> None:
    if missing:
        pytest.skip(f"{', '.join(missing)} not installed (Debian's packages {packages})")
    if os.geteuid() != 0:
        pytest.skip("needs root")


@pytest.fixture(scope="session")
def untrained(shared_folder: Path, server: Mapping[str, str]) -> Project:
    """A small project in which no stage has run; tests copy it."""
    folder, end = shared_folder / "cluster", shared_folder / "cluster.end"
    with FileLock(f"{folder}.lock"):
        if not end.exists():
            shutil.rmtree(folder, ignore_errors=True)  # of a process that failed
            projects.create(folder, server)
            end.touch()
    return Project(folder, server)


@pytest.fixture(scope="session")
def reference(untrained: Project, server: Mapping[str, str]) -> Project:
    """The same project after `seqproof run` on this machine."""
    folder = untrained.folder.with_name("cluster-reference")
    with FileLock(f"{folder}.lock"):
        end = folder.with_suffix(".end")
        if not end.exists():
            shutil.rmtree(folder, ignore_errors=True)
            untrained.copy(folder).run("seqproof", "run", "--jobs", "2")
            end.touch()
    return Project(folder, server)
