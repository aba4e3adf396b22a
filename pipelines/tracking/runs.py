"""One MLflow run per model, filled by its training and by its evaluation.

The only door to MLflow. Tracking is a witness and never a judge: whatever goes wrong between here
and the server is said once, and the training goes on. MLflow is imported when a run is opened.
"""

from __future__ import annotations

import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pipelines import console
from pipelines.errors import Stopped
from pipelines.params import Samples, Search
from pipelines.tracking import entries, provenance, store

T = TypeVar("T")

MODEL_HASH = "seqproof.model_hash"
TRAINING = "seqproof.training"
KEY = "seqproof.{}.key"  # of training and evaluation: the hash of what the stage read
RESUMED = "seqproof.resumed"  # how often the training was gone on with


@dataclass(frozen=True)
class Identity:
    """What a run is called: `experiment` is the prefix of params.yaml and the corpus."""

    experiment: str
    name: str
    corpus: str
    task: str


class Run:
    """An open run; once the server is lost, every call does nothing."""

    lost: str | None

    def __init__(self, server: str, work: str) -> None:
        self.lost = None
        self._server = server
        self._work = work
        self._client: Any = None
        self._id = ""
        self._experiment_id = ""
        self._name = ""
        self._params: set[str] = set()
        self._points: set[tuple[str, int]] = set()

    @property
    def id(self) -> str:
        """MLflow's name of the run; empty if the server was lost before there was one."""
        return self._id

    def log_params(self, params: Mapping[str, object]) -> None:
        """Values as text, nested maps flattened with dots; the first value of a param stays."""
        fresh = {key: value for key, value in flat(params).items() if key not in self._params}

        def send() -> None:
            from mlflow.entities import Param

            params = [Param(*param) for param in fresh.items()]
            self._client.log_batch(self._id, params=params)

        self._guard(send)
        self._params |= set(fresh)

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Numbers, at a step (an epoch) or at the end; what a training that is gone on with logged
        before stays as it is."""
        fresh = {key: float(value) for key, value in metrics.items()}
        fresh = {key: fresh[key] for key in fresh if (key, step or 0) not in self._points}

        def send() -> None:
            from mlflow.entities import Metric

            now = int(time.time() * 1000)
            values = [Metric(key, value, now, step or 0) for key, value in fresh.items()]
            self._client.log_batch(self._id, metrics=values)

        self._guard(send)

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Words to find the run by."""

        def send() -> None:
            from mlflow.entities import RunTag

            self._client.log_batch(self._id, tags=[RunTag(*tag) for tag in tags.items()])

        self._guard(send)

    def log_dataset(self, path: Path, context: str, name: str) -> None:
        """Name a parquet file that the run read; its digest is the hash that DVC gives it."""

        def send() -> None:
            from mlflow.entities import DatasetInput, InputTag

            dataset = entries.dataset(path, name)
            tags = [InputTag("mlflow.data.context", context)]
            self._client.log_inputs(self._id, [DatasetInput(dataset, tags)])

        self._guard(send)

    def log_folder(self, folder: Path, artifact_path: str) -> None:
        """Upload the files of a folder."""
        self._guard(lambda: self._client.log_artifacts(self._id, str(folder), artifact_path))

    def log_text(self, text: str, artifact_path: str) -> None:
        """Upload a text as a file."""
        self._guard(lambda: self._client.log_text(self._id, text, artifact_path))

    def log_file(self, path: Path, artifact_path: str) -> None:
        """Upload one file into the folder `artifact_path` of the run."""
        self._guard(lambda: self._client.log_artifact(self._id, str(path), artifact_path))

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
        artifacts = {"model": model, "vocabulary": vocabulary}
        sections = {"samples": samples, "search": search}
        config = {key: one.model_dump(mode="json") for key, one in sections.items() if one}
        self._guard(lambda: self._send_model(artifacts, example, predictions, config))

    def _send_model(
        self,
        artifacts: Mapping[str, Path],
        example: list[str],
        predictions: list[str],
        config: Mapping[str, Any],
    ) -> None:
        from mlflow.entities import LoggedModelOutput

        params = self._client.get_run(self._id).data.params
        logged = self._client.create_logged_model(
            self._experiment_id, name=self._name, source_run_id=self._id, params=params
        )
        self._client.log_outputs(self._id, [LoggedModelOutput(logged.model_id, step=0)])
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary) / "model"
            entries.save_model(folder, self._id, logged, artifacts, example, config)
            entries.write(folder / "output_example.json", predictions)
            self._client.log_model_artifacts(logged.model_id, str(folder))
        self._client.finalize_logged_model(logged.model_id, "READY")

    def _guard(self, act: Callable[[], T]) -> T | None:
        """The one way to MLflow: its failures end the tracking and never the training."""
        if self.lost is not None:
            return None
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return act()
        except Exception as error:
            self.lost = store.reason(error)
            console.note(
                f"Tracking server {self._server} was lost ({self.lost}): {self._work} goes on, "
                "its outs are written; nothing more of this run is logged."
            )
            return None

    def _open(self, identity: Identity, root: Path, uri: str) -> None:
        self._name = identity.name
        self._client, self._experiment_id = store.connect(uri, identity.experiment, root)

    def _begin(self, identity: Identity, root: Path, tags: Mapping[str, str]) -> None:
        """Make a new run."""
        from mlflow.tracking.context import registry

        state = {f"seqproof.{key}": value for key, value in provenance.git_state(root).items()}
        own = {"seqproof.corpus": identity.corpus, "seqproof.task": identity.task}
        tags = registry.resolve_tags({**state, **own, **tags})
        run = self._client.create_run(self._experiment_id, tags=tags, run_name=identity.name)
        self._id = run.info.run_id

    def _go_on(self, before: str) -> bool:
        """Reopen the run of a training that was stopped; false if it is not there any more."""
        from mlflow.exceptions import MlflowException

        try:
            found = self._client.get_run(before)
        except MlflowException:
            return False
        if found.info.lifecycle_stage == "deleted":
            return False
        self._id, self._params = before, set(found.data.params)
        for key in found.data.metrics:
            history = self._client.get_metric_history(before, key)
            self._points |= {(key, point.step) for point in history}
        times = int(found.data.tags.get(RESUMED, 0)) + 1
        self._client.set_tag(before, RESUMED, str(times))
        self._client.update_run(before, status="RUNNING")
        return True

    def _begin_again(self, identity: Identity, root: Path, model_hash: str) -> None:
        """Reopen the newest run that trained this model, or make one if none did."""
        found = self._client.search_runs(
            [self._experiment_id],
            f"attributes.run_name = '{identity.name}' and tags.`{MODEL_HASH}` = '{model_hash}'",
            max_results=1,
            order_by=["attributes.start_time DESC"],
        )
        if found:
            self._id = found[0].info.run_id
            self._params = set(found[0].data.params)
            self._client.update_run(self._id, status="RUNNING")
        else:
            tags = {MODEL_HASH: model_hash, TRAINING: "taken from the cache"}
            self._begin(identity, root, tags)

    def _end(self, status: str) -> None:
        self._guard(lambda: self._client.set_terminated(self._id, status))
        if self.lost is not None:
            console.note(
                f"The {self._work} of this model ended, but tracking server {self._server} "
                f"was lost on the way ({self.lost}): its run there is incomplete."
            )


@contextmanager
def training(identity: Identity, root: Path, before: str | None = None) -> Iterator[Run]:
    """A new run for the training of a model; the tag MODEL_HASH lets `evaluation` find it.

    Args:
        identity: what it is called.
        root: the project's root.
        before: the id of the run of this very training, if it was begun before and then stopped.
    """
    uri = store.address(root)
    run = Run(store.shown(uri), "training")
    run._guard(lambda: run._open(identity, root, uri))
    if before is None or not run._guard(lambda: run._go_on(before)):
        run._guard(lambda: run._begin(identity, root, {}))
    with _closed(run):
        yield run


@contextmanager
def evaluation(identity: Identity, root: Path, model_hash: str) -> Iterator[Run]:
    """The run that trained the model of this hash; a new one if DVC took it from its cache."""
    uri = store.address(root)
    run = Run(store.shown(uri), "evaluation")
    run._guard(lambda: run._open(identity, root, uri))
    run._guard(lambda: run._begin_again(identity, root, model_hash))
    with _closed(run):
        yield run


@contextmanager
def _closed(run: Run) -> Iterator[None]:
    """Whatever ends the work also ends the run, under MLflow's word for it."""
    status = "FAILED"
    try:
        yield
        status = "FINISHED"
    except (KeyboardInterrupt, Stopped):
        status = "KILLED"
        raise
    finally:
        run._end(status)


def flat(tree: Mapping[str, object], above: str = "") -> dict[str, str]:
    """A tree as one level of texts: `{"optimizer": {"rate": 1}}` -> `{"optimizer.rate": "1"}`."""
    leaves: dict[str, str] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping):
            leaves |= flat(value, f"{above}{key}.")
        else:
            leaves[f"{above}{key}"] = str(value)
    return leaves
