"""Runs in MLflow's store: read after they have ended, to be tagged, compared and verified."""

from __future__ import annotations

import gc
import json
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

from pipelines.errors import UserError, redact
from pipelines.lineage import dvc_project, run_tags
from pipelines.tracking import connection

T = TypeVar("T")

PAGE_SIZE = 1000  # runs per request
ID_LENGTH = 8  # characters of a run's id in messages
TIMEOUT = 300.0  # seconds to wait for another process that writes


@dataclass(frozen=True)
class RunRecord:
    """Recorded run.

    Attributes:
        id: MLflow's id.
        name: name of the model.
        experiment: prefix of params.yaml and corpus.
        tags: all tags.
        params: logged parameters.
        metrics: last value of each metric.
        datasets: path and MD5 of each dataset.
        model_ids: ids of the logged models.
        artifact_uri: address of the artifacts.
    """

    id: str
    name: str
    experiment: str
    tags: Mapping[str, str]
    params: Mapping[str, str]
    metrics: Mapping[str, float]
    datasets: frozenset[tuple[str, str]]
    model_ids: tuple[str, ...]
    artifact_uri: str

    @property
    def short_id(self) -> str:
        """First characters of the id."""
        return self.id[:ID_LENGTH]

    def input_hash(self, kind: str) -> str | None:
        """Return the hash of what the stage read, for "training" or "evaluation"."""
        return self.tags.get(run_tags.INPUT_HASH.format(kind))

    @property
    def artifact_folder(self) -> Path | None:
        """Folder of the artifacts; None if they are on another machine."""
        return _local_path(self.artifact_uri)


@dataclass(frozen=True)
class LoggedModel:
    """Model that a run has logged.

    Attributes:
        id: MLflow's id.
        params: parameters of the run that logged it.
        folder: folder of its files; None if they are on another machine.
    """

    id: str
    params: Mapping[str, str]
    folder: Path | None


class RunStore:
    """Runs of a tracking store.

    Args:
        client: MLflow's client; None if the store does not exist yet.
        server: address without a password.
    """

    def __init__(self, client: Any, server: str) -> None:
        self._client = client
        self._server = server

    @cached_property
    def runs(self) -> tuple[RunRecord, ...]:
        """Runs that are not deleted, the newest first."""
        return () if self._client is None else self._call(lambda: tuple(self._read_runs()))

    def find(self, kind: str, input_hash: str) -> list[RunRecord]:
        """Return the runs whose stage read inputs of this hash, the newest first.

        Args:
            kind: "training" or "evaluation".
            input_hash: hash of the inputs.
        """
        return [run for run in self.runs if run.input_hash(kind) == input_hash]

    def set_tags(self, run: RunRecord, tags: Mapping[str, str]) -> None:
        """Set tags of a run."""
        from mlflow.entities import RunTag

        entities = [RunTag(*tag) for tag in tags.items()]
        self._call(lambda: self._client.log_batch(run.id, tags=entities))

    def log_text(self, run: RunRecord, text: str, path: str) -> None:
        """Write a text as an artifact of a run."""
        self._call(lambda: self._client.log_text(run.id, text, path))

    def read_text(self, run: RunRecord, path: str) -> str | None:
        """Read a text artifact of a run; None if it does not exist."""

        def read() -> str | None:
            parent = path.rpartition("/")[0]
            if path not in {file.path for file in self._client.list_artifacts(run.id, parent)}:
                return None
            with tempfile.TemporaryDirectory() as folder:
                file = self._client.download_artifacts(run.id, path, folder)
                return Path(file).read_bytes().decode("utf-8", "replace")

        return self._call(read)

    def logged_model(self, run: RunRecord) -> LoggedModel | None:
        """Return the newest model that a run has logged; None if there is none."""

        def read() -> LoggedModel | None:
            models = [self._client.get_logged_model(model_id) for model_id in run.model_ids]
            if not models:
                return None
            newest = max(models, key=lambda model: model.creation_timestamp)
            folder = _local_path(newest.artifact_location)
            return LoggedModel(newest.model_id, newest.params, folder)

        return self._call(read)

    def call(self, function: Callable[[Any], T]) -> T:
        """Call a function with MLflow's own client.

        Args:
            function: receives the client.

        Raises:
            UserError: the call failed.
        """
        return self._call(lambda: function(self._client))

    def _read_runs(self) -> Iterator[RunRecord]:
        experiments = {
            experiment.experiment_id: experiment.name
            for experiment in self._client.search_experiments()
        }
        token = None
        while experiments:
            with _garbage_collection_disabled():
                page = self._client.search_runs(
                    list(experiments),
                    max_results=PAGE_SIZE,
                    order_by=["attributes.start_time DESC"],
                    page_token=token,
                )
            yield from (_run_record(run, experiments[run.info.experiment_id]) for run in page)
            token = page.token
            if not token:
                return

    def _call(self, function: Callable[[], T]) -> T:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return function()
        except UserError:
            raise
        except Exception as error:  # of MLflow, its transport or the system
            reason = connection.summary(error)
            if connection.is_of_s3(error):
                raise UserError(
                    f"Artifacts of the runs of {self._server} cannot be read ({reason}). Check "
                    "AWS_ENDPOINT_URL_S3 and the credentials of S3."
                ) from None
            file = connection.sqlite_file(self._server)
            if file is None:
                message = (
                    f"The runs of tracking server {self._server} cannot be read ({reason}). Start "
                    "the server, or set MLFLOW_TRACKING_URI to another one."
                )
            elif connection.is_sound(file):
                message = (
                    f"The runs in {file} cannot be used ({reason}). The file itself is sound: "
                    "check the space on the disk and in TMPDIR, and whether you may write there."
                )
            else:
                message = (
                    f"The runs in {file} cannot be read ({reason}). Restore the file, or move it "
                    "away: the next training creates a new one."
                )
            raise UserError(message) from None


def open_store(root: Path) -> RunStore:
    """Open the tracking store of a project.

    Args:
        root: the project's root.

    Raises:
        UserError: the server does not answer, or the address is invalid.
    """
    uri = connection.tracking_uri(root)
    connection.require_supported(uri)
    run_store = RunStore(None, redact(uri))
    file = connection.sqlite_file(uri)
    if file is not None and not file.parent.is_dir():
        raise UserError(
            f"There are no runs: {file.parent} does not exist. Set MLFLOW_TRACKING_URI to another "
            "address, or unset it to use mlflow.db in the project."
        )
    # A client would create a SQLite file that does not exist.
    if file is None or file.exists():
        run_store._client = run_store._call(lambda: connection.client(uri, root))
    return run_store


def try_open_store(root: Path) -> tuple[RunStore | None, str]:
    """Return the runs of a project, or None and the error if the server is unreachable."""
    try:
        run_store = open_store(root)
        _ = run_store.runs
        return run_store, ""
    except UserError as error:
        return None, str(error)


@contextmanager
def exclusive_lock(root: Path) -> Iterator[None]:
    """Let one process at a time write to runs that have ended.

    Args:
        root: the project's root.

    Raises:
        UserError: another process did not finish in time.
    """
    from filelock import FileLock, Timeout

    try:
        with FileLock(dvc_project.main_root(root) / "mlflow.db.seal", timeout=TIMEOUT):
            yield
    except Timeout:
        raise UserError(
            f"Another `seqproof seal` is still running (waited {TIMEOUT:.0f} s). Stop it and retry."
        ) from None


@contextmanager
def _garbage_collection_disabled() -> Iterator[None]:
    """Disable the cyclic garbage collector while runs are parsed: it took two thirds of the time,
    and the parsed objects form no cycles."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _run_record(run: Any, experiment: str) -> RunRecord:
    inputs = run.inputs.dataset_inputs if run.inputs else []
    outputs = run.outputs.model_outputs if run.outputs else []
    return RunRecord(
        id=run.info.run_id,
        name=run.info.run_name,
        experiment=experiment,
        tags=run.data.tags,
        params=run.data.params,
        metrics=run.data.metrics,
        datasets=frozenset(_path_and_digest(item.dataset) for item in inputs),
        model_ids=tuple(output.model_id for output in outputs),
        artifact_uri=run.info.artifact_uri,
    )


def _path_and_digest(dataset: Any) -> tuple[str, str]:
    """Return path and digest, as `mlflow_format.dataset` wrote them."""
    return json.loads(dataset.source).get("uri", ""), dataset.digest


def _local_path(uri: str) -> Path | None:
    """Return the path of an address of this machine; None of another one."""
    parts = urlsplit(uri)
    return Path(unquote(parts.path)) if parts.scheme in ("", "file") else None
