"""A run as the server has it, and how each note gets there: once, however often it is sent.

A sender that is killed between sending a note and writing down that it did so sends it again. So
every note says by itself whether the server has it: a run is found by a tag, a point of a metric by
its step, a model by what it is made of; all else is overwritten with the same.
"""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipelines.tracking import mlflow_model, store
from pipelines.tracking.log_events import (
    BEGIN,
    DATASET,
    END,
    FILES,
    METRICS,
    MODEL,
    PARAMS,
    SAMPLES,
    TAGS,
    TEXT,
    LogEvent,
)

PARENT = "mlflow.parentRunId"  # by which MLflow shows a run below another
BEGUN = "seqproof.begun"  # which of the processes that worked at a run was the last to begin
RESUMED = "seqproof.resumed"  # how often the training was gone on with
CONTENT = "seqproof.content"  # of a logged model: the hash of all that it is made of
SYSTEM = "system/"


class RunWriter:
    """A run on a server; each call may raise whatever MLflow, its transport and the system raise.

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
        self._points: dict[tuple[str, int], float] = {}
        self._samples = (-1, -1)  # step and time of the newest
        self._again = False  # whether a new result takes the place of an old one
        self._ended: int | None = None  # when the training did that is evaluated now
        self._by_kind = {
            BEGIN: self._begin,
            PARAMS: self._log_params,
            METRICS: self._log_metrics,
            SAMPLES: self._log_samples,
            TAGS: self._set_tags,
            DATASET: self._log_dataset,
            TEXT: self._log_text,
            FILES: self._log_files,
            MODEL: self._log_model,
            END: self._end,
        }

    def send(self, note: LogEvent) -> None:
        """Tell the run one thing; the first is to begin."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._by_kind[note.kind](note)

    def answers(self) -> bool:
        """Whether the server is there at all."""
        try:
            self._client.search_experiments(max_results=1)
        except Exception:  # MLflow's, of its transport and of the system: all mean the same
            return False
        return True

    def _begin(self, note: LogEvent) -> None:
        """Reopen the newest run of this name that has the tag, or make it; of a member of a group,
        the run below that one."""
        said = note.said
        self._client, self._experiment_id = store.connect(self._uri, said["experiment"], self._root)
        self._again = said["again"]
        name, tag, value = said["name"], said["tag"], said["value"]
        found = self._found(name, tag, value)
        if said["seed"] is not None:
            if found is None:
                raise LookupError(f"the group of {name} is not there yet")
            name, tag, value = f"{name}, seed {said['seed']}", PARENT, found.info.run_id
            found = self._found(name, tag, value)
        if found is not None:
            self._reopen(found, note)
            return
        run = self._client.create_run(
            self._experiment_id,
            start_time=note.time,
            tags={**said["tags"], tag: value, BEGUN: said["id"]},
            run_name=name,
        )
        self.id = run.info.run_id

    def _found(self, name: str, tag: str, value: str) -> Any:
        """The newest run of this name that has the tag; None if there is none."""
        found = self._client.search_runs(
            [self._experiment_id],
            f"attributes.run_name = '{name}' and tags.`{tag}` = '{value}'",
            max_results=1,
            order_by=["attributes.start_time DESC"],
        )
        return next(iter(found), None)

    def _reopen(self, before: Any, note: LogEvent) -> None:
        self.id, self._params = before.info.run_id, set(before.data.params)
        # What MLflow shows as a run's duration is to be that of its training.
        self._ended = before.info.end_time if self._again else None
        for metric in before.data._metric_objs:
            if metric.key.startswith(SYSTEM):
                self._samples = max(self._samples, (metric.step, metric.timestamp))
            else:
                history = self._client.get_metric_history(self.id, metric.key)
                self._points |= {
                    (point.key, point.step): point.value
                    for point in sorted(history, key=lambda point: point.timestamp)
                }
        tags = before.data.tags
        if tags.get(BEGUN) != note.said["id"]:
            times = int(tags.get(RESUMED, 0)) + 1
            self._tag({BEGUN: note.said["id"]} | ({} if self._again else {RESUMED: str(times)}))
        self._client.update_run(self.id, status="RUNNING")

    def _log_params(self, note: LogEvent) -> None:
        """MLflow refuses another value for a param that it has: the first stays."""
        from mlflow.entities import Param

        fresh = {key: note.said[key] for key in note.said if key not in self._params}
        self._client.log_batch(self.id, params=[Param(*param) for param in fresh.items()])
        self._params |= set(fresh)

    def _log_metrics(self, note: LogEvent) -> None:
        at = note.said["step"]
        step = at or 0
        fresh: dict[str, float] = {}
        for key, value in note.said["metrics"].items():
            before = self._points.get((key, step))
            if before is None or (at is None and self._again and before != value):
                fresh[key] = value
                self._points[key, step] = value
        self._log(fresh, step, note.time)

    def _log_samples(self, note: LogEvent) -> None:
        """What the machine did; the steps count on, whichever process took them."""
        step, last = self._samples
        if note.time > last:
            self._log({f"{SYSTEM}{key}": note.said[key] for key in note.said}, step + 1, note.time)
            self._samples = step + 1, note.time

    def _log(self, values: Mapping[str, float], step: int, time: int) -> None:
        from mlflow.entities import Metric

        metrics = [Metric(key, value, time, step) for key, value in values.items()]
        if metrics:
            self._client.log_batch(self.id, metrics=metrics)

    def _set_tags(self, note: LogEvent) -> None:
        self._tag(note.said)

    def _tag(self, tags: Mapping[str, str]) -> None:
        from mlflow.entities import RunTag

        self._client.log_batch(self.id, tags=[RunTag(*tag) for tag in tags.items()])

    def _log_dataset(self, note: LogEvent) -> None:
        from mlflow.entities import Dataset, DatasetInput, InputTag

        tags = [InputTag("mlflow.data.context", note.said["context"])]
        dataset = Dataset(**note.said["dataset"])
        self._client.log_inputs(self.id, [DatasetInput(dataset, tags)])

    def _log_text(self, note: LogEvent) -> None:
        self._client.log_text(self.id, note.said["text"], note.said["path"])

    def _log_files(self, note: LogEvent) -> None:
        for place in note.files.values():
            send = self._client.log_artifacts if place.is_dir() else self._client.log_artifact
            send(self.id, str(place), note.said["path"])

    def _log_model(self, note: LogEvent) -> None:
        from mlflow.entities import LoggedModelOutput

        run = self._client.get_run(self.id)
        logged = self._model(note.said["content"])
        if logged is None:
            logged = self._client.create_logged_model(
                self._experiment_id,
                name=note.said["name"],
                source_run_id=self.id,
                tags={CONTENT: note.said["content"]},
                params=run.data.params,
            )
        outputs = run.outputs.model_outputs if run.outputs else []
        if logged.model_id not in {output.model_id for output in outputs}:
            self._client.log_outputs(self.id, [LoggedModelOutput(logged.model_id, step=0)])
        if str(logged.status) != "READY":
            with tempfile.TemporaryDirectory() as temporary:
                folder = Path(temporary) / "model"
                mlflow_model.save_model(folder, self.id, logged, note)
                self._client.log_model_artifacts(logged.model_id, str(folder))
            self._client.finalize_logged_model(logged.model_id, "READY")
        self._log_results(run, logged.model_id)

    def _log_results(self, run: Any, model_id: str) -> None:
        """What the run found in the test, as results of the model too, on the data that it was."""
        from mlflow.entities import Metric

        logged = self._client.get_logged_model(model_id).metrics or []
        known = {(metric.key, metric.value) for metric in logged}
        inputs = run.inputs.dataset_inputs if run.inputs else []
        test = [one.dataset for one in inputs if "test" in {tag.value for tag in one.tags}]
        of = {"dataset_name": test[-1].name, "dataset_digest": test[-1].digest} if test else {}
        results = [
            Metric(one.key, one.value, one.timestamp, one.step, model_id, run_id=self.id, **of)
            for one in run.data._metric_objs
            if one.key.startswith("test_") and (one.key, one.value) not in known
        ]
        if results:
            self._client.log_batch(self.id, metrics=results)

    def _model(self, content: str) -> Any:
        """The model of this content that the run logged before, whole or not."""
        found = self._client.search_logged_models(
            [self._experiment_id], f"source_run_id = '{self.id}' and tags.`{CONTENT}` = '{content}'"
        )
        return next(iter(found), None)

    def _end(self, note: LogEvent) -> None:
        self._client.set_terminated(self.id, note.said["status"], self._ended or note.time)
