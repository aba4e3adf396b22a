"""Fixtures and checks of all tests: hanging tests end, and names of tests are stable."""

import gc
import os
import signal
from collections.abc import Generator, Iterator, Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from pipelines import fork_server
from tests import order, stable_ids, watchdog

CURRENT = watchdog.CurrentTest()
# Libraries of tests/walk/test_sharing.py, which starts most programs.
SHARING = ("psycopg", "sqlalchemy.dialects.postgresql", "boto3", "s3fs")
pytest_plugins = ["pytester"]  # runs pytest in the tests of `stable_ids`
# The same examples everywhere, however slow the machine is.
settings.register_profile(
    "tests",
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("tests")
# Nearly all objects are modules and tests, which last: looking for garbage among them takes a fifth
# of the time of an import, and more of a trace.
gc.set_threshold(100_000, 10, 10)  # as in programs
# A shell starts what runs in the background with Ctrl-C ignored, and the programs that tests start
# would ignore it too.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGQUIT, signal.SIG_DFL)


def pytest_configure(config: pytest.Config) -> None:
    """Watch the processes that run tests: here no output is captured yet."""
    runs_tests = "PYTEST_XDIST_WORKER" in os.environ or not getattr(config.option, "dist", None)
    if runs_tests or config.option.dist == "no":
        watchdog.watch(os.fdopen(os.dup(2), "w", encoding="utf-8"), CURRENT)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give each of several processes long tests first and short ones last."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        items[:] = order.halves(items, [item.nodeid for item in items])


def pytest_collection_finish() -> None:
    """Leave the modules of all tests out of the search for garbage."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Tell the watchdog which test this process runs."""
    with CURRENT.running(item.nodeid):
        return (yield)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Refuse tests whose order is random."""
    stable_ids.check(metafunc)


def pytest_make_parametrize_id(config: pytest.Config, val: object, argname: str) -> None:
    """Refuse names that may differ from process to process."""
    stable_ids.make_id(val, argname)


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all processes of pytest share, for results that take long to compute."""
    folder = tmp_path_factory.getbasetemp()
    return folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, str]]:
    """Variables with which stages and commands start in a process that has their libraries.

    The home folder is new: a program with another one would start without the server.
    """
    home = tmp_path_factory.mktemp("home")
    identity = "[user]\n name = test\n email = test@example.com\n"
    (home / ".gitconfig").write_text(identity, encoding="utf-8")
    # Modules of a project are compiled once.
    variables = {"PYTHONDONTWRITEBYTECODE": "", "HOME": str(home)}
    with pytest.MonkeyPatch.context() as patch:
        for key, value in variables.items():
            patch.setenv(key, value)
        with fork_server.serving((*fork_server.LIBRARIES, *SHARING)) as address:
            patch.undo()
            yield {**address, **variables}
