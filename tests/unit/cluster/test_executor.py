"""Stages on Dask workers: outs and dvc.lock are those of `dvc repro`."""

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from pipelines.cluster.client import RemoteTask
from pipelines.cluster.executor import DaskExecutor
from pipelines.scheduling.children import Children
from pipelines.scheduling.jobs import StageJob
from tests.unit.cluster.dask_cluster import DaskCluster
from tests.unit.scheduling.shell_project import STAGES, Project
from tests.unit.scheduling.test_local_jobs import wait

DVC = (sys.executable, "-m", "dvc")
ROOT = Path(__file__).parents[3]
NAMES = ("prepare", "train", "evaluate")  # in the order in which they need each other


@pytest.fixture(scope="module")
def cluster(tmp_path_factory) -> Iterator[DaskCluster]:
    """Two workers."""
    variables = {key: text for key, text in os.environ.items() if key != "PYTHONPATH"}
    with DaskCluster(tmp_path_factory.mktemp("cluster"), variables) as started:
        for name in ("one", "two"):
            started.add_worker(name)
        yield started


@pytest.fixture(scope="module")
def plain(tmp_path_factory) -> Project:
    """The project after `dvc repro`; with the code that runs on workers."""
    project = Project.create(tmp_path_factory.mktemp("plain").resolve() / "project")
    shutil.copytree(
        ROOT / "pipelines", project.folder / "pipelines", ignore=shutil.ignore_patterns("*.pyc")
    )
    project.call(*DVC, "repro", "-q")
    project.commands()
    return project


@pytest.fixture
def project(plain, tmp_path) -> Project:
    """A copy of the project in which only `fetch` has run."""
    folder = tmp_path.resolve() / "project"
    shutil.copytree(plain.folder, folder, symlinks=True)
    project = Project(folder)
    for path in ("out", "dvc.lock", ".dvc/cache"):
        shutil.rmtree(folder / path) if (folder / path).is_dir() else (folder / path).unlink()
    project.call(*DVC, "repro", "-q", "fetch")
    project.commands()
    return project


@pytest.fixture(params=["disk", "remote"])
def project_of_each_kind(request, project, tmp_path, monkeypatch) -> Project:
    """The project; workers see its disk, or only its remote."""
    if request.param == "remote":
        monkeypatch.setattr(RemoteTask, "shares_disk", lambda self, token: False)
        project.call(*DVC, "remote", "add", "-q", "--default", "there", str(tmp_path / "remote"))
    return project


class Run:
    """Jobs of a project on the workers."""

    def __init__(self, project: Project, children: Children, address: str) -> None:
        self.project = project
        self.executor = DaskExecutor(project.folder, children, list(STAGES), address)

    def start(self, name: str, params: str | None = None) -> None:
        """Start a stage, with its output in the log instead of with that of the tests."""
        with (
            os.fdopen(1, "w", closefd=False) as output,
            os.fdopen(2, "w", closefd=False) as errors,
            redirect_stdout(output),
            redirect_stderr(errors),
        ):
            self.executor.start(name, StageJob(name, params), {"TRACE": str(self.project.trace)})

    def finish(self, name: str) -> list[str]:
        """Wait for its end; return its messages."""
        messages, codes = wait(self.executor, [name])
        assert codes == {name: 0}, self.log(name)
        return messages[name]

    def run(self, name: str, params: str | None = None) -> list[str]:
        """Run a stage to its end; return its messages."""
        self.start(name, params)
        return self.finish(name)

    def log(self, name: str) -> str:
        """Return its output."""
        return self.executor.log(name).read_text()


@pytest.fixture
def on_workers(project, cluster, monkeypatch) -> Iterator[Run]:
    """The project's jobs on the workers."""
    monkeypatch.chdir(project.folder)
    logs = project.folder / ".seqproof" / "logs"
    with Children(logs) as children:
        run = Run(project, children, cluster.address)
        with run.executor:
            yield run


def test_outs_and_lock_are_those_of_dvc_repro(project_of_each_kind, plain, on_workers):
    for name in NAMES:
        assert on_workers.run(name)[-1] == "ran", on_workers.log(name)
    assert on_workers.run("report")[-1] == "ran"  # here
    assert project_of_each_kind.files() == plain.files()
    assert sorted(project_of_each_kind.commands()) == sorted([*NAMES, "report"])
    assert "Running train on tcp://127.0.0.1:" in on_workers.log("train")
    assert "work on train" in on_workers.log("train")
    assert project_of_each_kind.call(*DVC, "status", "-q") == ""
