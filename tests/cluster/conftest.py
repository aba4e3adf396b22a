"""A real SLURM and machines that share no disk; both need Linux, root and Debian's packages."""

import os
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.cluster import machines, slurm
from tests.cluster.machines import Network
from tests.cluster.slurm import Slurm


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
