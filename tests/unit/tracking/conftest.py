"""A project that nothing was trained in, with MLflow's tables made; and servers."""

import os
import shutil
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.tracking import store
from tests.unit.tracking.servers import Postgres, Server
from tests.unit.tracking.work import NAME, Work

HERE = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with its tables, which take seconds to make."""
    folder = tmp_path_factory.mktemp("store")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # SQLAlchemy, of MLflow
        store.client(f"sqlite:///{folder / 'mlflow.db'}", folder)
    return folder / "mlflow.db"


@pytest.fixture
def work(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Work:
    """A project that was committed, without DVC."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["train_seq2seq", NAME])
    (tmp_path / "mlflow.db").write_bytes(made.read_bytes())
    (tmp_path / "params.yaml").write_bytes((HERE / "params.yaml").read_bytes())
    identity = ("-c", "user.name=test", "-c", "user.email=test@example.com")
    for words in (("init", "-q"), ("add", "params.yaml"), (*identity, "commit", "-qm", "one")):
        subprocess.run(["git", *words], check=True)
    return Work(tmp_path)


@pytest.fixture
def server(made: Path, tmp_path: Path) -> Iterator[Server]:
    """A server on a SQLite file, which can be stopped and started again."""
    (tmp_path / "served.db").write_bytes(made.read_bytes())
    with Server(tmp_path, f"sqlite:///{tmp_path / 'served.db'}") as started:
        yield started


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A database with no tables yet."""
    pytest.importorskip("psycopg", reason="psycopg is not installed")
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"))[-1:]
    found = shutil.which("initdb", path=":".join([*map(str, debian), os.environ["PATH"]]))
    if found is None:
        pytest.skip("PostgreSQL is not installed")
    with Postgres(Path(found).parent) as started:
        yield started
