"""Where runs are kept: a SQLite file in the project's root, or the server that the user names."""

from __future__ import annotations

import logging
import os
import re
import socket
import sqlite3
import warnings
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pipelines.errors import UserError
from pipelines.lineage import dvc_project

# A dead server must cost seconds, not MLflow's own seven retries of two minutes each. Nothing is
# said beside what we say.
PATIENCE = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",  # of each run that ends
}
# What only MLflow's pages for traces need takes most of the time until the others are there.
SERVER = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
# For a question that nothing waits for.
IMPATIENCE = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0", "MLFLOW_HTTP_REQUEST_TIMEOUT": "5"}
PORTS = {"postgresql": 5432, "mysql": 3306, "mssql": 1433}


def tracking_uri(root: Path) -> str:
    """Where runs go: `MLFLOW_TRACKING_URI`, or a SQLite file in the project's root; of a queued
    experiment, in the root of the project that queued it."""
    return (
        os.environ.get("MLFLOW_TRACKING_URI")
        or f"sqlite:///{dvc_project.main_root(root) / 'mlflow.db'}"
    )


def ui_arguments(root: Path, host: str, port: int) -> list[str]:
    """What `mlflow` is called with to show the runs of this project."""
    artifacts = (dvc_project.main_root(root) / "mlartifacts").as_uri()
    store_and_files = [
        "--backend-store-uri",
        tracking_uri(root),
        "--artifacts-destination",
        artifacts,
    ]
    here = ["--host", host, "--port", str(port), "--workers", "1"]  # one person looks
    return ["ui", *store_and_files, *here]


def redact(uri: str) -> str:
    """The address without the password that it may hold, before the host or behind a `?`."""
    if uri.startswith("sqlite:"):
        return uri  # a path, with whatever signs
    return re.sub(r"//.*@", "//", uri).partition("?")[0]


def summary(error: BaseException) -> str:
    """Why, in a few words: what the system said if it spoke ("Connection refused"), else MLflow."""
    text = str(error)
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, TimeoutError):
            text = "no answer in time"
        elif isinstance(inner, OSError) and inner.strerror:
            text = inner.strerror
        inner = inner.__cause__ or inner.__context__
    # MLflow's own text may quote the address with its password.
    line = re.sub(r"//\S*@", "//", " ".join(text.split())) or type(error).__name__
    return line if len(line) <= 160 else f"{line[:157]}..."


def ping(root: Path) -> str:
    """What the store of a project answers now; nothing is made there, neither file nor experiment.

    Raises:
        Refusal: no run could be kept there; the sentence holds no password.
    """
    uri = tracking_uri(root)
    if uri.startswith("sqlite:"):
        return _file_answer(Path(uri.removeprefix("sqlite:///").partition("?")[0]))
    kind = re.split(r"[+:]", uri)[0]
    if kind not in (*PORTS, "http", "https"):
        raise UserError(f"{redact(uri)} is neither SQLite nor another database nor a server.")
    try:
        return _database_answer(uri, PORTS[kind]) if kind in PORTS else _server_answer(uri)
    except Exception as error:  # MLflow's, of its transport and of the system: all mean the same
        why = getattr(error, "strerror", None) or summary(error)
        raise UserError(f"{redact(uri)} does not answer: {why}.") from None


def _file_answer(file: Path) -> str:
    if not os.access(file, os.F_OK):
        if os.access(file.parent, os.W_OK):
            return f"{file} is not there yet: the first training makes it"
        raise UserError(f"{file} is not there and its folder cannot be written.")
    try:
        with closing(sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True)) as opened:
            named = opened.execute("SELECT name FROM sqlite_master").fetchall()
            counts = opened.execute("SELECT count(*) FROM runs") if ("runs",) in named else [(0,)]
            ((count,),) = counts
    except sqlite3.Error as error:
        raise UserError(f"{file} is no database that can be read: {error}.") from None
    if not os.access(file, os.W_OK):
        raise UserError(f"{file} cannot be written.")
    return f"{file} holds {count:,} runs"


def _database_answer(uri: str, port: int) -> str:
    """MLflow would make its tables there, so the server alone is asked, and for nothing."""
    parts = urlsplit(uri)
    place = (parts.hostname or "localhost", parts.port or port)
    socket.create_connection(place, timeout=5).close()
    return f"{redact(uri)}: a server listens there"


def _server_answer(uri: str) -> str:
    for key, value in IMPATIENCE.items():
        os.environ.setdefault(key, value)
    _silence()
    from mlflow import MlflowClient

    MlflowClient(uri).search_experiments(max_results=1)
    return f"{redact(uri)} answers"


def context(tags: Mapping[str, str]) -> dict[str, str]:
    """Tags with those that MLflow gives every run: who ran what, and from which commit."""
    _silence()
    from mlflow.tracking.context import registry

    found: dict[str, str] = registry.resolve_tags(dict(tags))
    return found


def client(uri: str, root: Path) -> Any:
    """A client of the store."""
    _silence()
    from mlflow import MlflowClient

    with _alone(uri, root):
        return MlflowClient(uri)


def connect(uri: str, name: str, root: Path) -> tuple[Any, str]:
    """A client of the store, and the id of the experiment `name` there."""
    opened = client(uri, root)
    place = (
        (dvc_project.main_root(root) / "mlartifacts").as_uri()
        if uri.startswith("sqlite:")
        else None
    )
    with _alone(uri, root):
        return opened, _experiment(opened, name, place)


@contextmanager
def _alone(uri: str, root: Path) -> Iterator[None]:
    """Two first starts at once would both create the tables, and one of them would fail."""
    if not uri.startswith("sqlite:"):
        yield
        return
    from filelock import FileLock

    with FileLock(dvc_project.main_root(root) / "mlflow.db.lock", timeout=120):
        yield


def _silence() -> None:
    """MLflow reads these when it is imported; what matters is said by the guard."""
    for key, value in PATIENCE.items():
        os.environ.setdefault(key, value)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import mlflow  # noqa: F401
    for name in ("mlflow", "alembic", "sqlalchemy", "urllib3.connectionpool"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


def _experiment(client: Any, name: str, place: str | None) -> str:
    """The id of an experiment, made if need be; one deleted in the UI comes back."""
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(name)
    if found is None:
        try:
            return str(client.create_experiment(name, artifact_location=place))
        except MlflowException:
            # Another training may have made it between the two calls.
            found = client.get_experiment_by_name(name)
            if found is None:
                raise
    if found.lifecycle_stage == "deleted":
        client.restore_experiment(found.experiment_id)
    return str(found.experiment_id)
