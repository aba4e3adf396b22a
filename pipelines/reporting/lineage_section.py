"""Where a number comes from: the stages of dvc.lock behind it, what they left, and from what."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.config import params
from pipelines.config.models import FAMILIES
from pipelines.lineage.stage_graph import StageGraph, within

SHORT = 8  # digits of an MD5 that are said
AGAIN = "`dvc repro {}` runs it"


@dataclass(frozen=True)
class Step:
    """A stage as dvc.lock has it: the MD5 of each path that it read and left, and its params."""

    reads: Mapping[str, str]
    leaves: Mapping[str, str]
    params: Mapping[str, Any]


@dataclass(frozen=True)
class LineageStage:
    """A stage of a chain.

    Attributes:
        stage: its name.
        files: what it left, each path with the beginning of its MD5.
        params: those that no stage before it read, as key and text.
    """

    stage: str
    files: tuple[tuple[str, str], ...]
    params: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Lineage:
    """All stages behind the metrics of a model.

    Attributes:
        path: of the metrics, as `seqproof trace` takes it.
        links: in walking order.
        missing: what dvc.lock does not have, and where it does not join; one sentence each.
    """

    path: str
    links: tuple[LineageStage, ...]
    missing: tuple[str, ...]


def lineages(
    tree: params.Params, steps: Mapping[str, Step], metrics: Path, made: Collection[Path]
) -> dict[str, Lineage]:
    """The chain of each model.

    Args:
        tree: says which models there are, and which stage trains each.
        steps: the stages of dvc.lock by their names.
        metrics: the folder of `<model>.json`, the metrics.
        made: the folders in which a path is left by a stage; code and one's own text are not.

    Raises:
        Refusal: dvc.lock is damaged.
    """
    families = {stage: tree.family(family) for family, stage in FAMILIES.items()}
    # In an order that does not depend on which stage ran first. An entry of dvc.lock stays when
    # its model is trained by another stage from then on, or is gone.
    known = {
        name: steps[name]
        for name in sorted(steps)
        if (verb := name.partition("@")[0]) not in families
        or name.partition("@")[2] in families[verb]
    }
    chain = StageGraph(
        {name: sorted(step.reads) for name, step in known.items()},
        {name: sorted(step.leaves) for name, step in known.items()},
    )
    folders = [folder.as_posix() for folder in made]
    return {
        model: Lineage(
            path=f"{metrics.name}/{model}.json",
            links=tuple(_links(f"evaluate@{model}", known, chain)),
            missing=tuple(_missing(f"evaluate@{model}", known, chain, folders)),
        )
        for model in tree.models
    }


def _links(last: str, steps: Mapping[str, Step], chain: StageGraph) -> Iterator[LineageStage]:
    seen: set[str] = set()
    for name in _stages(last, steps, chain):
        step = steps[name]
        files = tuple((path, step.leaves[path][:SHORT]) for path in sorted(step.leaves))
        yield LineageStage(name, files, tuple(_own(step.params, seen)))


def _stages(last: str, steps: Mapping[str, Step], chain: StageGraph) -> list[str]:
    return [*chain.above([last]), last] if last in steps else []


def _own(values: Mapping[str, Any], seen: set[str]) -> Iterator[tuple[str, str]]:
    """The params that were not seen yet, which then are: a corpus is read by all of its stages."""
    for key in sorted(values):
        fresh = {name: one for name, one in _leaves(key, values[key]) if name not in seen}
        seen |= set(fresh)
        said = [f"{name[len(key) + 1 :]} {_text(one)}".lstrip() for name, one in fresh.items()]
        if said:
            yield key, ", ".join(said)


def _leaves(key: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        for name, one in value.items():
            yield from _leaves(f"{key}.{name}", one)
    else:
        yield key, value


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def _missing(
    last: str, steps: Mapping[str, Step], chain: StageGraph, folders: list[str]
) -> Iterator[str]:
    """A stage that dvc.lock does not have, and a file that was another one when it was read."""
    if last not in steps:
        yield f"dvc.lock does not have {last}: {AGAIN.format(last)}."
    for name in _stages(last, steps, chain):
        for path, md5 in sorted(steps[name].reads.items()):
            makers = [maker for maker in chain.makers(path) if maker != name]
            if not makers and any(within(path, folder) for folder in folders):
                said = f"dvc.lock does not have the stage that left {path}, which {name} read"
                yield f"{said}: {AGAIN.format(name)}."
            for maker in makers:
                left = steps[maker].leaves.get(path, md5)
                if left != md5:
                    yield (
                        f"{path} is {left[:SHORT]} as {maker} left it, and {md5[:SHORT]} as {name} "
                        f"read it: {AGAIN.format(name)} again."
                    )
