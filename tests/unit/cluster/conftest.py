"""A Dask cluster for all tests."""

import os
from collections.abc import Iterator

import pytest

from tests.unit.cluster.dask_cluster import DaskCluster


@pytest.fixture(scope="session")
def common_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaskCluster]:
    """The cluster without workers."""
    variables = {key: text for key, text in os.environ.items() if key != "PYTHONPATH"}
    with DaskCluster(tmp_path_factory.mktemp("cluster"), variables) as started:
        yield started


@pytest.fixture
def cluster(common_cluster: DaskCluster) -> DaskCluster:
    """The cluster with two workers, also if an earlier test has ended some."""
    common_cluster.add_workers(2)
    return common_cluster
