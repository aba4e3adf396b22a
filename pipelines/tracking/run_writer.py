"""Writer of one run: sends events to the server such that each takes effect once.

A process that is killed between sending an event and recording that it did sends the event again.
So the server's state shows whether it has an event: a run is found by a tag, a metric's value by
its step, a model by the hash of its content; everything else is overwritten by equal values.
"""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from pipelines.lineage import run_tags
from pipelines.lineage.lockfiles import TRAINING
from pipelines.tracking import connection, mlflow_format
from pipelines.tracking.log_events import (
    DATASET,
    END,
    FILES,
    METRICS,
    MODEL,
    PARAMS,
    START,
    SYSTEM_METRICS,
    TAGS,
    TEXT,
    LogEvent,
)

PROCESS = "seqproof.begun"  # tag: id of the last process that wrote to the run
RESUMED = "seqproof.resumed"  # tag: how often the training was resumed
CONTENT = "seqproof.content"  # tag of a logged model: hash of its content
SYSTEM = "system/"  # prefix of system metrics
UPLOADS = 8  # files at a time
MATCHES = 100  # runs with the same model that are looked at


class RunWriter:
    """A run on a server. Its methods may raise errors of MLflow, its transport and the system.

    Args:
        uri: the server's address.
        root: the project's root.
    """

    id: str

    def __init__(self, uri: str, root: Path) -> None:
        self.id = ""
        self._uri, self._root = uri, root
        self._client: Any = None
        self._experiment_id = ""
        self._params: set[str] = set()
        self._metrics: dict[tuple[str, int], float] = {}  # by key and step
        self._newest_sample = (-1, -1)  # step and time of the newest system metrics
        self._overwrite = False  # whether a new result replaces the previous one
        self._is_restored = False  # whether DVC took the run's model from its cache
        self._end_time: int | None = None  # of the training that is being evaluated
        self._handlers = {
            START: self._start,
            PARAMS: self._log_params,
            METRICS: self._log_metrics,
            SYSTEM_METRICS: self._log_system_metrics,
            TAGS: self._set_tags,
            DATASET: self._log_dataset,
            TEXT: self._log_text,
            FILES: self._log_files,
            MODEL: self._log_model,
            END: self._end,
        }

    def send(self, event: LogEvent) -> None:
        """Send an event; the first one must be of the kind START."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._handlers[event.kind](event)

    def is_reachable(self) -> bool:
        """Return whether the server answers at all."""
        try:
            self._client.search_experiments(max_results=1)
        except Exception:  # of MLflow, its transport or the system
            return False
        return True

    def _start(self, event: LogEvent) -> None:
        """Reopen the newest run of this name that has the tag, or create it.

        With a child, `seed 2` for example, the run is that of the child, below the run that has
        the tag.
        """
        payload = event.payload
        self._client, self._experiment_id = connection.connect(
            self._uri, payload["experiment"], self._root
        )
        self._overwrite = payload["overwrite"]
        name, tag, value = payload["name"], payload["tag"], payload["value"]
        child = payload.get("child")
        if payload.get("seed") is not None:  # of an event that an earlier version queued
            child = f"seed {payload['seed']}"
        run = self._find_run(name, tag, value, payload.get("training"))
        if child is not None:
            if run is None:
                raise LookupError(f"the run {name} does not exist yet")
            name = f"{name}, {child}"
            tag, value = run_tags.PARENT, run.info.run_id
            run = self._find_run(name, tag, value)
        if run is not None:
            self._reopen(run, event)
            return
        run = self._client.create_run(
            self._experiment_id,
            start_time=event.time,
            tags={**payload["tags"], tag: value, PROCESS: payload["id"]},
            run_name=name,
        )
        self.id, self._is_restored = run.info.run_id, run_tags.ORIGIN in payload["tags"]

    def _find_run(self, name: str, tag: str, value: str, training: str | None = None) -> Any:
        """Return the newest run of this name that has the tag; None if there is none.

        With the inputs of a training, it is a run that recorded these. Two trainings may have made
        the same model from different inputs, and DVC may have restored the second one from its
        cache. So a run with other inputs does not count if `seqproof seal` found them in a
        dvc.lock. Otherwise it counts: a file was edited while the training read it.
        """
        runs = self._client.search_runs(
            [self._experiment_id],
            f"attributes.run_name = '{name}' and tags.`{tag}` = '{value}'",
            max_results=1 if training is None else MATCHES,
            order_by=["attributes.start_time DESC"],
        )
        if training is not None:
            key, sealed = run_tags.INPUT_HASH.format(TRAINING), run_tags.OUTS.format(TRAINING)
            tracked = [run for run in runs if key in run.data.tags]
            exact = [run for run in tracked if run.data.tags[key] == training]
            runs = exact or [run for run in tracked if sealed not in run.data.tags]
        return next(iter(runs), None)

    def _reopen(self, run: Any, event: LogEvent) -> None:
        self.id, self._params = run.info.run_id, set(run.data.params)
        # MLflow shows the time between start and end as the duration: keep the training's.
        self._end_time = run.info.end_time if self._overwrite else None
        for metric in run.data._metric_objs:
            if metric.key.startswith(SYSTEM):
                self._newest_sample = max(self._newest_sample, (metric.step, metric.timestamp))
            else:
                history = self._client.get_metric_history(self.id, metric.key)
                self._metrics |= {
                    (point.key, point.step): point.value
                    for point in sorted(history, key=lambda point: point.timestamp)
                }
        tags, process = run.data.tags, event.payload["id"]
        self._is_restored = run_tags.ORIGIN in tags
        if tags.get(PROCESS) != process:
            count = int(tags.get(RESUMED, 0)) + 1
            self._write_tags(
                {PROCESS: process} | ({} if self._overwrite else {RESUMED: str(count)})
            )
        self._client.update_run(self.id, status="RUNNING")

    def _log_params(self, event: LogEvent) -> None:
        """Log the new parameters: MLflow refuses to change the value of an existing one."""
        from mlflow.entities import Param

        new = {key: value for key, value in event.payload.items() if key not in self._params}
        self._client.log_batch(self.id, params=[Param(*param) for param in new.items()])
        self._params |= set(new)

    def _log_metrics(self, event: LogEvent) -> None:
        """Log the new values; a value without a step may replace the previous result."""
        is_result = event.payload["step"] is None
        step = event.payload["step"] or 0
        new: dict[str, float] = {}
        for key, value in event.payload["metrics"].items():
            previous = self._metrics.get((key, step))
            if previous is None or (is_result and self._overwrite and previous != value):
                new[key] = value
                self._metrics[key, step] = value
        self._write_metrics(new, step, event.time)

    def _log_system_metrics(self, event: LogEvent) -> None:
        """Log system metrics; their steps continue from process to process."""
        step, newest = self._newest_sample
        if event.time > newest:
            metrics = {f"{SYSTEM}{key}": value for key, value in event.payload.items()}
            self._write_metrics(metrics, step + 1, event.time)
            self._newest_sample = step + 1, event.time

    def _write_metrics(self, values: Mapping[str, float], step: int, time: int) -> None:
        from mlflow.entities import Metric

        metrics = [Metric(key, value, time, step) for key, value in values.items()]
        if metrics:
            self._client.log_batch(self.id, metrics=metrics)

    def _set_tags(self, event: LogEvent) -> None:
        self._write_tags(event.payload)

    def _write_tags(self, tags: Mapping[str, str]) -> None:
        from mlflow.entities import RunTag

        self._client.log_batch(self.id, tags=[RunTag(*tag) for tag in tags.items()])

    def _log_dataset(self, event: LogEvent) -> None:
        from mlflow.entities import Dataset, DatasetInput, InputTag

        tags = [InputTag("mlflow.data.context", event.payload["context"])]
        dataset = Dataset(**event.payload["dataset"])
        self._client.log_inputs(self.id, [DatasetInput(dataset, tags)])

    def _log_text(self, event: LogEvent) -> None:
        if self._is_restored or not event.payload.get("only_restored"):
            self._client.log_text(self.id, event.payload["text"], event.payload["path"])

    def _log_files(self, event: LogEvent) -> None:
        for path in event.files.values():
            log = self._client.log_artifacts if path.is_dir() else self._client.log_artifact
            log(self.id, str(path), event.payload["path"])

    def _log_model(self, event: LogEvent) -> None:
        from mlflow.entities import LoggedModelOutput

        run = self._client.get_run(self.id)
        model = self._find_model(event.payload["content"])
        if model is None:
            model = self._client.create_logged_model(
                self._experiment_id,
                name=event.payload["name"],
                source_run_id=self.id,
                tags={CONTENT: event.payload["content"]},
                params=run.data.params,
            )
        outputs = run.outputs.model_outputs if run.outputs else []
        if model.model_id not in {output.model_id for output in outputs}:
            self._client.log_outputs(self.id, [LoggedModelOutput(model.model_id, step=0)])
        if str(model.status) != "READY":
            with tempfile.TemporaryDirectory() as temporary:
                folder = Path(temporary) / "model"
                mlflow_format.save_model(folder, self.id, model, event)
                self._upload_model(model, folder)
            self._client.finalize_logged_model(model.model_id, "READY")
        self._log_model_results(run, model.model_id)

    def _upload_model(self, model: Any, folder: Path) -> None:
        """Upload the files of a model; to S3 several at a time.

        Most are small files of its code, and S3 takes a request for each.
        """
        if not model.artifact_location.startswith("s3:"):
            self._client.log_model_artifacts(model.model_id, str(folder))
            return

        def upload(file: Path) -> None:
            parent = file.parent.relative_to(folder).as_posix()
            self._client.log_model_artifact(
                model.model_id, str(file), None if parent == "." else parent
            )

        first, *others = (file for file in sorted(folder.rglob("*")) if file.is_file())
        upload(first)  # MLflow keeps its connection to the store
        with ThreadPoolExecutor(UPLOADS) as pool:
            list(pool.map(upload, others))  # raises the first error

    def _log_model_results(self, run: Any, model_id: str) -> None:
        """Log the run's test metrics as metrics of the model on the test dataset, too."""
        from mlflow.entities import Metric

        existing = self._client.get_logged_model(model_id).metrics or []
        values = {(metric.key, metric.value) for metric in existing}
        inputs = run.inputs.dataset_inputs if run.inputs else []
        test_sets = [item.dataset for item in inputs if "test" in {tag.value for tag in item.tags}]
        dataset = (
            {"dataset_name": test_sets[-1].name, "dataset_digest": test_sets[-1].digest}
            if test_sets
            else {}
        )
        results = [
            Metric(
                metric.key,
                metric.value,
                metric.timestamp,
                metric.step,
                model_id,
                run_id=self.id,
                **dataset,
            )
            for metric in run.data._metric_objs
            if metric.key.startswith("test_") and (metric.key, metric.value) not in values
        ]
        if results:
            self._client.log_batch(self.id, metrics=results)

    def _find_model(self, content: str) -> Any:
        """Return the model with this content that the run has logged, complete or not."""
        models = self._client.search_logged_models(
            [self._experiment_id], f"source_run_id = '{self.id}' and tags.`{CONTENT}` = '{content}'"
        )
        return next(iter(models), None)

    def _end(self, event: LogEvent) -> None:
        end_time = self._end_time or event.time
        self._client.set_terminated(self.id, event.payload["status"], end_time)
