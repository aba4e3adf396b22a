"""The order of stages that run side by side: which stage starts next, and what a failure skips."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

State = Literal[
    "waiting", "running", "ran", "restored", "unchanged", "failed", "stopped", "skipped"
]
MIN_EXPECTED = 20.0  # seconds of stages, before their real durations tell the machine's speed
FINISHED: tuple[State, ...] = ("ran", "restored", "unchanged")


@dataclass(frozen=True)
class ScheduledStage:
    """A stage of a schedule.

    Attributes:
        needs: stages that must end first.
        seconds: its duration, as far as one can tell before.
        gpus: number of GPUs that it needs to itself where there are GPUs.
        workers: number of workers of its model, each of which counts as a stage without GPUs.
        evaluates: True if it gives the result of a model.
    """

    needs: frozenset[str]
    seconds: float
    gpus: int = 0
    workers: int = 1
    evaluates: bool = False


class Schedule:
    """Stages that wait, run or have ended.

    The first result comes first: the stages that the cheapest evaluation needs. Then each
    evaluation as soon as its model is trained, and of the others the stage with the longest path
    to the end.

    Args:
        stages: by name; needs that are not among them have ended.
        jobs: number of stages that run at a time.
        gpus: names of the GPUs; each is given to one stage at a time.
        has_result: True if a model is evaluated already.

    Attributes:
        states: state of each stage by its name, in the order of the stages.
    """

    def __init__(
        self,
        stages: Mapping[str, ScheduledStage],
        jobs: int,
        gpus: Collection[str] = (),
        has_result: bool = False,
    ) -> None:
        self._stages, self._jobs = stages, jobs
        self._needs = {name: stage.needs & stages.keys() for name, stage in stages.items()}
        self._free_gpus = sorted(gpus, reverse=True)
        self._gpu_count = len(gpus)
        self._gpus_of: dict[str, list[str]] = {}
        self._has_result = has_result
        self._expected = self._measured = 0.0  # seconds of the stages that have run
        self.states: dict[str, State] = dict.fromkeys(stages, "waiting")
        self._paths = self._longest_paths()

    def in_state(self, *states: State) -> list[str]:
        """Return the stages in one of some states."""
        return [name for name, state in self.states.items() if state in states]

    def start_next(self) -> tuple[str, str | None] | None:
        """Start a stage; return it with the names of its GPUs, if it has any, or None."""
        free = self._jobs - sum(map(self._needed_jobs, self.in_state("running")))
        if free <= 0:
            return None
        ready = [
            name
            for name in self.in_state("waiting")
            if self._needed_jobs(name) <= free and self._is_ready(name)
        ]
        if not ready:
            return None
        first = self._first_result()
        name = min(
            ready,
            key=lambda name: (
                name not in first,
                not self._stages[name].evaluates,
                -self._paths[name],
            ),
        )
        self.states[name] = "running"
        self._gpus_of[name] = [self._free_gpus.pop() for _ in range(self._needed_gpus(name))]
        return name, ",".join(self._gpus_of[name]) or None

    def end(self, name: str, state: State, seconds: float = 0.0) -> list[str]:
        """End a stage; return the stages that are skipped because they depend on it.

        Args:
            name: of the stage.
            state: its final state.
            seconds: its duration.
        """
        self.states[name] = state
        if state == "ran":
            self._expected += self._stages[name].seconds
            self._measured += seconds
        self._free_gpus += reversed(self._gpus_of.pop(name, []))
        if state in FINISHED:
            self._has_result |= self._stages[name].evaluates
            return []
        if state != "failed":
            return []
        skipped = [other for other in self.in_state("waiting") if name in self._ancestors(other)]
        self.states.update(dict.fromkeys(skipped, "skipped"))
        return skipped

    def seconds(self, name: str) -> float:
        """Return the expected duration of a stage; those that have ended show how fast this is."""
        is_measured = self._expected > MIN_EXPECTED
        return self._stages[name].seconds * (
            self._measured / self._expected if is_measured else 1.0
        )

    def seconds_left(self, running: Mapping[str, float]) -> float:
        """Estimate the time until all stages have ended.

        Args:
            running: seconds that each running stage still needs.
        """
        left = {name: self.seconds(name) for name in self.in_state("waiting")}
        left |= {name: running.get(name, 0.0) for name in self.in_state("running")}
        ends: dict[str, float] = {}
        free = [0.0] * self._jobs  # when each of the jobs is free
        # As the schedule would do it: the running stages first, then the longest paths.
        order = sorted(left, key=lambda name: (self.states[name] != "running", -self._paths[name]))
        for name in order:
            begin = max([free[0], *(ends.get(need, 0.0) for need in self._needs[name])])
            ends[name] = begin + left[name]
            heapq.heapreplace(free, ends[name])
        return max(ends.values(), default=0.0)

    def _is_ready(self, name: str) -> bool:
        if self._needed_gpus(name) > len(self._free_gpus):
            return False
        return all(self.states[need] in FINISHED for need in self._needs[name])

    def _needed_jobs(self, name: str) -> int:
        """Return the number of jobs that a stage takes the place of."""
        return 1 if self._gpu_count else min(self._stages[name].workers, self._jobs)

    def _needed_gpus(self, name: str) -> int:
        """Return the GPUs of a stage; one that needs more than there are says so itself."""
        return min(self._stages[name].gpus, self._gpu_count)

    def _first_result(self) -> set[str]:
        """Return the cheapest evaluation that can still end, with all that it waits for."""
        if self._has_result:
            return set()
        chains = [
            {name, *self._ancestors(name)}
            for name in self.in_state("waiting", "running")
            if self._stages[name].evaluates
        ]
        return min(chains, key=self._cost, default=set())

    def _cost(self, names: Iterable[str]) -> float:
        return sum(
            self._stages[name].seconds
            for name in names
            if self.states[name] in ("waiting", "running")
        )

    def _ancestors(self, name: str) -> set[str]:
        reached: set[str] = set()
        waiting = [name]
        while waiting:
            new = self._needs[waiting.pop()] - reached
            reached |= new
            waiting += new
        return reached

    def _longest_paths(self) -> dict[str, float]:
        """Return the seconds from the start of each stage to the end of what depends on it."""
        users: dict[str, list[str]] = {name: [] for name in self._stages}
        for name, needs in self._needs.items():
            for need in needs:
                users[need].append(name)
        lengths: dict[str, float] = {}

        def length(name: str) -> float:
            if name not in lengths:
                after = max(map(length, users[name]), default=0.0)
                lengths[name] = self._stages[name].seconds + after
            return lengths[name]

        for name in self._stages:
            length(name)
        return lengths
