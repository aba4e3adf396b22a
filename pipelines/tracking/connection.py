"""Connection to the tracking store: SQLite in the project's root, or a server of the user."""

from __future__ import annotations

import logging
import os
import re
import sqlite3
import warnings
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from pipelines import console, files
from pipelines.errors import UserError, redact
from pipelines.lineage import dvc_project
from pipelines.tracking import artifact_addresses, database

# An unreachable server must cost seconds; by default MLflow retries seven times for two minutes.
CLIENT_ENV = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",  # printed after each run
    "PGCONNECT_TIMEOUT": "5",  # seconds, of PostgreSQL's client library; endless by default
    "AWS_MAX_ATTEMPTS": "2",  # of a request to S3
}
# Job execution serves MLflow's pages for traces only, and takes most of the server's start-up time.
SERVER_ENV = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
# For `ping`, whose answer no run depends on.
PING_ENV = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0", "MLFLOW_HTTP_REQUEST_TIMEOUT": "5"}
# https://host/path, or the host:path of SSH; no path, and no file:///path.
_REMOTE_REPOSITORY = re.compile(r"(?!file:)[^/:]+:")
S3 = ("boto3", "botocore")  # packages of its clients


def tracking_uri(root: Path) -> str:
    """Return `MLFLOW_TRACKING_URI` or, by default, the SQLite file in the project's root.

    In a queued experiment the default is the file of the project that queued it.
    """
    return os.environ.get("MLFLOW_TRACKING_URI", "").strip() or sqlite_uri(_database(root))


def require_supported(uri: str) -> None:
    """Refuse an address at which no run would stay, or of which MLflow would try for a minute.

    Raises:
        UserError: it is neither the file of a database nor a database server nor a server.
    """
    file = sqlite_file(uri)
    is_file = file is not None and str(file) not in ("", ".", ":memory:")
    if not (is_file or database.is_database(uri) or is_server(uri)):
        raise UserError(
            f"{redact(uri)} is no database and no server. Set MLFLOW_TRACKING_URI to an address "
            "that begins with sqlite:///, postgresql, mysql, mssql, http or https."
        )


def is_server(uri: str) -> bool:
    """Return True for the address of an MLflow server."""
    return uri.lower().startswith(("http://", "https://"))


def _database(root: Path) -> Path:
    return dvc_project.main_root(root) / "mlflow.db"


def _artifacts(root: Path) -> Path:
    return dvc_project.main_root(root) / artifact_addresses.FOLDER


def sqlite_uri(file: Path) -> str:
    """Return the address of a SQLite file, with % and ? quoted."""
    path = str(file)
    quoted = path.replace("%", "%25").replace("?", "%3F")
    # MLflow makes the parent folders of `sqlite:///` by their quoted names, and so a second folder.
    scheme = "sqlite" if quoted == path else "sqlite+pysqlite"
    return f"{scheme}:///{quoted}"


def sqlite_file(uri: str) -> Path | None:
    """Return the file of the address of a SQLite database; None of another address."""
    scheme, slashes, path = uri.partition(":///")
    is_sqlite = bool(slashes) and scheme.partition("+")[0] == "sqlite"
    return Path(unquote(path.partition("?")[0])) if is_sqlite else None


def ui_arguments(root: Path, host: str, port: int) -> list[str]:
    """Return the arguments of `mlflow` that show the runs of this project; see `ui_env`."""
    artifacts = _artifacts(root).as_uri()
    server = ["--host", host, "--port", str(port), "--workers", "1"]  # one user
    return ["ui", "--artifacts-destination", artifacts, *server]


def ui_env(root: Path) -> dict[str, str]:
    """Return the variables of `mlflow ui`.

    The store's address is one of them, because every user of the machine can read the arguments of
    a process, and the address may hold a password.
    """
    return {**SERVER_ENV, **os.environ, "MLFLOW_BACKEND_STORE_URI": tracking_uri(root)}


def summary(error: BaseException) -> str:
    """Return a short reason: the system's if there is one ("Connection refused"), else MLflow's."""
    text = str(error)
    if isinstance(error, UserError):
        return text.removesuffix(".")
    for inner in _chain(error):
        if isinstance(inner, TimeoutError):
            text = "no answer in time"
        elif isinstance(inner, OSError) and inner.strerror:
            text = inner.strerror
        elif isinstance(response := getattr(inner, "response", None), dict):  # of S3
            text = "{Code}: {Message}".format_map({"Code": "", "Message": ""} | response["Error"])
    if is_of_s3(error):
        text = f"S3: {text}"
    text = database.NOISE.sub("", text)
    # MLflow's message may quote the address with its password.
    line = redact(" ".join(console.printable(text).split())) or type(error).__name__
    return line if len(line) <= 160 else f"{line[:157]}..."


def is_of_s3(error: BaseException) -> bool:
    """Return True if S3, where the artifacts are, could not be reached or refused a request."""
    return any(type(inner).__module__.partition(".")[0] in S3 for inner in _chain(error))


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and those that caused it."""
    inner: BaseException | None = error
    while inner is not None:
        yield inner
        inner = inner.__cause__ or inner.__context__


def ping(root: Path) -> str:
    """Describe the state of a project's store, without creating a file or an experiment there.

    Args:
        root: the project's root.

    Raises:
        UserError: the store cannot record runs; the message holds no password.
    """
    uri = tracking_uri(root)
    require_supported(uri)
    file = sqlite_file(uri)
    if file is not None:
        return _describe_file(file)
    try:
        if database.is_database(uri):
            silence_mlflow()
            database.ping(uri)
            location = artifact_location(uri, root) or ""
            place = "on this machine only" if location.startswith("file:") else f"in {location}"
            return f"{redact(uri)} accepts connections; artifacts are {place}"
        return _ping_server(uri)
    except Exception as error:  # of MLflow, its transport or the system
        reason = getattr(error, "strerror", None) or summary(error)
        raise UserError(f"{redact(uri)} does not answer: {reason}.") from None


def _describe_file(file: Path) -> str:
    if not os.access(file, os.F_OK):
        if os.access(file.parent, os.W_OK):
            return f"{file} does not exist yet: the first training creates it"
        raise UserError(f"{file} does not exist, and its folder is not writable.")
    try:
        count = _count_runs(file)
    except sqlite3.Error as error:
        raise UserError(f"{file} is not a readable database: {error}.") from None
    if not os.access(file, os.W_OK):
        raise UserError(f"{file} is not writable.")
    return f"{file} holds {count:,} runs"


def _count_runs(file: Path) -> int:
    """Return the number of runs in a file, which is only read.

    Raises:
        sqlite3.Error: the file is no database.
    """
    with closing(sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True)) as opened:
        tables = opened.execute("SELECT name FROM sqlite_master").fetchall()
        rows = opened.execute("SELECT count(*) FROM runs") if ("runs",) in tables else [(0,)]
        ((count,),) = rows
    return int(count)


def is_sound(file: Path) -> bool:
    """Return True if a file is a database whose runs can be counted."""
    try:
        _count_runs(file)
    except sqlite3.Error:
        return False
    return True


def _ping_server(uri: str) -> str:
    for key, value in PING_ENV.items():
        os.environ.setdefault(key, value)
    silence_mlflow()
    from mlflow import MlflowClient

    MlflowClient(uri).search_experiments(max_results=1)
    return f"{redact(uri)} answers"


def context_tags(tags: Mapping[str, str], root: Path) -> dict[str, str]:
    """Add the tags that MLflow gives every run: user, source and commit.

    The source is relative to the project, and a repository of this machine is left out: runs are
    shared, and then the paths of this machine mean nothing.

    Args:
        tags: other tags of the run.
        root: the project's root.
    """
    silence_mlflow()
    from mlflow.tracking.context import registry
    from mlflow.utils import mlflow_tags

    resolved: dict[str, str] = registry.resolve_tags(dict(tags))
    source = Path(resolved.get(mlflow_tags.MLFLOW_SOURCE_NAME, "")).resolve()
    inside = source.is_relative_to(root.resolve())
    resolved[mlflow_tags.MLFLOW_SOURCE_NAME] = (
        source.relative_to(root.resolve()).as_posix() if inside else source.name
    )
    if not _REMOTE_REPOSITORY.match(resolved.get(mlflow_tags.MLFLOW_GIT_REPO_URL, "")):
        resolved.pop(mlflow_tags.MLFLOW_GIT_REPO_URL, None)
    return resolved


def client(uri: str, root: Path) -> Any:
    """Return a client of the store; a file that does not exist is created.

    Raises:
        Exception: the address is invalid, or there is no store and none can be created.
    """
    require_supported(uri)
    silence_mlflow()
    from mlflow import MlflowClient

    with _creation_lock(uri, root):
        file = sqlite_file(uri)
        if database.is_database(uri):
            database.prepare(uri, artifact_location(uri, root))
        elif file is not None and not file.exists():
            _create_tables(file, artifact_location(uri, root))
        elif file is not None:
            _prepare_file(file, root)
        return MlflowClient(uri)


def _prepare_file(file: Path, root: Path) -> None:
    """Let the addresses of the project's own store follow it.

    A file that is no database fails at once: MLflow would try for a minute.
    """
    if file.resolve() == _database(root):
        artifact_addresses.update(file, _artifacts(root))
    else:
        _count_runs(file)


def _create_tables(file: Path, artifacts: str | None) -> None:
    """Create MLflow's tables in a new file.

    A process that is killed meanwhile leaves no incomplete database, which MLflow could not open.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    with files.atomic_write(file) as temporary:
        SqlAlchemyStore(sqlite_uri(temporary), artifacts).engine.dispose()


def artifact_location(uri: str, root: Path) -> str | None:
    """Return where new experiments keep their artifacts; None lets a server choose.

    `MLFLOW_DEFAULT_ARTIFACT_ROOT`, which `mlflow server` reads too, names a place that all machines
    reach; the default is a folder of the project.

    Args:
        uri: the store's address.
        root: the project's root.

    Raises:
        UserError: the address has a user, a password or a query: each run would record it.
    """
    if is_server(uri):
        return None
    location = os.environ.get("MLFLOW_DEFAULT_ARTIFACT_ROOT")
    if not location:
        return _artifacts(root).as_uri()
    if redact(location) != location:
        raise UserError(
            "MLFLOW_DEFAULT_ARTIFACT_ROOT has a user, a password or a query, which each run would "
            f"record. Set it to {redact(location)}, and pass the credentials as AWS_ACCESS_KEY_ID "
            "and AWS_SECRET_ACCESS_KEY."
        )
    return location.rstrip("/")


def connect(uri: str, experiment: str, root: Path) -> tuple[Any, str]:
    """Return a client of the store and the id of an experiment, which is created if need be.

    Args:
        uri: the store's address.
        experiment: name of the experiment.
        root: the project's root.
    """
    mlflow_client = client(uri, root)
    location = artifact_location(uri, root)
    with _creation_lock(uri, root):
        return mlflow_client, _experiment_id(mlflow_client, experiment, location)


@contextmanager
def _creation_lock(uri: str, root: Path) -> Iterator[None]:
    """Let one process at a time create the tables: of two at once, one would fail."""
    if is_server(uri):
        yield
        return
    from filelock import FileLock

    with FileLock(dvc_project.main_root(root) / "mlflow.db.lock", timeout=120):
        yield


def silence_mlflow() -> None:
    """Set what MLflow reads at import, and silence its loggers: we report failures ourselves."""
    for key, value in CLIENT_ENV.items():
        os.environ.setdefault(key, value)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import mlflow  # noqa: F401
    for name in ("mlflow", "alembic", "sqlalchemy", "urllib3.connectionpool", "psycopg"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


def _experiment_id(client: Any, name: str, artifacts: str | None) -> str:
    """Return the id of an experiment; create it, or restore it if it was deleted in the UI."""
    from mlflow.exceptions import MlflowException

    experiment = client.get_experiment_by_name(name)
    if experiment is None:
        try:
            return str(client.create_experiment(name, artifact_location=artifacts))
        except MlflowException:
            # Another process may have created it between the two calls.
            experiment = client.get_experiment_by_name(name)
            if experiment is None:
                raise
    if experiment.lifecycle_stage == "deleted":
        client.restore_experiment(experiment.experiment_id)
    return str(experiment.experiment_id)
