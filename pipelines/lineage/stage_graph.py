"""Stages as links of a chain: what one leaves, another reads, from the data to the number."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from functools import cached_property
from graphlib import CycleError, TopologicalSorter

from pipelines.errors import UserError


def within(path: str, folder: str) -> bool:
    """Whether a path is another, or below it."""
    return path == folder or path.startswith(f"{folder}/")


class StageGraph:
    """The stages, linked by their files.

    Args:
        reads: the paths that each stage reads.
        leaves: the paths that each stage leaves.
    """

    def __init__(
        self, reads: Mapping[str, Collection[str]], leaves: Mapping[str, Collection[str]]
    ) -> None:
        self._reads, self._leaves = reads, leaves

    @cached_property
    def order(self) -> list[str]:
        """All stages, each after those whose files it reads.

        Raises:
            Refusal: they read each other's files in a circle.
        """
        before = {name: self._before(name) for name in self._reads}
        try:
            return list(TopologicalSorter(before).static_order())
        except CycleError:
            raise UserError(
                "dvc.lock is damaged: its stages read each other's files in a circle; take it back "
                "from Git, or delete it and run `dvc repro`."
            ) from None

    def makers(self, path: str) -> list[str]:
        """The stages that leave a path, what it is in, or something in it."""
        return [name for name, outs in self._leaves.items() if _touches(path, outs)]

    def readers(self, path: str) -> list[str]:
        """The stages that read a path, what it is in, or something in it."""
        return [name for name, files in self._reads.items() if _touches(path, files)]

    def above(self, stages: Iterable[str]) -> list[str]:
        """What these stages come from, in walking order, without themselves."""
        return self._reached(stages, self._before)

    def below(self, stages: Iterable[str]) -> list[str]:
        """What comes from these stages, in walking order, without themselves."""
        after: dict[str, list[str]] = {}
        for name in self._reads:
            for maker in self._before(name):
                after.setdefault(maker, []).append(name)
        return self._reached(stages, lambda name: after.get(name, []))

    def _before(self, name: str) -> list[str]:
        """In a fixed order, on which that of the walk depends."""
        makers = [maker for path in self._reads[name] for maker in self._exact.get(path, [])]
        for path in self._reads[name]:
            if path not in self._exact:
                makers += self.makers(path)
        return [maker for maker in dict.fromkeys(makers) if maker != name]

    @cached_property
    def _exact(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for name, outs in self._leaves.items():
            for path in outs:
                found.setdefault(path, []).append(name)
        return found

    def _reached(self, stages: Iterable[str], step: Callable[[str], list[str]]) -> list[str]:
        start = set(stages)
        reached, waiting = set(start), list(start)
        while waiting:
            for name in step(waiting.pop()):
                if name not in reached:
                    reached.add(name)
                    waiting.append(name)
        return [name for name in self.order if name in reached - start]


def _touches(path: str, others: Iterable[str]) -> bool:
    return any(within(path, other) or within(other, path) for other in others)
