"""For all tests: what hangs ends, and every test has the same name in every process."""

import os
from pathlib import Path

import pytest

from tests import stable_ids, watchdog

pytest_plugins = ["pytester"]  # for the tests of the second


def pytest_configure(config: pytest.Config) -> None:
    """Watch the processes that run tests: here no output is captured yet."""
    runs_tests = "PYTEST_XDIST_WORKER" in os.environ or not getattr(config.option, "dist", None)
    if runs_tests or config.option.dist == "no":
        watchdog.watch(os.fdopen(os.dup(2), "w", encoding="utf-8"))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Refuse tests whose order is random."""
    stable_ids.check(metafunc)


def pytest_make_parametrize_id(config: pytest.Config, val: object, argname: str) -> None:
    """Refuse names that may differ from process to process."""
    stable_ids.make_id(val, argname)


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of all processes of pytest: what is dear is made by the first that needs it."""
    folder = tmp_path_factory.getbasetemp()
    return folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder
