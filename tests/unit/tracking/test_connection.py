"""Addresses of the tracking store without passwords, and `ping`."""

import contextlib
import socket
import sqlite3
import threading
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import sqlalchemy

from pipelines.errors import UserError, redact
from pipelines.tracking import connection, run_store
from tests.unit.tracking.servers import PATIENCE


@pytest.mark.parametrize(
    ("address", "redacted"),
    [
        ("https://me:secret@host:5000/path", "https://host:5000/path"),
        ("https://me:sec@ret@host/path", "https://host/path"),
        ("https://me:sec/ret@host/path", "https://host/path"),
        ("https://me:sec?ret@host/path", "https://host/path"),
        ("postgresql://me:secret@host/runs", "postgresql://host/runs"),
        ("postgresql://host/runs?user=me&password=secret", "postgresql://host/runs"),
        ("sqlite:////data/mlflow.db", "sqlite:////data/mlflow.db"),
        ("sqlite:////data/me@work/mlflow.db", "sqlite:////data/me@work/mlflow.db"),
        ("http://127.0.0.1:5000", "http://127.0.0.1:5000"),
        ("sqlite+pysqlite:////a%3Fb@c/mlflow.db", "sqlite+pysqlite:////a%3Fb@c/mlflow.db"),
        ("https://me:sec ret@host/path", "https://host/path"),
        ("https://me:secret/@host/path", "https://host/path"),
        ("https://token@host/a b", "https://host/a b"),
        ("https://host/npm/@scope/file.csv", "https://host/npm/@scope/file.csv"),
        ("'https://host/a.csv?token=secret'.", "'https://host/a.csv'."),
        ("(mysql+pymysql://me:secret@host/db), no", "(mysql+pymysql://host/db), no"),
        ("user=me password=secret host=h", "user=me password=... host=h"),
        ("aws_secret_access_key=secret, failed", "aws_secret_access_key=... failed"),
    ],
)
def test_only_the_password_is_redacted(address, redacted):
    assert redact(address) == redacted
    assert str(UserError(address)) == redacted


NAMES = ("plain", "why? 50%41 off", "a#b;c'd\"e $f", "文 @x", "%3F")


@pytest.mark.parametrize("name", NAMES)
def test_the_address_of_a_file_is_that_of_its_folder(monkeypatch, tmp_path, name):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    folder = tmp_path / name
    folder.mkdir()
    address = connection.tracking_uri(folder)
    assert connection.sqlite_file(address) == folder / "mlflow.db"
    with closing(sqlite3.connect(folder / "mlflow.db")) as opened:
        opened.execute("CREATE TABLE runs (id INTEGER)")
    engine = sqlalchemy.create_engine(address)
    assert sqlalchemy.inspect(engine).get_table_names() == ["runs"]
    engine.dispose()
    assert redact(address) == address
    assert connection.ping(folder) == f"{folder / 'mlflow.db'} holds 0 runs"


def test_the_store_of_a_folder_with_a_question_mark_is_inside(monkeypatch, tmp_path, empty_store):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    folder = tmp_path / NAMES[1]
    folder.mkdir()
    (folder / "mlflow.db").write_bytes(empty_store.read_bytes())
    client, experiment = connection.connect(connection.tracking_uri(folder), "x", folder)
    run = client.create_run(experiment)
    client.log_text(run.info.run_id, "text", "a/b.txt")
    (recorded,) = run_store.open_store(folder).runs
    assert run_store.open_store(folder).read_text(recorded, "a/b.txt") == "text"
    assert recorded.artifact_folder.is_relative_to(folder / "mlartifacts")
    assert list(tmp_path.iterdir()) == [folder]


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    """Set the variables, so that monkeypatch restores what `ping` sets."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    for key, value in (connection.PING_ENV | PATIENCE).items():
        monkeypatch.setenv(key, value)


def ping_error(monkeypatch, address):
    """Return the message with which `ping` refuses a store."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    with pytest.raises(UserError) as error:
        connection.ping(Path())
    assert "secret" not in str(error.value)
    return str(error.value)


def test_a_file_is_read_and_never_created(tmp_path):
    file = tmp_path / "mlflow.db"
    assert connection.ping(tmp_path) == f"{file} does not exist yet: the first training creates it"
    assert list(tmp_path.iterdir()) == []
    file.touch()  # an empty file, in which MLflow creates its tables
    assert connection.ping(tmp_path) == f"{file} holds 0 runs"
    with closing(sqlite3.connect(file)) as opened:
        opened.execute("CREATE TABLE runs (id INTEGER)")
        opened.execute("INSERT INTO runs VALUES (1), (2)")
        opened.commit()
    before = file.read_bytes()
    assert connection.ping(tmp_path) == f"{file} holds 2 runs"
    assert file.read_bytes() == before
    assert list(tmp_path.iterdir()) == [file]


def test_a_file_that_is_no_database(monkeypatch, tmp_path):
    file = tmp_path / "mlflow.db"
    file.write_text("no database at all", encoding="utf-8")
    message = ping_error(monkeypatch, f"sqlite:///{file}")
    assert message == f"{file} is not a readable database: file is not a database."
    message = ping_error(monkeypatch, f"sqlite:///{tmp_path}/nowhere/mlflow.db")
    assert message.endswith("mlflow.db does not exist, and its folder is not writable.")


def test_a_file_that_is_not_writable(monkeypatch, tmp_path):
    file = tmp_path / "mlflow.db"
    file.touch()
    monkeypatch.setattr(connection.os, "access", lambda path, mode: mode != connection.os.W_OK)
    assert ping_error(monkeypatch, f"sqlite:///{file}") == f"{file} is not writable."


@pytest.mark.parametrize(
    "address",
    [
        "file:///tmp/secret@x",
        "databricks://me:secret@x",
        "runs",
        "sqlite:/runs.db",
        "sqlite://",  # in memory: the runs would be lost
        "sqlite:///:memory:",
    ],
)
def test_an_address_of_another_kind(monkeypatch, tmp_path, address):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    functions = (
        connection.ping,
        run_store.open_store,
        lambda root: connection.client(connection.tracking_uri(root), root),
    )
    for function in functions:
        with pytest.raises(UserError, match=r"is no database and no server.*MLFLOW_TRACKING_URI"):
            function(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_a_folder_that_cannot_be_made_is_an_error_at_once(monkeypatch, tmp_path):
    """MLflow alone would try for minutes."""
    (tmp_path / "file").touch()
    address = f"sqlite:///{tmp_path}/file/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f" {address}\n")
    assert connection.tracking_uri(tmp_path) == address
    with pytest.raises(UserError, match=r"There are no runs: .*/file does not exist"):
        run_store.open_store(tmp_path)
    with pytest.raises(OSError, match=r"exists|directory"):
        connection.client(address, tmp_path)


@pytest.mark.parametrize(
    "address",
    [
        "http://me:secret@127.0.0.1:1",
        "postgresql://me:secret@127.0.0.1:1/runs",
        "mysql+pymysql://127.0.0.1:1/runs?password=secret",
    ],
)
def test_a_closed_port(monkeypatch, address):
    message = ping_error(monkeypatch, address)
    assert message == f"{redact(address)} does not answer: Connection refused."


def test_a_server_that_hangs_costs_seconds(monkeypatch):
    for key in connection.PING_ENV:
        monkeypatch.delenv(key)
    monkeypatch.setitem(connection.PING_ENV, "MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = f"http://me:secret@127.0.0.1:{listening.getsockname()[1]}"
        listening.setblocking(False)
        message = ping_error(monkeypatch, address)
        connections = 0
        with contextlib.suppress(BlockingIOError):
            while True:
                listening.accept()[0].close()
                connections += 1
    assert connections == 1  # of one second
    assert message.endswith("does not answer: no answer in time.")


def test_a_database_is_only_connected_to(monkeypatch, postgres):
    engine = sqlalchemy.create_engine(postgres.address)
    tables = sqlalchemy.inspect(engine).get_table_names()
    engine.dispose()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", postgres.address)
    monkeypatch.delenv("MLFLOW_DEFAULT_ARTIFACT_ROOT", raising=False)
    address = redact(postgres.address)
    ready = f"{address} accepts connections; artifacts are"
    assert connection.ping(Path()) == f"{ready} on this machine only"
    monkeypatch.setenv("MLFLOW_DEFAULT_ARTIFACT_ROOT", "s3://bucket/runs/")
    assert connection.ping(Path()) == f"{ready} in s3://bucket/runs"
    assert sqlalchemy.inspect(engine).get_table_names() == tables
    engine.dispose()
    message = ping_error(monkeypatch, postgres.address.replace(":test@", ":secret@"))
    assert message.startswith(f"{address} does not answer: connection failed: ")
    assert message.endswith('FATAL: password authentication failed for user "test".')


def test_a_place_of_artifacts_without_a_password(monkeypatch, tmp_path):
    local = (tmp_path / "mlartifacts").as_uri()
    monkeypatch.delenv("MLFLOW_DEFAULT_ARTIFACT_ROOT", raising=False)
    assert connection.artifact_location("postgresql://host/runs", tmp_path) == local
    monkeypatch.setenv("MLFLOW_DEFAULT_ARTIFACT_ROOT", "s3://me:secret@bucket/runs")
    assert connection.artifact_location("https://host", tmp_path) is None  # the server's choice
    with pytest.raises(UserError, match=r"Set it to s3://bucket/runs, .*AWS_") as error:
        connection.artifact_location("postgresql://host/runs", tmp_path)
    assert "secret" not in str(error.value)


class _Server(BaseHTTPRequestHandler):
    """A server without experiments that records its requests."""

    requests: list[str] = []  # noqa: RUF012 - shared by the handlers of all requests
    status = 200

    def do_POST(self):
        self.requests.append(self.path)
        self.send_response(self.status)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}" if self.status == 200 else b"no")

    def log_message(self, *args):
        """Print nothing."""


@pytest.mark.parametrize(("status", "succeeds"), [(200, True), (401, False)])
def test_a_server_is_only_asked_for_its_experiments(monkeypatch, status, succeeds):
    monkeypatch.setattr(_Server, "requests", [])
    monkeypatch.setattr(_Server, "status", status)
    with HTTPServer(("127.0.0.1", 0), _Server) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://me:secret@127.0.0.1:{server.server_port}"
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
        if succeeds:
            assert connection.ping(Path()) == f"{redact(address)} answers"
        else:
            assert "401" in ping_error(monkeypatch, address)
        server.shutdown()
    assert {path.rpartition("/")[2].partition("?")[0] for path in _Server.requests} == {"search"}


def test_the_reason_of_an_error_is_one_line_without_control_characters():
    error = RuntimeError("no JSON: \x1b[31m<html>\r\n postgresql://me:secret@host/runs \x07")
    assert connection.summary(error) == "no JSON: [31m<html> postgresql://host/runs"


def test_a_database_that_closes_connections_is_tried_once(tmp_path):
    """MLflow alone would try for two minutes."""
    pytest.importorskip("psycopg", reason="psycopg is not installed")
    attempts = []

    def accept(listening):
        with contextlib.suppress(OSError):
            while True:
                accepted, _ = listening.accept()
                attempts.append(1)
                accepted.close()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=accept, args=[listening], daemon=True)
        thread.start()
        address = f"postgresql://me:secret@127.0.0.1:{listening.getsockname()[1]}/runs"
        with pytest.raises(sqlalchemy.exc.OperationalError) as error:
            connection.client(address, tmp_path)
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()
    assert len(attempts) in (1, 2), "the client library repeats it without encryption"
    assert "secret" not in connection.summary(error.value)


def test_a_process_killed_at_the_first_connection_leaves_no_incomplete_store(monkeypatch, tmp_path):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    uri = connection.tracking_uri(tmp_path)
    create = connection._create_tables

    def killed(file: Path, artifacts: str) -> None:
        create(file, artifacts)
        file.rename(tmp_path / ".mlflow.db.new")  # all is there but its name
        raise KeyboardInterrupt

    monkeypatch.setattr(connection, "_create_tables", killed)
    with pytest.raises(KeyboardInterrupt):
        connection.client(uri, tmp_path)
    with closing(sqlite3.connect(tmp_path / ".mlflow.db.new")) as database:  # in a migration
        database.execute("create table _alembic_tmp_latest_metrics (key text)")
        database.execute("delete from alembic_version")
        database.commit()
    assert not (tmp_path / "mlflow.db").exists()
    monkeypatch.setattr(connection, "_create_tables", create)
    experiments = connection.client(uri, tmp_path).search_experiments()
    assert [experiment.name for experiment in experiments] == ["Default"]
    assert not (tmp_path / ".mlflow.db.new").exists()
