"""A Dask cluster for all tests."""

import os
from collections.abc import Iterator

import pytest

from tests.unit.cluster.dask_cluster import DaskCluster


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaskCluster]:
    """Two workers. A test that ends one of them adds another."""
    variables = {key: text for key, text in os.environ.items() if key != "PYTHONPATH"}
    with DaskCluster(tmp_path_factory.mktemp("cluster"), variables) as started:
        for name in ("one", "two"):
            started.add_worker(name)
        yield started
