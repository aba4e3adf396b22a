"""The graph of stages: a stage that reads a file depends on the stage that writes it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
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
        self._names: dict[str, None] = {}
        self._readers, self._writers = _PathIndex(), _PathIndex()
        for stages in sources:
            for name, stage in stages.items():
                self._names[name] = None
                self._readers.add(name, stage.deps)
                self._writers.add(name, stage.outs)

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
                "Git, or delete it and run `seqproof run`."
            ) from None

    def producers(self, path: str) -> list[str]:
        """Return the stages that write a path, a folder around it or a file in it."""
        return self._in_order(self._writers.stages(path))

    def consumers(self, path: str) -> list[str]:
        """Return the stages that read a path, a folder around it or a file in it."""
        return self._in_order(self._readers.stages(path))

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
        graph.add_nodes_from(self._names)
        for path, readers in self._readers.items():
            producers = self._writers.stages(path)
            graph.add_edges_from(
                (producer, name) for producer in producers for name in readers if producer != name
            )
        return graph

    def _in_order(self, stages: Collection[str]) -> list[str]:
        return [name for name in self._names if name in stages]


class _PathIndex:
    """Stages by the paths that they read or write: a scan of all paths is slow."""

    def __init__(self) -> None:
        self._at: dict[str, set[str]] = {}
        self._in: dict[str, set[str]] = {}  # stages with a path in the folder

    def add(self, stage: str, paths: Iterable[str]) -> None:
        """Add paths of a stage."""
        for path in paths:
            self._at.setdefault(path, set()).add(stage)
            for folder in _folders(path):
                self._in.setdefault(folder, set()).add(stage)

    def items(self) -> Iterable[tuple[str, set[str]]]:
        """Return each path with its stages."""
        return self._at.items()

    def stages(self, path: str) -> set[str]:
        """Return the stages with a path, a folder around it or a path in it."""
        places = (self._at.get(place, set()) for place in (path, *_folders(path)))
        return set().union(self._in.get(path, set()), *places)


def _folders(path: str) -> Iterator[str]:
    """Yield the folders around a path, the innermost first."""
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path


def within(path: str, folder: str) -> bool:
    """Return True if a path is a folder or lies in it."""
    return path == folder or path.startswith(f"{folder}/")


def overlaps(path: str, others: Iterable[str]) -> bool:
    """Return True if a path lies in one of the others or contains one of them."""
    return any(within(path, other) or within(other, path) for other in others)
