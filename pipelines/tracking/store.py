"""Where runs are kept: a SQLite file in the project's root, or the server that the user names."""

from __future__ import annotations

import logging
import os
import warnings
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


def connect(uri: str, name: str, root: Path) -> tuple[Any, str]:
    """A client of the store, and the id of the experiment `name` there."""
    _silence()
    from mlflow import MlflowClient

    if not uri.startswith("sqlite:"):
        client = MlflowClient(uri)
        return client, _experiment(client, name, None)
    from filelock import FileLock

    home = graph.home(root)
    # Two first starts at once would both create the tables, and one of them would fail.
    with FileLock(home / "mlflow.db.lock", timeout=120):
        client = MlflowClient(uri)
        return client, _experiment(client, name, (home / "mlartifacts").as_uri())


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
