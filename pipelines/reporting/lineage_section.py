"""The lineage of each model's metrics in the report: stages of dvc.lock, their outs and params."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pipelines import paths
from pipelines.config import params
from pipelines.config.models import FAMILIES
from pipelines.lineage.stage_graph import StageGraph, within
from pipelines.lineage.stages import LockedStage

MD5_DIGITS = 8
# Paths below these folders are written by stages; code and the user's own texts are not.
STAGE_OUTPUTS = tuple(
    folder.as_posix()
    for folder in (paths.RAW, paths.PREPARED, paths.VOCABULARY, paths.MODELS, paths.HISTORIES)
)


@dataclass(frozen=True)
class LineageStage:
    """A stage in the lineage of a model.

    Attributes:
        stage: its name.
        files: path and shortened MD5 of each out.
        params: key and text of the parameters that no earlier stage has read.
    """

    stage: str
    files: tuple[tuple[str, str], ...]
    params: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class ModelLineage:
    """The stages behind the metrics of a model.

    Attributes:
        path: the metrics file.
        stages: in topological order.
        problems: stages missing from dvc.lock and files with conflicting hashes, a sentence each.
    """

    path: str
    stages: tuple[LineageStage, ...]
    problems: tuple[str, ...]


def model_lineages(
    config: params.Params, lock: Mapping[str, LockedStage]
) -> dict[str, ModelLineage]:
    """Collect the lineage of every model.

    Args:
        config: lists the models and the stages that train them.
        lock: the stages of dvc.lock by name.

    Raises:
        UserError: dvc.lock is damaged.
    """
    lock = _current_stages(config, lock)
    graph = StageGraph(lock)
    lineages = {}
    for model in config.models:
        stage = paths.evaluation_stage(config, model)
        names = [*graph.ancestors([stage]), stage] if stage in lock else []
        problems = [] if names else [f"dvc.lock has no stage {stage}. Run `seqproof run {stage}`."]
        lineages[model] = ModelLineage(
            path=paths.metrics(model).as_posix(),
            stages=tuple(_lineage_stages(names, lock)),
            problems=(*problems, *_problems(names, lock, graph)),
        )
    return lineages


def _current_stages(
    config: params.Params, lock: Mapping[str, LockedStage]
) -> dict[str, LockedStage]:
    """Drop stages of models that were removed or are trained by another stage, as DVC keeps them.

    The stages are sorted, so that the result does not depend on the order in which they ran.
    """
    models = {stage: config.family(family) for family, stage in FAMILIES.items()}
    stages = {}
    for name in sorted(lock):
        stage, _, item = name.partition("@")
        if stage not in models or item in models[stage]:
            stages[name] = lock[name]
    return stages


def _lineage_stages(
    names: Collection[str], lock: Mapping[str, LockedStage]
) -> Iterator[LineageStage]:
    shown_keys: set[str] = set()
    for name in names:
        stage = lock[name]
        files = tuple((path, stage.outs[path][:MD5_DIGITS]) for path in sorted(stage.outs))
        yield LineageStage(name, files, tuple(_new_params(stage.inputs.params, shown_keys)))


def _new_params(values: Mapping[str, Any], shown_keys: set[str]) -> Iterator[tuple[str, str]]:
    """Yield the params that are not in `shown_keys`, and add them to it."""
    for key in sorted(values):
        new = {path: value for path, value in _leaves(key, values[key]) if path not in shown_keys}
        shown_keys |= set(new)
        texts = [f"{path[len(key) + 1 :]} {_text(value)}".lstrip() for path, value in new.items()]
        if texts:
            yield key, ", ".join(texts)


def _leaves(key: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        for name, child in value.items():
            yield from _leaves(f"{key}.{name}", child)
    else:
        yield key, value


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def _problems(
    names: Collection[str], lock: Mapping[str, LockedStage], graph: StageGraph
) -> Iterator[str]:
    """Describe inputs without a stage that wrote them, and inputs that changed after it did."""
    for name in names:
        for path, md5 in sorted(lock[name].deps.items()):
            producers = [producer for producer in graph.producers(path) if producer != name]
            if not producers and any(within(path, folder) for folder in STAGE_OUTPUTS):
                yield (
                    f"dvc.lock has no stage that wrote {path}, which {name} read. "
                    f"Run `seqproof run {name}`."
                )
            for producer in producers:
                written = lock[producer].outs.get(path, md5)
                if written != md5:
                    yield (
                        f"{producer} wrote {path} with MD5 {written[:MD5_DIGITS]}, but {name} read "
                        f"it with MD5 {md5[:MD5_DIGITS]}. Run `seqproof run {name}`."
                    )
