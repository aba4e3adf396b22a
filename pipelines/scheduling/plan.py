"""The stages that a command runs: its targets, and the outdated stages that they need."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from pipelines.errors import UserError, close_match
from pipelines.lineage import lockfiles
from pipelines.lineage.reproduction import SurveyedStage
from pipelines.scheduling.schedule import ScheduledStage

# Seconds of a stage that has never run here, by the beginning of its name.
TYPICAL_SECONDS = {
    "train_seq2seq": 100.0,
    "train_lstm": 80.0,
    "fine_tune": 80.0,
    "memory": 40.0,
    "train_baseline": 10.0,
    "preprocess": 5.0,
    "evaluate": 5.0,
    "word_order": 5.0,
    "backpropagation": 5.0,
    "report": 10.0,
}
OTHER_SECONDS = 1.0
THREADS = "threads"  # parameter of the stages that run TensorFlow


def select(targets: Sequence[str], stages: Mapping[str, SurveyedStage]) -> list[str]:
    """Return the stages that targets name, and all that these need.

    Args:
        targets: stages, groups such as `train_lstm`, models or corpora; none stands for all stages.
        stages: all stages of the project.

    Raises:
        UserError: there is no such target.
    """
    selected: set[str] = set()
    waiting = [name for target in targets for name in _resolve(target, stages)]
    if not targets:
        waiting = list(stages)
    while waiting:
        name = waiting.pop()
        if name not in selected:
            selected.add(name)
            waiting += stages[name].needs
    return [name for name in stages if name in selected]


def _resolve(target: str, stages: Collection[str]) -> list[str]:
    """Return the stages that a target names."""
    if target in stages:
        return [target]
    parts = {name: name.partition("@") for name in stages}
    names = [name for name, (group, _, item) in parts.items() if target and target in (group, item)]
    if names:
        return names
    valid = [part for group, _, item in parts.values() for part in (item, group) if part]
    similar = close_match(target, dict.fromkeys([*valid, *stages]))
    hint = f"Did you mean '{similar}'? " if similar else ""
    raise UserError(
        f"No stage, group of stages, model or corpus is named '{target}'. {hint}"
        "`dvc stage list` prints all stages."
    )


def schedule_stages(
    names: Sequence[str],
    stages: Mapping[str, SurveyedStage],
    costs: Mapping[str, Mapping[str, float]],
) -> dict[str, ScheduledStage]:
    """Return the stages that may have to run: the outdated ones, and all that depend on them.

    Args:
        names: the selected stages.
        stages: all stages of the project.
        costs: seconds of the last run of each stage that has run here.
    """
    pending: set[str] = set()
    for name in names:  # in the order of the graph
        if stages[name].outdated or pending.intersection(stages[name].needs):
            pending.add(name)
    return {
        name: ScheduledStage(
            needs=frozenset(stages[name].needs) & pending,
            seconds=costs[name]["seconds"] if name in costs else _typical_seconds(name),
            gpus=_workers(stages[name].params) if THREADS in stages[name].params else 0,
            workers=_workers(stages[name].params),
            evaluates=is_evaluation(name),
        )
        for name in names
        if name in pending
    }


def is_evaluation(name: str) -> bool:
    """Return True if a stage gives the result of a model."""
    return lockfiles.stage_kind(name) == lockfiles.EVALUATION


def threads(stages: Mapping[str, SurveyedStage]) -> int:
    """Return the largest number of threads that a stage uses."""
    return max((int(stage.params.get(THREADS, 1)) for stage in stages.values()), default=1)


def _workers(params: Mapping[str, Any]) -> int:
    """Return the number of workers of a stage, given its parameters."""
    models = [value for value in params.values() if isinstance(value, Mapping)]
    return int(max((model.get("workers", 1) for model in models), default=1))


def _typical_seconds(name: str) -> float:
    matches = (value for kind, value in TYPICAL_SECONDS.items() if name.startswith(kind))
    return next(matches, OTHER_SECONDS)
