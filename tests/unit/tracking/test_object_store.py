"""Runs in PostgreSQL with artifacts in S3: both servers are real and ask for passwords."""

import re
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from commands.sync import sync
from pipelines.console import Exit
from pipelines.errors import UserError
from pipelines.tracking import connection, mlflow_format, offline_queue, run_store
from tests.unit.tracking.servers import PATIENCE, ObjectStore, Postgres, Server
from tests.unit.tracking.work import CORPUS, NAME, Work

PASSWORD = "s3-secret"


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    """An S3 server with a bucket."""
    with ObjectStore(tmp_path_factory.mktemp("objects"), PASSWORD) as started:
        started.make_bucket("team")
        yield started


@pytest.fixture
def shared(
    work: Work,
    postgres: Postgres,
    objects: ObjectStore,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> Work:
    """A project whose runs are in an empty database and in S3."""
    name = re.sub(r"\W", "_", request.node.name).lower()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", postgres.create_database(name))
    monkeypatch.setenv("MLFLOW_DEFAULT_ARTIFACT_ROOT", "s3://team/runs/")
    # A model comes with its code: one file here instead of hundreds of uploads.
    code = work.folder / "code" / "pipelines" / "tracking"
    code.mkdir(parents=True)
    shutil.copy(Path(mlflow_format.__file__).with_name("serving.py"), code)
    monkeypatch.setattr(mlflow_format, "__file__", str(code / "mlflow_format.py"))
    for key, value in (objects.variables | connection.CLIENT_ENV | PATIENCE).items():
        monkeypatch.setenv(key, value)
    return work


def _artifacts(work: Work) -> set[str]:
    """Return the folders of the newest run's artifacts."""
    client, run = work.client(), work.runs()[0]
    return {file.path for file in client.list_artifacts(run.info.run_id)}


def test_a_run_that_another_machine_reads(
    shared: Work, tmp_path: Path, objects: ObjectStore
) -> None:
    shared.train()
    shared.evaluate()
    (run,) = shared.runs()
    assert run.info.artifact_uri.startswith("s3://team/runs/")
    # The experiment that MLflow makes with its tables names no folder of this machine either.
    experiments = shared.client().search_experiments()
    assert {item.artifact_location.split("//")[0] for item in experiments} == {"s3:"}
    other = run_store.open_store(tmp_path / "another machine")
    (record,) = other.runs
    assert record.artifact_folder is None
    assert '"command"' in str(other.read_text(record, "provenance/training.json"))
    model = other.logged_model(record)
    assert model is not None
    assert model.folder is None
    assert not (tmp_path / "mlartifacts").exists()
    objects.stop()
    try:
        with pytest.raises(UserError, match=r"Artifacts .*S3: Connection refused.*Check AWS_END"):
            other.read_text(record, "provenance/evaluation.json")
    finally:
        objects.start()


@pytest.mark.parametrize("fault", ["down", "refused"])
def test_artifacts_wait_while_s3_is(
    shared: Work,
    objects: ObjectStore,
    capsys: pytest.CaptureFixture[str],
    fault: str,
) -> None:
    reason = "S3: Connection refused"
    objects.stop()
    if fault == "refused":
        reason = "S3: SignatureDoesNotMatch: The request signature"
        objects.start("other-secret")
    try:
        shared.train()
        shared.evaluate()  # uploads what is queued first: nothing of it may be skipped
        with pytest.raises(Exit):
            sync(any_server=False)
    finally:
        objects.stop()
        objects.start()
    printed = capsys.readouterr().out
    assert printed.count(f"is unreachable ({reason}") == 3
    assert "rejected" not in printed
    assert "secret" not in printed
    assert _names(offline_queue.queued_runs(shared.folder)) == [NAME, NAME]
    sync(any_server=False)
    assert "Uploaded 2 queued runs to postgresql://127.0.0.1:" in capsys.readouterr().out
    assert {"history", "predictions", "provenance"} <= _artifacts(shared)
    assert len(shared.models()) == 1


def test_two_machines_come_first(shared: Work, tmp_path: Path) -> None:
    """Of two that create MLflow's tables at once, none fails."""
    failures: list[BaseException] = []
    uri, barrier = connection.tracking_uri(shared.folder), threading.Barrier(2)

    def connect(root: Path) -> None:
        root.mkdir()
        barrier.wait()
        try:
            connection.connect(uri, f"seqproof/{CORPUS}", root)
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=connect, args=[tmp_path / name]) for name in ("a", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(shared.client().search_experiments()) == 2


def test_a_server_has_the_passwords_of_its_clients(
    shared: Work, monkeypatch: pytest.MonkeyPatch, objects: ObjectStore
) -> None:
    database = connection.tracking_uri(shared.folder)
    monkeypatch.delenv("MLFLOW_DEFAULT_ARTIFACT_ROOT")
    with Server(shared.folder, database, "s3://team/served") as server:
        for name in objects.variables:
            monkeypatch.delenv(name)
        monkeypatch.setenv("MLFLOW_TRACKING_URI", server.address)
        shared.train()
        (run,) = shared.runs()
        assert run.info.artifact_uri.startswith("mlflow-artifacts:/")
        assert "provenance" in _artifacts(shared)
    files = (objects.folder / "team" / "served").rglob("training.json*")
    assert run.info.run_id in str(next(files))


def _names(queued: list[offline_queue.QueuedRun]) -> list[str]:
    return [str(run.events()[0].payload["name"]) for run in queued]
