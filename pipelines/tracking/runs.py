"""One MLflow run per model, filled by its training and by its evaluation.

The only door to MLflow. Tracking is a witness and never a judge: whatever goes wrong between here
and the server is said once, and the training goes on. MLflow is imported when a run is opened.
"""

from __future__ import annotations

import os
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines import console
from pipelines.config.params import Samples, Search
from pipelines.errors import Interrupted
from pipelines.lineage import provenance
from pipelines.tracking import log_events, mlflow_model, offline_queue, store
from pipelines.tracking.log_events import LogEvent
from pipelines.tracking.run_writer import PARENT, RESUMED, RunWriter

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ATTEMPT", "KEY", "MODEL_HASH", "PARENT", "RESUMED", "TRAINING"]

MODEL_HASH = "seqproof.model_hash"
TRAINING = "seqproof.training"
KEY = "seqproof.{}.key"  # of training and evaluation: the hash of what the stage read
ATTEMPT = "seqproof.attempt"  # the same in all processes that one training runs in
TRAINING_WORK, EVALUATION_WORK = "training", "evaluation"
EXPERIMENT = "DVC_EXP_NAME"  # under which `dvc exp run` says to its stages what it is called
GIT, DIRTY = "git", "dirty"  # the commit, and whether code or parameters differ from it


@dataclass(frozen=True)
class Identity:
    """What a run is called: `experiment` is the prefix of params.yaml and the corpus."""

    experiment: str
    name: str
    corpus: str
    task: str


class Run:
    """An open run; once the server is lost, what it is told is kept on the disk.

    Attributes:
        lost: why the server is; None while it is there.
        history: the epochs of a training that has ended.
    """

    lost: str | None
    history: pd.DataFrame | None

    def __init__(self, identity: Identity, root: Path, work: str) -> None:
        uri = store.tracking_uri(root)
        self.lost, self.history = None, None
        self._identity, self._root, self._work = identity, root, work
        self._server = store.redact(uri)
        self._remote = RunWriter(uri, root)
        self._begun: LogEvent | None = None
        self._kept: offline_queue.QueuedRun | None = None
        self._opened = ExitStack()
        self._alone = threading.RLock()  # the meter logs from a thread of its own

    @property
    def id(self) -> str:
        """MLflow's name of it; empty if the server never answered."""
        return self._remote.id

    def log_params(self, params: Mapping[str, object]) -> None:
        """Values as text, nested maps flattened with dots; the first value of a param stays."""
        self._put(LogEvent(log_events.PARAMS, flat(params)))

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Numbers, at a step (an epoch, say) or at the end; the first of a step stays, and of the
        end that of a training too."""
        values = {key: float(value) for key, value in metrics.items()}
        self._put(LogEvent(log_events.METRICS, {"metrics": values, "step": step}))

    def log_samples(self, values: Mapping[str, float]) -> None:
        """What the machine does now."""
        self._put(LogEvent(log_events.SAMPLES, values))

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Words to find the run by."""
        self._put(LogEvent(log_events.TAGS, tags))

    def log_dataset(self, path: Path, context: str, name: str) -> None:
        """Name a parquet file that the run read; its digest is the hash that DVC gives it."""
        self._make(
            lambda: LogEvent(
                log_events.DATASET,
                {"dataset": mlflow_model.dataset(path, name), "context": context},
            )
        )

    def log_folder(self, folder: Path, artifact_path: str) -> None:
        """Upload the files of a folder."""
        self._put(LogEvent(log_events.FILES, {"path": artifact_path}, {"folder": folder}))

    def log_text(self, text: str, artifact_path: str) -> None:
        """Upload a text as a file."""
        self._put(LogEvent(log_events.TEXT, {"text": text, "path": artifact_path}))

    def log_file(self, path: Path, artifact_path: str) -> None:
        """Upload one file into the folder `artifact_path` of the run."""
        self._put(LogEvent(log_events.FILES, {"path": artifact_path}, {"file": path}))

    def log_model(
        self,
        model: Path,
        vocabulary: Path,
        example: list[str],
        predictions: list[str],
        samples: Samples | None = None,
        search: Search | None = None,
    ) -> None:
        """Keep the model such that `mlflow.pyfunc.load_model` gives it back: text in, text out.

        Args:
            model: the folder that training wrote.
            vocabulary: its vocabulary file.
            example: texts to show a caller what goes in.
            predictions: what the model answers to them, so that nothing is predicted here.
            samples: how a language model goes on with a text.
            search: how a translation is looked for.
        """
        sections = {"samples": samples, "search": search}
        config = {key: one.model_dump(mode="json") for key, one in sections.items() if one}
        name = self._identity.name
        self._make(
            lambda: mlflow_model.model(name, model, vocabulary, example, predictions, config)
        )

    def _make(self, note: Callable[[], LogEvent]) -> None:
        """Put what is read from files, which may fail and is no reason to stop either."""
        try:
            made = note()
        except Exception as error:  # Arrow's and of the system
            console.echo(f"Not logged: {store.summary(error)}.")
        else:
            self._put(made)

    def _put(self, note: LogEvent) -> None:
        """The one way to MLflow: its failures end what is sent and never the training."""
        with self._alone:
            if self.lost is None:
                try:
                    self._remote.send(note)
                except Exception as error:  # MLflow's, of its transport and of the system
                    self._lose(store.summary(error))
            if self.lost is not None and note is not self._begun:  # which was kept first of all
                self._keep(note)

    def _lose(self, why: str) -> None:
        """From now on all is kept, and first of all how the run is found."""
        self.lost = why
        console.echo(
            f"Tracking server {self._server} was lost ({why}): {self._work} goes on, its outs are "
            "written, and what is still to be logged is kept."
        )
        if self._begun is not None:
            key = self._begun.said["value" if self._work == TRAINING_WORK else "id"]
            self._kept = offline_queue.of_run(self._root, key, self._server)
            try:
                self._opened.enter_context(self._kept.alone(offline_queue.PATIENCE))
            except Exception as error:  # filelock's and of the system
                self._give_up(error)
            self._keep(self._begun)

    def _keep(self, note: LogEvent) -> None:
        if self._kept is not None:
            try:
                self._kept.add(note)
            except OSError as error:
                self._give_up(error)

    def _give_up(self, error: Exception) -> None:
        self._kept = None
        console.echo(
            f"What is logged of this {self._work} cannot be kept either ({store.summary(error)})."
        )

    def begin(
        self,
        tag: str,
        value: str,
        tags: Mapping[str, str],
        again: bool,
        seed: int | None = None,
    ) -> None:
        """Reopen the run of this name that has the tag, or make it; before that, what was kept of
        other runs is sent, for this may be one of them.

        Args:
            tag: by which it is found.
            value: of that tag.
            tags: of a new run.
            again: whether another result takes the place of the one before.
            seed: of a member of the group that the tag finds; the run is the member's.
        """
        state = provenance.git_state(self._root)
        own = {"corpus": self._identity.corpus, "task": self._identity.task}
        own |= {GIT: state["git_commit"], DIRTY: state["git_dirty"]}
        experiment = os.environ.get(EXPERIMENT)
        own |= {} if experiment is None else {"experiment": experiment}
        said = {
            "experiment": self._identity.experiment,
            "name": self._identity.name,
            "tag": tag,
            "value": value,
            "tags": store.context({**own, **tags}),
            "again": again,
            "seed": seed,
            "id": uuid.uuid4().hex,
        }
        self._begun = LogEvent(log_events.BEGIN, said)
        lost = offline_queue.sent_quietly(self._root)
        if lost is None:
            self._put(self._begun)
        else:
            self._lose(lost)

    def end(self, status: str) -> None:
        """Close it, under MLflow's word for how the work ended."""
        self._put(LogEvent(log_events.END, {"status": status}))
        self._opened.close()
        if self._kept is not None:
            console.echo(
                f"Tracking server {self._server} has not got all of this {self._work}: the rest is "
                f"kept in {self._kept.folder}, and `seqproof sync` sends it."
            )


@contextmanager
def training(identity: Identity, root: Path, attempt: str) -> Iterator[Run]:
    """The run of a training, whatever stopped it before; the tag MODEL_HASH lets `evaluation` find
    it.

    Args:
        identity: what it is called.
        root: the project's root.
        attempt: what no other training is called.
    """
    run = Run(identity, root, TRAINING_WORK)
    run.begin(ATTEMPT, attempt, {}, again=False)
    with _closed(run):
        yield run


@contextmanager
def evaluation(identity: Identity, root: Path, model_hash: str) -> Iterator[Run]:
    """The newest run that trained the model of this hash; a new one if DVC took it from its
    cache."""
    run = Run(identity, root, EVALUATION_WORK)
    run.begin(MODEL_HASH, model_hash, {TRAINING: "taken from the cache"}, again=True)
    with _closed(run):
        yield run


@contextmanager
def of_seed(identity: Identity, root: Path, model_hash: str, seed: int) -> Iterator[Run]:
    """The run of one member of a group, below the newest run that trained the group."""
    run = Run(identity, root, EVALUATION_WORK)
    run.begin(MODEL_HASH, model_hash, {}, again=True, seed=seed)
    with _closed(run):
        yield run


@contextmanager
def _closed(run: Run) -> Iterator[None]:
    """Whatever ends the work also ends the run, under MLflow's word for it."""
    status = "FAILED"
    try:
        yield
        status = "FINISHED"
    except (KeyboardInterrupt, Interrupted):
        status = "KILLED"
        raise
    finally:
        run.end(status)


def flat(tree: Mapping[str, object], above: str = "") -> dict[str, str]:
    """A tree as one level of texts: `{"optimizer": {"name": 1}}` -> `{"optimizer.name": "1"}`."""
    leaves: dict[str, str] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping):
            leaves |= flat(value, f"{above}{key}.")
        else:
            leaves[f"{above}{key}"] = str(value)
    return leaves
