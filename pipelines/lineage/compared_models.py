"""Models to compare: each is a model in one dvc.lock, with everything that determined it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import ValidationError

from pipelines import paths
from pipelines.config.params import Corpus
from pipelines.data import parquet
from pipelines.errors import UserError
from pipelines.lineage import lockfiles, provenance, targets
from pipelines.lineage.lockfiles import EVALUATION, TRAINING, instance, stage_kind
from pipelines.lineage.snapshots import ProjectSnapshot
from pipelines.lineage.stage_graph import StageGraph
from pipelines.lineage.stages import Inputs, LockedStage, flatten
from pipelines.lineage.targets import Target
from pipelines.lineage.tracked_runs import RunT, TrackedRun, TrackedRuns


@dataclass(frozen=True)
class ModelVersion:
    """A model of a comparison.

    Attributes:
        description: distinguishes it from the other versions.
        model: its name.
        corpus: its corpus in params.yaml, as the evaluation read it.
        predictions: the predictions file of the evaluation.
        params: by key, without the names of model and corpus, so that different models have the
            same keys.
        data: MD5 of the raw files, splits and vocabulary.
        code: MD5 of each file and folder of code that its stages read.
        environment: machine, device, kernel and packages of its training; empty without its run.
    """

    description: str
    model: str
    corpus: Corpus
    predictions: Path
    params: Mapping[str, str]
    data: Mapping[str, str]
    code: Mapping[str, str]
    environment: Mapping[str, str]

    def items(self) -> pd.DataFrame:
        """Read the predictions, one row for each test item.

        Raises:
            UserError: the file is damaged.
        """
        return parquet.read_parquet(self.predictions)


def resolve_versions(
    names: Sequence[str], root: Path, workspace: ProjectSnapshot, runs: TrackedRuns[RunT] | None
) -> list[list[ModelVersion]]:
    """Find the model versions to compare, grouped by model.

    Args:
        names: at least two models, runs, commits or experiments.
        root: the project's root.
        workspace: the project in its workspace.
        runs: of the project; None if the tracking server is unreachable.

    Returns:
        For each model a list with one version for each name.

    Raises:
        UserError: a name has no evaluated model, or the names have no model in common.
    """
    resolved = [targets.resolve(name, root, workspace, runs) for name in names]
    evaluations = [_evaluations(name, target) for name, target in zip(names, resolved, strict=True)]
    return [
        [
            _model_version(name, stage, target, workspace, runs)
            for name, stage, target in zip(names, group, resolved, strict=True)
        ]
        for group in _match(names, evaluations)
    ]


def _evaluations(name: str, target: Target) -> dict[str, str]:
    """Return the evaluation stage of each model of a target by the model's name."""
    if target.lock is None:
        raise UserError(
            f"No dvc.lock of the workspace, of a commit or of an experiment has the inputs of "
            f"'{name}'. Fetch the branch that has them, or check out the commit of the run and run "
            "`seqproof run`."
        )
    models = {instance(stage) for stage in target.stages if stage_kind(stage)}
    evaluations = {
        instance(stage): stage
        for stage in target.lock.entries
        if stage_kind(stage) == EVALUATION and instance(stage) in models
    }
    if not evaluations:
        raise UserError(
            f"'{name}' has no evaluated model (it is {target.description}). Run `seqproof run`, or "
            "choose a model, run, commit or experiment."
        )
    return evaluations


def _match(names: Sequence[str], evaluations: Sequence[Mapping[str, str]]) -> list[list[str]]:
    """Group evaluation stages by model, one stage for each name.

    A name with a single model is compared with the model of the same name wherever the other name
    has several models (a commit, for example).
    """
    single = [next(iter(stages)) for stages in evaluations if len(stages) == 1]
    if len(single) == len(evaluations):
        return [[next(iter(stages.values())) for stages in evaluations]]
    models = list(dict.fromkeys(single)) or [
        model for model in evaluations[0] if all(model in stages for stages in evaluations)
    ]
    groups = []
    for model in models:
        for name, stages in zip(names, evaluations, strict=True):
            if len(stages) > 1 and model not in stages:
                raise UserError(f"'{name}' has no evaluation of {model}.")
        groups.append([stages.get(model) or next(iter(stages.values())) for stages in evaluations])
    if not groups:
        raise UserError(f"{' and '.join(names)} have no model in common.")
    return groups


def _model_version(
    name: str,
    stage: str,
    target: Target,
    workspace: ProjectSnapshot,
    runs: TrackedRuns[RunT] | None,
) -> ModelVersion:
    assert target.lock is not None
    entries = target.lock.entries
    graph = StageGraph(entries)
    stages = [*graph.ancestors([stage]), stage]
    training = [stage for stage in stages if stage_kind(stage) == TRAINING][-1]
    model = instance(stage)
    return ModelVersion(
        description=_description(model, target),
        model=model,
        corpus=_corpus(entries[stage], name),
        predictions=_predictions(model, entries[stage], name, workspace),
        params=_params([entries[stage].inputs for stage in stages], model),
        data=_data(entries, stages),
        code={
            path: md5
            for stage in stages
            for path, md5 in entries[stage].deps.items()
            if path.partition("/")[0] in provenance.CODE_FOLDERS
        },
        environment=_environment(entries[training].inputs.input_hash, target.run, runs),
    )


def _description(model: str, target: Target) -> str:
    if target.run is not None:
        return f"{model} (run {target.run.short_id})"
    location = target.lock.location if target.lock else ""
    return f"{model} ({location})" if location else model


def _corpus(entry: LockedStage, name: str) -> Corpus:
    (params,) = (value for key, value in entry.inputs.params.items() if key.startswith("corpora."))
    try:
        return Corpus.model_validate({**params, "checks": {}})  # which no evaluation depends on
    except ValidationError:
        raise UserError(
            f"'{name}' was evaluated by a version of seqproof with other keys in params.yaml. Run "
            "`seqproof run` there, and compare again."
        ) from None


def _predictions(model: str, entry: LockedStage, name: str, workspace: ProjectSnapshot) -> Path:
    """Return the predictions file, from the workspace if it is unchanged, else from the cache."""
    path = paths.predictions(model).as_posix()
    md5 = entry.outs.get(path)
    if md5 is None:
        raise UserError(
            f"The dvc.lock of '{name}' has no {path}. "
            f"Run `seqproof run {entry.inputs.stage}` there."
        )
    content = workspace.file_hash(path)
    if content is not None and content.md5 == md5:
        return workspace.path(path)
    if workspace.cache_path(md5).is_file():
        return workspace.cache_path(md5)
    raise UserError(
        f"The predictions of '{name}' ({path}, {md5[: lockfiles.SHORT]}) are neither in the "
        "workspace nor in DVC's cache. Run `dvc pull`, `dvc fetch --all-commits` for an older "
        "commit, or `seqproof run` to predict again."
    )


def _params(inputs: Sequence[Inputs], model: str) -> dict[str, str]:
    """Return parameters by key; those of the model and its corpus without their names."""
    params: dict[str, str] = {}
    for stage_inputs in inputs:
        for key, value in stage_inputs.params.items():
            params |= flatten({_generic_key(key, model): value})
    return params


def _generic_key(key: str, model: str) -> str:
    """Return `models.<stage>.<model>.x` as `model.x`, and `corpora.<corpus>.x` as `corpus.x`."""
    top, *parts = key.split(".")
    if top == "models" and model in parts[:2]:
        return ".".join(["model", *parts[parts.index(model) + 1 :]])
    if top == "corpora":
        return ".".join(["corpus", *parts[1:]])
    return key  # other models: the language model that a classifier starts from


def _data(entries: Mapping[str, LockedStage], stages: Sequence[str]) -> dict[str, str]:
    """Return the MD5 of raw files, splits and vocabulary."""
    return {
        f"{family} {Path(out).stem}": md5
        for stage in stages
        if stage_kind(stage) is None and (family := stage.partition("@")[0]) != "check"
        for out, md5 in entries[stage].outs.items()
    }


def _environment(
    input_hash: str, run: TrackedRun | None, runs: TrackedRuns[RunT] | None
) -> dict[str, str]:
    """Return the machine and packages that the run of a training recorded; empty without a run."""
    if runs is None:
        return {}
    trainings = [
        training
        for training in runs.find(TRAINING, input_hash)
        if run is None or training.id == run.id
    ]
    path = provenance.record_path(TRAINING)
    text = runs.read_text(trainings[0], path) if trainings else None
    try:
        record: Any = json.loads(text or "{}")
        return flatten({**record.get("environment", {}), "packages": record.get("packages", {})})
    except (ValueError, AttributeError, TypeError):
        return {}
