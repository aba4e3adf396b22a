"""The runs that MLflow keeps, read after they ended: to tag them, and to compare what they hold."""

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

from pipelines.errors import UserError
from pipelines.lineage import dvc_project
from pipelines.tracking import runs, store

T = TypeVar("T")

PAGE = 1000  # runs at a time
SHORT = 8  # digits of a run's id that are said
PATIENCE = 300.0  # seconds for another process to end


@dataclass(frozen=True)
class RunRecord:
    """A run as MLflow keeps it.

    Attributes:
        id: MLflow's name of it.
        name: the model's.
        experiment: prefix and corpus.
        tags: what `runs` and `seals` wrote.
        params: as they were logged first.
        metrics: the last value of each.
        datasets: path and MD5 of each file that it read.
        models: the ids of the models that it logged.
        place: the address of its artifacts.
    """

    id: str
    name: str
    experiment: str
    tags: Mapping[str, str]
    params: Mapping[str, str]
    metrics: Mapping[str, float]
    datasets: frozenset[tuple[str, str]]
    models: tuple[str, ...]
    place: str

    @property
    def short(self) -> str:
        """The beginning of its id."""
        return self.id[:SHORT]

    def key(self, work: str) -> str | None:
        """The hash of what its training or its evaluation read."""
        return self.tags.get(runs.KEY.format(work))

    @property
    def folder(self) -> Path | None:
        """Its artifacts, where they are files of this machine."""
        return _local(self.place)


@dataclass(frozen=True)
class LoggedModel:
    """A model that a run logged: its id, the parameters it was given, and its files if they are
    here."""

    id: str
    params: Mapping[str, str]
    folder: Path | None


class RunStore:
    """All runs of a store.

    Args:
        client: MLflow's; None if there is no store yet, and so no run.
        server: its address without a password.
    """

    def __init__(self, client: Any, server: str) -> None:
        self._client = client
        self._server = server

    @cached_property
    def runs(self) -> tuple[RunRecord, ...]:
        """Every run that was not deleted, the newest first."""
        return () if self._client is None else self._ask(lambda: tuple(self._all()))

    def of(self, work: str, key: str) -> list[RunRecord]:
        """The runs whose training or evaluation read what has this key, the newest first."""
        return [run for run in self.runs if run.key(work) == key]

    def set_tags(self, run: RunRecord, tags: Mapping[str, str]) -> None:
        """Write tags to a run."""
        from mlflow.entities import RunTag

        said = [RunTag(*tag) for tag in tags.items()]
        self._ask(lambda: self._client.log_batch(run.id, tags=said))

    def write(self, run: RunRecord, text: str, path: str) -> None:
        """Write a text as an artifact of a run."""
        self._ask(lambda: self._client.log_text(run.id, text, path))

    def text(self, run: RunRecord, path: str) -> str | None:
        """A text among the artifacts of a run; None if it is not there, or is no text."""

        def read() -> str | None:
            above = path.rpartition("/")[0]
            if path not in {file.path for file in self._client.list_artifacts(run.id, above)}:
                return None
            with tempfile.TemporaryDirectory() as folder:
                file = self._client.download_artifacts(run.id, path, folder)
                return Path(file).read_bytes().decode("utf-8", "replace")

        return self._ask(read)

    def logged(self, run: RunRecord) -> LoggedModel | None:
        """The newest model that a run logged; None if there is none."""

        def read() -> LoggedModel | None:
            found = [self._client.get_logged_model(model) for model in run.models]
            if not found:
                return None
            newest = max(found, key=lambda one: one.creation_timestamp)
            return LoggedModel(newest.model_id, newest.params, _local(newest.artifact_location))

        return self._ask(read)

    def ask(self, act: Callable[[Any], T]) -> T:
        """What MLflow's own client answers.

        Raises:
            Refusal: it fails.
        """
        return self._ask(lambda: act(self._client))

    def _all(self) -> Iterator[RunRecord]:
        experiments = {one.experiment_id: one.name for one in self._client.search_experiments()}
        token = None
        while experiments:
            with _no_collection():
                page = self._client.search_runs(
                    list(experiments),
                    max_results=PAGE,
                    order_by=["attributes.start_time DESC"],
                    page_token=token,
                )
            yield from (_kept(run, experiments[run.info.experiment_id]) for run in page)
            token = page.token
            if not token:
                return

    def _ask(self, act: Callable[[], T]) -> T:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return act()
        except Exception as error:  # MLflow's, of its transport and of the system
            raise UserError(
                f"Tracking server {self._server} does not give its runs ({store.summary(error)}): "
                "start it, or let MLFLOW_TRACKING_URI name another."
            ) from None


def of_project(root: Path) -> RunStore:
    """The runs of a project.

    Raises:
        Refusal: the server does not answer.
    """
    uri = store.tracking_uri(root)
    ledger = RunStore(None, store.redact(uri))
    # A file that is not there would be made by asking for it.
    if not uri.startswith("sqlite:///") or Path(uri.removeprefix("sqlite:///")).exists():
        ledger._client = ledger._ask(lambda: store.client(uri, root))
    return ledger


@contextmanager
def exclusive_lock(root: Path) -> Iterator[None]:
    """For one process at a time, of those that write to runs that have ended.

    Raises:
        Refusal: another one does not come to its end.
    """
    from filelock import FileLock, Timeout

    try:
        with FileLock(dvc_project.main_root(root) / "mlflow.db.seal", timeout=PATIENCE):
            yield
    except Timeout:
        raise UserError("Another `seqproof seal` does not come to its end: end it first.") from None


@contextmanager
def _no_collection() -> Iterator[None]:
    """Python looks for cycles whenever enough new objects are there: among the hundred thousand of
    a page of runs, of which none is to go, that took two thirds of the time."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _kept(run: Any, experiment: str) -> RunRecord:
    inputs = run.inputs.dataset_inputs if run.inputs else []
    outputs = run.outputs.model_outputs if run.outputs else []
    return RunRecord(
        id=run.info.run_id,
        name=run.info.run_name,
        experiment=experiment,
        tags=run.data.tags,
        params=run.data.params,
        metrics=run.data.metrics,
        datasets=frozenset(_dataset(one.dataset) for one in inputs),
        models=tuple(one.model_id for one in outputs),
        place=run.info.artifact_uri,
    )


def _dataset(found: Any) -> tuple[str, str]:
    """Path and digest, as `entries.dataset` wrote them."""
    return json.loads(found.source).get("uri", ""), found.digest


def _local(address: str) -> Path | None:
    """The folder of an address, if it is one of this machine."""
    parts = urlsplit(address)
    return Path(unquote(parts.path)) if parts.scheme in ("", "file") else None
