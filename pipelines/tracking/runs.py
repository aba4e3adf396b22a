"""MLflow runs of training and evaluation: one run per model, filled by both.

Tracking only observes: an error of the tracking server is reported once, later events are queued on
disk, and the training continues. MLflow is imported when a run is opened.
"""

from __future__ import annotations

import os
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from pipelines import console
from pipelines.config.params import Samples, Search
from pipelines.errors import Interrupted, redact
from pipelines.lineage import git
from pipelines.lineage.lockfiles import EVALUATION, TRAINING
from pipelines.lineage.run_tags import (
    COMMIT,
    DIRTY,
    INPUT_HASH,
    MODEL_HASH,
    ORIGIN,
    RESTORED,
)
from pipelines.lineage.stages import flatten
from pipelines.tracking import connection, log_events, mlflow_format, offline_queue
from pipelines.tracking.log_events import LogEvent
from pipelines.tracking.run_writer import RunWriter

# Tags of a run.
ATTEMPT = "seqproof.attempt"  # the same in all processes of a training run
MLFLOW_COMMIT = "mlflow.source.git.commit"
EXPERIMENT = "DVC_EXP_NAME"  # variable in which `dvc exp run` passes the experiment's name
# Variable; with the value OFF, stages log nothing to MLflow, and with QUEUE on disk only.
TRACKING = "SEQPROOF_TRACKING"
OFF, QUEUE = "off", "queue"


@dataclass(frozen=True)
class RunIdentity:
    """Names of a model's run; `experiment` is the prefix of params.yaml and the corpus."""

    experiment: str
    name: str
    corpus: str
    task: str


class Run:
    """Open run. While the server is unreachable, its events are queued on disk.

    Args:
        identity: names of the run.
        root: the project's root.
        kind: "training" or "evaluation".

    Attributes:
        failure: why the server is unreachable; None while it is reachable.
    """

    failure: str | None

    def __init__(self, identity: RunIdentity, root: Path, kind: str) -> None:
        uri = connection.tracking_uri(root)
        self.failure = None
        self._identity, self._root, self._kind = identity, root, kind
        self._server = redact(uri)
        self._writer = RunWriter(uri, root)
        self._start_event: LogEvent | None = None
        self._queue: offline_queue.QueuedRun | None = None
        self._resources = ExitStack()
        self._lock = threading.RLock()  # system metrics are logged from another thread
        self._is_off = os.environ.get(TRACKING) == OFF
        self._reports_failure = True

    @property
    def id(self) -> str:
        """MLflow's id of the run; empty if the server never answered."""
        return self._writer.id

    def log_params(self, params: Mapping[str, object]) -> None:
        """Log parameters as text, nested ones with dots; the first value of a parameter stays."""
        self._log(LogEvent(log_events.PARAMS, flatten(params)))

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Log metrics. The first value of a step stays; an evaluation replaces earlier results.

        Args:
            metrics: values by name.
            step: an epoch, for instance; None for a result.
        """
        values = {key: float(value) for key, value in metrics.items()}
        self._log(LogEvent(log_events.METRICS, {"metrics": values, "step": step}))

    def log_system_metrics(self, metrics: Mapping[str, float]) -> None:
        """Log the current use of processor, memory, disk, network and GPU."""
        self._log(LogEvent(log_events.SYSTEM_METRICS, metrics))

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Set tags, by which runs are found."""
        self._log(LogEvent(log_events.TAGS, tags))

    def log_dataset(self, path: Path, context: str, name: str) -> None:
        """Log a parquet file as an input of the run.

        Args:
            path: the file; the dataset's digest is the hash that DVC gives it.
            context: its use: `train`, `valid` or `test`.
            name: name of the dataset.
        """
        self._log_from_files(
            lambda: LogEvent(
                log_events.DATASET,
                {"dataset": mlflow_format.dataset(path, name), "context": context},
            )
        )

    def log_folder(self, folder: Path, artifact_path: str) -> None:
        """Upload the files of a folder into the folder `artifact_path` of the run."""
        self._log(LogEvent(log_events.FILES, {"path": artifact_path}, {"folder": folder}))

    def log_text(self, text: str, artifact_path: str, only_restored: bool = False) -> None:
        """Upload a text as the file `artifact_path` of the run.

        Args:
            text: content of the file.
            artifact_path: its path.
            only_restored: upload nothing if a training has opened the run.
        """
        payload = {"text": text, "path": artifact_path, "only_restored": only_restored}
        self._log(LogEvent(log_events.TEXT, payload))

    def log_file(self, path: Path, artifact_path: str) -> None:
        """Upload a file into the folder `artifact_path` of the run."""
        self._log(LogEvent(log_events.FILES, {"path": artifact_path}, {"file": path}))

    def log_model(
        self,
        model: Path,
        vocabulary: Path,
        example: list[str],
        predictions: list[str],
        samples: Samples | None = None,
        search: Search | None = None,
    ) -> None:
        """Log a model that `mlflow.pyfunc.load_model` loads: text in, text out.

        Args:
            model: the trained model's folder.
            vocabulary: its vocabulary file.
            example: input texts that show a caller what to pass.
            predictions: the model's outputs for them; nothing is predicted here.
            samples: how a language model continues a text.
            search: how a translator searches.
        """
        sections = {"samples": samples, "search": search}
        config = {
            key: section.model_dump(mode="json") for key, section in sections.items() if section
        }
        name = self._identity.name
        self._log_from_files(
            lambda: mlflow_format.model_event(name, model, vocabulary, example, predictions, config)
        )

    def _log_from_files(self, make_event: Callable[[], LogEvent]) -> None:
        """Log an event made from files; a file that cannot be read must not stop the stage."""
        if self._is_off:
            return
        try:
            event = make_event()
        except Exception as error:  # of Arrow or the system
            console.echo(f"A file could not be logged: {connection.summary(error)}.")
        else:
            self._log(event)

    def _log(self, event: LogEvent) -> None:
        """Send an event or, if the server is unreachable, queue it. Raises no errors."""
        if self._is_off:
            return
        with self._lock:
            if self.failure is None:
                try:
                    self._writer.send(event)
                except Exception as error:  # of MLflow, its transport or the system
                    self._go_offline(connection.summary(error))
            # The start event was queued first, by `_go_offline`.
            if self.failure is not None and event is not self._start_event:
                self._enqueue(event)

    def _go_offline(self, reason: str) -> None:
        """Queue all events from now on, beginning with the one by which the run is found."""
        self.failure = reason
        if self._reports_failure:
            console.echo(
                f"Tracking server {self._server} is unreachable ({reason}). The {self._kind} "
                "continues, and its log is queued on disk."
            )
        if self._start_event is not None:
            key = self._start_event.payload["value" if self._kind == TRAINING else "id"]
            self._queue = offline_queue.open_run(self._root, key, self._server)
            try:
                self._resources.enter_context(self._queue.exclusive_lock(offline_queue.TIMEOUT))
            except Exception as error:  # of filelock or the system
                self._stop_queueing(error)
            self._enqueue(self._start_event)

    def _enqueue(self, event: LogEvent) -> None:
        if self._queue is not None:
            try:
                self._queue.add(event)
            except OSError as error:
                self._stop_queueing(error)

    def _stop_queueing(self, error: Exception) -> None:
        self._queue = None
        console.echo(
            f"The log of this {self._kind} cannot be queued on disk "
            f"({connection.summary(error)}), so it is incomplete."
        )

    def open(
        self,
        tag: str,
        value: str,
        tags: Mapping[str, str],
        overwrite: bool,
        child: str | None = None,
        failure: str | None = None,
        training: str | None = None,
    ) -> None:
        """Reopen the run of this name that has the tag, or create it.

        Queued runs are uploaded first, because this run may be one of them.

        Args:
            tag: tag by which the run is found.
            value: the tag's value.
            tags: tags of a new run.
            overwrite: whether a new result replaces the previous one.
            child: opens the run of this part, below the run that has the tag.
            failure: why the server is unreachable, if the user knows it already.
            training: hash of the inputs of its training, if it is known.
        """
        if self._is_off:
            return
        state = git.git_state(self._root)
        own_tags = {"corpus": self._identity.corpus, "task": self._identity.task}
        own_tags |= {COMMIT: state["git_commit"], DIRTY: state["git_dirty"]}
        if state["git_commit"] != "none":  # MLflow does not see it in a copy of the project
            own_tags[MLFLOW_COMMIT] = state["git_commit"]
        experiment = os.environ.get(EXPERIMENT)
        own_tags |= {} if experiment is None else {"experiment": experiment}
        payload = {
            "experiment": self._identity.experiment,
            "name": self._identity.name,
            "tag": tag,
            "value": value,
            "tags": connection.context_tags({**own_tags, **tags}, self._root),
            "overwrite": overwrite,
            "child": child,
            "training": training,
            "id": uuid.uuid4().hex,
        }
        self._start_event = LogEvent(log_events.START, payload)
        if os.environ.get(TRACKING) == QUEUE:
            failure = "it is reached from another machine"
        self._reports_failure = failure is None
        failure = failure or offline_queue.upload_quietly(self._root)
        if failure is None:
            self._log(self._start_event)
        else:
            self._go_offline(failure)

    def close(self, status: str) -> None:
        """Close the run.

        Args:
            status: FINISHED, FAILED or KILLED.
        """
        self._log(LogEvent(log_events.END, {"status": status}))
        self._resources.close()
        if self._queue is not None and self._reports_failure:
            console.echo(
                f"The log of this {self._kind} is stored in {self._queue.folder}. Run `seqproof "
                f"sync` to upload it to {self._server}."
            )


@contextmanager
def training(identity: RunIdentity, root: Path, attempt: str) -> Iterator[Run]:
    """Open the run of a training stage; resumed training continues the same run.

    The training sets the tag MODEL_HASH, by which its evaluation finds the run.

    Args:
        identity: names of the run.
        root: the project's root.
        attempt: unique id of the training, equal in all of its processes.
    """
    run = Run(identity, root, TRAINING)
    run.open(ATTEMPT, attempt, {}, overwrite=False)
    with closing(run):
        yield run


@contextmanager
def evaluation(
    identity: RunIdentity, root: Path, model_hash: str, training: str | None = None
) -> Iterator[Run]:
    """Open the newest run that trained a model; a new run if DVC took the model from its cache.

    Args:
        identity: names of the run.
        root: the project's root.
        model_hash: hash of the model's folder.
        training: hash of the inputs of its training, which a new run gets as a tag; None if they
            are unknown.
    """
    run = Run(identity, root, EVALUATION)
    tags = {
        ORIGIN: RESTORED,
        **({} if training is None else {INPUT_HASH.format(TRAINING): training}),
    }
    run.open(MODEL_HASH, model_hash, tags, overwrite=True, training=training)
    with closing(run):
        yield run


@contextmanager
def seed_evaluation(
    identity: RunIdentity, root: Path, model_hash: str, seed: int, training: str | None = None
) -> Iterator[Run]:
    """Open the run of one seed, below the newest run that trained the group of seeds.

    Args:
        identity: names of the group's run.
        root: the project's root.
        model_hash: hash of the group's folder.
        seed: the seed.
        training: hash of the inputs of the training; None if they are unknown.
    """
    run = Run(identity, root, EVALUATION)
    child = f"seed {seed}"
    run.open(MODEL_HASH, model_hash, {}, overwrite=True, child=child, training=training)
    with closing(run):
        yield run


@contextmanager
def closing(run: Run) -> Iterator[None]:
    """Close the run with the status that corresponds to the end of the stage."""
    status = "FAILED"
    try:
        yield
        status = "FINISHED"
    except (KeyboardInterrupt, Interrupted):
        status = "KILLED"
        raise
    finally:
        run.close(status)
