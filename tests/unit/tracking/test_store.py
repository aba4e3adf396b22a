"""Addresses of the tracking store as they are shown, and what stands behind them."""

import socket
import sqlite3
import threading
import time
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from pipelines.errors import UserError
from pipelines.tracking import store


@pytest.mark.parametrize(
    ("address", "shown"),
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
def test_the_password_is_left_out_and_nothing_else(address, shown):
    assert store.redact(address) == shown


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    """Set beforehand, so that what `answer` sets is taken back."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    for key in store.IMPATIENCE:
        monkeypatch.setenv(key, store.IMPATIENCE[key])


def refused(monkeypatch, address):
    """Why a store does not answer."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    with pytest.raises(UserError) as refusal:
        store.ping(Path())
    assert "secret" not in str(refusal.value)
    return str(refusal.value)


def test_a_file_is_asked_and_never_made(tmp_path):
    file = tmp_path / "mlflow.db"
    assert store.ping(tmp_path) == f"{file} is not there yet: the first training makes it"
    assert list(tmp_path.iterdir()) == []
    file.touch()  # which MLflow fills with its tables
    assert store.ping(tmp_path) == f"{file} holds 0 runs"
    with closing(sqlite3.connect(file)) as opened:
        opened.execute("CREATE TABLE runs (id INTEGER)")
        opened.execute("INSERT INTO runs VALUES (1), (2)")
        opened.commit()
    before = file.read_bytes()
    assert store.ping(tmp_path) == f"{file} holds 2 runs"
    assert file.read_bytes() == before
    assert list(tmp_path.iterdir()) == [file]


def test_a_file_that_will_not_do(monkeypatch, tmp_path):
    file = tmp_path / "mlflow.db"
    file.write_text("no database at all", encoding="utf-8")
    said = refused(monkeypatch, f"sqlite:///{file}")
    assert said == f"{file} is no database that can be read: file is not a database."
    said = refused(monkeypatch, f"sqlite:///{tmp_path}/nowhere/mlflow.db")
    assert said.endswith("mlflow.db is not there and its folder cannot be written.")


def test_a_file_that_cannot_be_written(monkeypatch, tmp_path):
    file = tmp_path / "mlflow.db"
    file.touch()
    monkeypatch.setattr(store.os, "access", lambda path, how: how != store.os.W_OK)
    assert refused(monkeypatch, f"sqlite:///{file}") == f"{file} cannot be written."


@pytest.mark.parametrize("address", ["file:///tmp/secret@x", "databricks://me:secret@x", "runs"])
def test_what_keeps_no_runs(monkeypatch, tmp_path, address):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    with pytest.raises(UserError, match="is neither SQLite nor another database nor a server"):
        store.ping(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "address",
    [
        "http://me:secret@127.0.0.1:1",
        "postgresql://me:secret@127.0.0.1:1/runs",
        "mysql+pymysql://127.0.0.1:1/runs?password=secret",
    ],
)
def test_nothing_listens_there(monkeypatch, address):
    said = refused(monkeypatch, address)
    assert said == f"{store.redact(address)} does not answer: Connection refused."


def test_a_server_that_hangs_costs_seconds(monkeypatch):
    for key in store.IMPATIENCE:
        monkeypatch.delenv(key)
    monkeypatch.setitem(store.IMPATIENCE, "MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = f"http://me:secret@127.0.0.1:{listening.getsockname()[1]}"
        started = time.monotonic()
        said = refused(monkeypatch, address)
    assert time.monotonic() - started < 5
    assert said.endswith("does not answer: no answer in time.")


def test_a_database_is_only_rung_at(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as listening:
        place = f"127.0.0.1:{listening.getsockname()[1]}/runs"
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"postgresql://me:secret@{place}")
        assert store.ping(Path()) == f"postgresql://{place}: a server listens there"
        accepted, _ = listening.accept()
        with accepted:
            assert accepted.recv(1) == b""


class _Server(BaseHTTPRequestHandler):
    """Has no experiments, and writes down what it is asked."""

    asked: list[str] = []  # noqa: RUF012 - shared by the handlers of all requests
    status = 200

    def do_POST(self):
        self.asked.append(self.path)
        self.send_response(self.status)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}" if self.status == 200 else b"no")

    def log_message(self, *args):
        """Nothing."""


@pytest.mark.parametrize(("status", "fits"), [(200, True), (401, False)])
def test_a_server_is_asked_for_its_experiments_and_nothing_else(monkeypatch, status, fits):
    monkeypatch.setattr(_Server, "asked", [])
    monkeypatch.setattr(_Server, "status", status)
    with HTTPServer(("127.0.0.1", 0), _Server) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://me:secret@127.0.0.1:{server.server_port}"
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
        if fits:
            assert store.ping(Path()) == f"{store.redact(address)} answers"
        else:
            assert "401" in refused(monkeypatch, address)
        server.shutdown()
    assert {path.rpartition("/")[2].partition("?")[0] for path in _Server.asked} == {"search"}
