"""Level 0: compare MLflow's runs with dvc.lock, with the metrics and with the outs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from pipelines import paths
from pipelines.config import params
from pipelines.lineage import hashing, provenance, run_tags, tracked_runs
from pipelines.lineage.lockfiles import (
    SHORT,
    TRAINING,
    evaluation_of,
    instance,
    stage_kind,
    truncated,
)
from pipelines.lineage.stages import LockedStage, flatten
from pipelines.tracking import stage_runs
from pipelines.tracking.run_store import RunRecord
from pipelines.verification import output_hashes
from pipelines.verification.verify_targets import VerifyTarget

MAX_PARAM = 500  # characters after which MLflow cuts the value of a parameter


def check_runs(target: VerifyTarget) -> Iterator[str]:
    """Yield differences between the stages of a target and their runs, one sentence each."""
    for stage in target.stages:
        kind, entry = stage_kind(stage), target.entries.get(stage)
        if kind is None or entry is None:
            continue
        run = target.run_of(stage)
        if run is None:
            yield _no_run(target, stage, kind, entry)
            continue
        yield from _RunChecks(target, stage, kind, entry, run).findings()


def _no_run(target: VerifyTarget, stage: str, kind: str, entry: LockedStage) -> str:
    """Describe a missing run, with the different inputs of the model's newest run."""
    others = [
        run for run in target.runs.runs if run.name == instance(stage) and run.input_hash(kind)
    ]
    cause = "tracking failed, or the run was deleted, or DVC restored the stage from its cache"
    if others:
        differences = truncated(_recorded_differences(target, others[0], kind, entry))
        cause = (
            f"run {others[0].short_id} of that name differs in "
            f"{differences or 'the tag of its key'}, so one of them was edited, or DVC restored "
            "the stage from its cache"
        )
    fix = f"{'Undo the edit, or run' if others else 'Run'} `dvc repro -fs {stage}`"
    evaluation = evaluation_of(instance(stage), target.entries)
    if kind == TRAINING and evaluation is not None:
        fix += f"; for a restored model, `dvc repro -fs {evaluation}` is enough"
    return (
        f"No MLflow run has the inputs of {stage} in dvc.lock (key "
        f"{entry.inputs.input_hash[:SHORT]}): {cause}. {fix}."
    )


def _recorded_differences(
    target: VerifyTarget, run: RunRecord, kind: str, entry: LockedStage
) -> list[str]:
    """Return the inputs that a run recorded differently from dvc.lock."""
    path = provenance.record_path(kind)
    try:
        record = json.loads(target.runs.read_text(run, path) or "")
        pairs = {
            "key": (record["key"], entry.inputs.input_hash),
            "command": (record["command"], entry.inputs.command),
            **_pairs(record["files"], entry.inputs.files),
            **_pairs(flatten(record["params"]), flatten(entry.inputs.params)),
        }
    except (ValueError, KeyError, TypeError, AttributeError):
        return [f"{path} (missing or damaged)"]
    return [name for name, (recorded, locked) in pairs.items() if recorded != locked]


def _pairs(left: Mapping[str, Any], right: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    return {key: (left.get(key), right.get(key)) for key in sorted({*left, *right})}


class _RunChecks:
    """Compares a run with the stage of dvc.lock that made it."""

    def __init__(
        self, target: VerifyTarget, stage: str, kind: str, entry: LockedStage, run: RunRecord
    ) -> None:
        self.target, self.stage, self.kind, self.entry, self.run = target, stage, kind, entry, run
        self.label = f"Run {run.short_id} ({run.name})"
        effect = "make a new run" if kind == TRAINING else "log it again"
        self.fix = f"The run was edited in MLflow. Run `dvc repro -fs {stage}` to {effect}"

    def findings(self) -> Iterator[str]:
        """Yield all differences."""
        yield from self._check_seal()
        differences = truncated(_recorded_differences(self.target, self.run, self.kind, self.entry))
        if differences:
            yield (
                f"{self.label} recorded different inputs than {self.stage} has in dvc.lock: "
                f"{differences}. {self.fix}."
            )
        yield from self._check_datasets()
        yield from self._check_model_hash()
        yield from self._check_params() if self.kind == TRAINING else self._check_metrics()
        yield from self._check_artifacts()

    def _check_seal(self) -> Iterator[str]:
        recorded = tracked_runs.recorded_outs(self.run, self.kind)
        if recorded is None:
            yield f"{self.label} has no hashes of the outs of {self.stage}. Run `seqproof seal`."
        elif recorded != self.entry.outs_json:
            yield (
                f"{self.label} is sealed with different outs than {self.stage} has in dvc.lock"
                f"{_differing(recorded, self.entry.outs)}. Run "
                f"{self.target.repro_command(self.stage)}. Or: {self.fix}."
            )

    def _check_datasets(self) -> Iterator[str]:
        for path, md5 in self.entry.deps.items():
            digests = {digest for dataset, digest in self.run.datasets if dataset == path}
            if digests and md5 not in digests:
                yield f"{self.label} has a different hash of {path} than {self.stage}. {self.fix}."

    def _check_model_hash(self) -> Iterator[str]:
        model_hash = output_hashes.model_hash(self.target.snapshot, self.entry)
        if model_hash is not None and self.run.tags.get(run_tags.MODEL_HASH) != model_hash:
            yield (
                f"{self.label} has a different {run_tags.MODEL_HASH} than the model of "
                f"{self.stage}. {self.fix}."
            )

    def _check_params(self) -> Iterator[str]:
        try:
            expected = _logged_params(self.entry.inputs.params)
        except (ValidationError, KeyError):
            yield (
                f"{self.label}: the params of {self.stage} in dvc.lock do not fit this version of "
                f"seqproof. Run {self.target.repro_command(self.stage)}."
            )
            return
        for key, value in expected.items():
            if not _equal(self.run.params.get(key), value):
                yield (
                    f"{self.label} has the parameter {key} = {self.run.params.get(key, 'nothing')}"
                    f", but {self.stage} read {value}. {self.fix}."
                )
        logged = self.target.runs.logged_model(self.run)
        for key, value in (logged.params if logged else {}).items():
            if key not in expected and self.run.params.get(key) != value:
                yield (
                    f"{self.label} has the parameter {key} = {self.run.params.get(key, 'nothing')}"
                    f", but its logged model has {value}. {self.fix}."
                )

    def _check_metrics(self) -> Iterator[str]:
        path = paths.metrics(instance(self.stage)).as_posix()
        try:
            metrics = dict(json.loads(self.target.snapshot.text(path) or "{}"))
        except (ValueError, TypeError):
            return  # the check of the outs reports a damaged file
        content = self.target.snapshot.file_hash(path)
        unchanged = content is not None and content.md5 == self.entry.outs.get(path)
        fix = self.fix if unchanged else f"Run {self.target.repro_command(self.stage)}"
        for key, value in metrics.items():
            if isinstance(value, int | float) and self.run.metrics.get(key) != value:
                yield (
                    f"{path} has {key} = {value}, but run {self.run.short_id} "
                    f"({self.run.name}) has {self.run.metrics.get(key, 'nothing')}. {fix}."
                )

    def _check_artifacts(self) -> Iterator[str]:
        """Compare artifacts with the outs, if the artifacts are files of this machine."""
        model = instance(self.stage)
        if self.kind == TRAINING:
            yield from self._check_folder(
                self.run.artifact_folder, {"history": paths.history(model)}
            )
            return
        files = {"predictions": paths.predictions(model), "analysis": paths.analysis(model)}
        yield from self._check_folder(self.run.artifact_folder, files)
        logged = self.target.runs.logged_model(self.run)
        if logged is None:
            yield f"{self.label} has no logged model. Run `dvc repro -fs {self.stage}`."
            return
        for path in self.entry.deps:
            if Path(path) == paths.model(model) or Path(path).parent == paths.VOCABULARY:
                yield from self._check_folder(logged.folder, {"artifacts": Path(path)})

    def _check_folder(self, folder: Path | None, files: Mapping[str, Path]) -> Iterator[str]:
        """Compare artifacts with dvc.lock.

        Args:
            folder: of all artifacts; None if they are on another machine.
            files: paths of files and folders by the artifact folder that has a copy of them.
        """
        hashes = {**self.entry.deps, **self.entry.outs}
        for artifact_folder, path in files.items() if folder else ():
            md5 = hashes.get(path.as_posix())
            if md5 is None:
                continue
            name = f"{artifact_folder}/{path.name}"
            members = self.target.snapshot.members(md5) if md5.endswith(".dir") else {"": md5}
            for member, expected in members.items():
                file = Path(folder or "", name, member)
                artifact = f"{name}/{member}".rstrip("/")
                if not file.is_file():
                    yield f"{self.label} has lost its artifact {artifact}. {self.fix}."
                elif hashing.file_md5(file) != expected:
                    yield (
                        f"{self.label} has a different {artifact} than {path} in dvc.lock. "
                        f"{self.fix}."
                    )


def _logged_params(values: Mapping[str, Any]) -> dict[str, str]:
    """Return the parameters that MLflow logs for a training run with these params."""
    logged: dict[str, object] = {}
    for key, value in values.items():
        top, _, rest = key.partition(".")
        if top == "models":
            entry: params.Model = TypeAdapter(params.Model).validate_python(value)
            logged |= stage_runs.model_parameters(entry, values["seed"])
        elif top == "corpora" and rest.endswith(".cleaning"):
            cleaning = params.Cleaning.model_validate(value)
            logged[key] = cleaning.model_dump(mode="json", exclude_none=True)
        elif top == "corpora":
            logged[key] = value
    return flatten(logged)


def _equal(logged: str | None, expected: str) -> bool:
    """Compare values of a parameter, of which MLflow cuts long ones."""
    return logged == expected or (
        logged is not None and len(logged) >= MAX_PARAM and expected.startswith(logged)
    )


def _differing(recorded: str, outs: Mapping[str, str]) -> str:
    """Name the outs whose recorded hashes differ."""
    try:
        return f" ({output_hashes.differing(json.loads(recorded), outs)})"
    except (ValueError, TypeError, AttributeError):
        return ""
