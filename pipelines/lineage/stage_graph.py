"""The graph of stages: a stage that reads a file depends on the stage that writes it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from pipelines.errors import UserError

if TYPE_CHECKING:
    import networkx as nx


class StageFiles(Protocol):
    """A stage of dvc.yaml or dvc.lock: the paths that it reads and writes."""

    @property
    def deps(self) -> Collection[str]:
        """Paths that the stage reads."""

    @property
    def outs(self) -> Collection[str]:
        """Paths that the stage writes."""


class StageGraph:
    """Stages connected by their files.

    A stage that is in several of the maps has the files of all of them: in the graph of dvc.yaml
    and dvc.lock no stage loses its place because one of the two was edited.

    Args:
        sources: stages by name, for example those of dvc.yaml and those of dvc.lock.
    """

    def __init__(self, *sources: Mapping[str, StageFiles]) -> None:
        self._deps: dict[str, set[str]] = {}
        self._outs: dict[str, set[str]] = {}
        for stages in sources:
            for name, stage in stages.items():
                self._deps.setdefault(name, set()).update(stage.deps)
                self._outs.setdefault(name, set()).update(stage.outs)

    @cached_property
    def order(self) -> list[str]:
        """All stages in topological order; stages that could be swapped are sorted by name.

        Raises:
            UserError: the stages read each other's files in a circle.
        """
        import networkx as nx

        try:
            return list(nx.lexicographical_topological_sort(self._graph))
        except nx.NetworkXUnfeasible:
            raise UserError(
                "dvc.lock is damaged: its stages depend on each other in a circle. Restore it from "
                "Git, or delete it and run `dvc repro`."
            ) from None

    def producers(self, path: str) -> list[str]:
        """Return the stages that write a path, a folder around it or a file in it."""
        return [name for name, outs in self._outs.items() if overlaps(path, outs)]

    def consumers(self, path: str) -> list[str]:
        """Return the stages that read a path, a folder around it or a file in it."""
        return [name for name, deps in self._deps.items() if overlaps(path, deps)]

    def ancestors(self, stages: Iterable[str]) -> list[str]:
        """Return the stages that these depend on, without these, in topological order."""
        import networkx as nx

        start = set(stages)
        reached = set().union(*(nx.ancestors(self._graph, name) for name in start))
        return [name for name in self.order if name in reached - start]

    def descendants(self, stages: Iterable[str]) -> list[str]:
        """Return the stages that depend on these, without these, in topological order."""
        import networkx as nx

        start = set(stages)
        reached = set().union(*(nx.descendants(self._graph, name) for name in start))
        return [name for name in self.order if name in reached - start]

    @cached_property
    def _graph(self) -> nx.DiGraph:
        """Edges from producers to consumers."""
        import networkx as nx

        graph = nx.DiGraph()
        graph.add_nodes_from(self._deps)
        producers: dict[str, list[str]] = {}
        for name, outs in self._outs.items():
            for path in outs:
                producers.setdefault(path, []).append(name)
        for name, deps in self._deps.items():
            for path in deps:
                # Most dependencies are outs of the same path: the scan of all outs is slow.
                for producer in producers.get(path) or self.producers(path):
                    if producer != name:
                        graph.add_edge(producer, name)
        return graph


def within(path: str, folder: str) -> bool:
    """Return True if a path is a folder or lies in it."""
    return path == folder or path.startswith(f"{folder}/")


def overlaps(path: str, others: Iterable[str]) -> bool:
    """Return True if a path lies in one of the others or contains one of them."""
    return any(within(path, other) or within(other, path) for other in others)
