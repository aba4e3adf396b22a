"""Where runs are kept: a SQLite file in the project's root, or the server that the user names."""

from __future__ import annotations

import logging
import os
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from pipelines.tracking import graph

# A dead server must cost seconds, not MLflow's own seven retries of two minutes each.
PATIENCE = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}


def address(root: Path) -> str:
    """Where runs go: `MLFLOW_TRACKING_URI`, or a SQLite file in the project's root; of a queued
    experiment, in the root of the project that queued it."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{graph.home(root) / 'mlflow.db'}"


def ui_arguments(root: Path, port: int) -> list[str]:
    """What `mlflow` is called with to show the runs of this project."""
    artifacts = (graph.home(root) / "mlartifacts").as_uri()
    store_and_files = ["--backend-store-uri", address(root), "--artifacts-destination", artifacts]
    return ["ui", *store_and_files, "--host", "127.0.0.1", "--port", str(port)]


def shown(uri: str) -> str:
    """The address without the password that it may hold."""
    parts = urlsplit(uri)
    if "@" not in parts.netloc:
        return uri  # put together again, the slashes of sqlite's paths would be fewer
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def reason(error: BaseException) -> str:
    """Why, in a few words: what the system said if it spoke ("Connection refused"), else MLflow."""
    text, inner = str(error), error.__cause__ or error.__context__
    while inner is not None:
        if isinstance(inner, OSError) and inner.strerror:
            text = inner.strerror
        inner = inner.__cause__ or inner.__context__
    # MLflow's own text may quote the address with its password.
    line = re.sub(r"//[^/@\s]+@", "//", " ".join(text.split())) or type(error).__name__
    return line if len(line) <= 160 else f"{line[:157]}..."


def client(uri: str, root: Path) -> Any:
    """A client of the store."""
    _silence()
    from mlflow import MlflowClient

    with _alone(uri, root):
        return MlflowClient(uri)


def connect(uri: str, name: str, root: Path) -> tuple[Any, str]:
    """A client of the store, and the id of the experiment `name` there."""
    opened = client(uri, root)
    place = (graph.home(root) / "mlartifacts").as_uri() if uri.startswith("sqlite:") else None
    with _alone(uri, root):
        return opened, _experiment(opened, name, place)


@contextmanager
def _alone(uri: str, root: Path) -> Iterator[None]:
    """Two first starts at once would both create the tables, and one of them would fail."""
    if not uri.startswith("sqlite:"):
        yield
        return
    from filelock import FileLock

    with FileLock(graph.home(root) / "mlflow.db.lock", timeout=120):
        yield


def _silence() -> None:
    """MLflow reads these when it is imported; what matters is said by the guard."""
    for key, value in PATIENCE.items():
        os.environ.setdefault(key, value)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import mlflow  # noqa: F401
    for name in ("mlflow", "alembic", "sqlalchemy.engine", "urllib3.connectionpool"):
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
