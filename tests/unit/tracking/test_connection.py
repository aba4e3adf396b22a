"""Addresses of the tracking store without passwords, and `ping`."""

import socket
import sqlite3
import threading
import time
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from pipelines.errors import UserError
from pipelines.tracking import connection


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
    ],
)
def test_only_the_password_is_redacted(address, redacted):
    assert connection.redact(address) == redacted


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    """Set the variables, so that monkeypatch restores what `ping` sets."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    for key in connection.PING_ENV:
        monkeypatch.setenv(key, connection.PING_ENV[key])


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


@pytest.mark.parametrize("address", ["file:///tmp/secret@x", "databricks://me:secret@x", "runs"])
def test_an_address_of_another_kind(monkeypatch, tmp_path, address):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    with pytest.raises(UserError, match=r"is no database and no server.*MLFLOW_TRACKING_URI"):
        connection.ping(tmp_path)
    assert list(tmp_path.iterdir()) == []


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
    assert message == f"{connection.redact(address)} does not answer: Connection refused."


def test_a_server_that_hangs_costs_seconds(monkeypatch):
    for key in connection.PING_ENV:
        monkeypatch.delenv(key)
    monkeypatch.setitem(connection.PING_ENV, "MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = f"http://me:secret@127.0.0.1:{listening.getsockname()[1]}"
        started = time.monotonic()
        message = ping_error(monkeypatch, address)
    assert time.monotonic() - started < 5
    assert message.endswith("does not answer: no answer in time.")


def test_a_database_is_only_connected_to(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = f"127.0.0.1:{listening.getsockname()[1]}/runs"
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"postgresql://me:secret@{address}")
        assert connection.ping(Path()) == f"postgresql://{address} accepts connections"
        accepted, _ = listening.accept()
        with accepted:
            assert accepted.recv(1) == b""


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
            assert connection.ping(Path()) == f"{connection.redact(address)} answers"
        else:
            assert "401" in ping_error(monkeypatch, address)
        server.shutdown()
    assert {path.rpartition("/")[2].partition("?")[0] for path in _Server.requests} == {"search"}
