"""An untrained project with an empty MLflow store, and tracking servers."""

import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.tracking import connection
from tests.unit.tracking.servers import PATIENCE, Postgres, Server
from tests.unit.tracking.work import NAME, Work

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite store with its tables, whose creation takes seconds."""
    folder = tmp_path_factory.mktemp("store")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # SQLAlchemy, of MLflow
        connection.client(f"sqlite:///{folder / 'mlflow.db'}", folder)
    return folder / "mlflow.db"


@pytest.fixture
def work(empty_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Work:
    """A committed project without DVC."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    for key, value in PATIENCE.items():
        monkeypatch.setenv(key, value)
    # The machine is sampled at the start and at the end only, however long that takes.
    monkeypatch.setenv("MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL", "1000000")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["train_seq2seq", NAME])
    (tmp_path / "mlflow.db").write_bytes(empty_store.read_bytes())
    (tmp_path / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
    identity = ("-c", "user.name=test", "-c", "user.email=test@example.com")
    for arguments in (("init", "-q"), ("add", "params.yaml"), (*identity, "commit", "-qm", "one")):
        subprocess.run(["git", *arguments], check=True)
    return Work(tmp_path)


@pytest.fixture
def server(empty_store: Path, tmp_path: Path) -> Iterator[Server]:
    """A server on a SQLite file that can be stopped and restarted."""
    (tmp_path / "served.db").write_bytes(empty_store.read_bytes())
    with Server(tmp_path, f"sqlite:///{tmp_path / 'served.db'}") as started:
        yield started


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """An empty PostgreSQL database."""
    with Postgres() as started:
        yield started
