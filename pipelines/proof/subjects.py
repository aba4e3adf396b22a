"""What is verified: a model with all that it comes from, in one dvc.lock, and its runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pipelines.errors import Refusal
from pipelines.links import Chain
from pipelines.proof import chain
from pipelines.proof.chain import EVALUATION, TRAINING, Lock, chain_of, work_of
from pipelines.tracking import graph, runs, versions
from pipelines.tracking.ledger import Kept, Ledger
from pipelines.tracking.versions import Version

LEAST = 4  # digits of a run's id that mean it


@dataclass(frozen=True)
class Subject:
    """A model whose chain is checked.

    Attributes:
        model: its name.
        place: where its dvc.lock stands, in words; empty for the project's folder.
        version: the project there.
        chain: all stages there.
        stages: those that the model and its metrics come from, in walking order.
        ledger: the runs.
        run: the one that was asked for; None for the newest that fits.
    """

    model: str
    place: str
    version: Version
    chain: Chain
    stages: tuple[str, ...]
    ledger: Ledger
    run: Kept | None

    @property
    def entries(self) -> Mapping[str, graph.Entry]:
        """What dvc.lock says of each stage."""
        return self.version.locked

    def run_of(self, stage: str) -> Kept | None:
        """The run that a stage made: it read what dvc.lock has."""
        work, entry = work_of(stage), self.entries.get(stage)
        if work is None or entry is None:
            return None
        found = self.ledger.of(work, entry.inputs.key)
        ended = [run for run in found if runs.MODEL_HASH in run.tags]
        asked = [run for run in found if self.run is not None and run.id == self.run.id]
        return next(iter([*asked, *ended, *found]), None)

    def again(self, stage: str) -> str:
        """What to type so that a stage runs again."""
        command = f"`dvc repro {stage}`"
        return f"{command} in {self.place}" if self.place else command


def of_model(name: str, version: Version, ledger: Ledger) -> Subject:
    """A model of the project's folder, up to its evaluation."""
    return _subject(name, f"evaluate@{name}", "", version, ledger, None)


@contextmanager
def of_run(given: str, root: Path, here: Version, ledger: Ledger) -> Iterator[Subject]:
    """The model of a run, in the first dvc.lock that has what the run read.

    Args:
        given: the beginning of its id.
        root: the project's root.
        here: the project in its folder.
        ledger: the runs.

    Raises:
        Refusal: there is no such run, or it is in no dvc.lock at hand.
    """
    run = the_run(given, ledger)
    if run is None:
        raise Refusal(f"MLflow has no run whose id begins with '{given}'.")
    found = home_of(run, root)
    if found is None:
        raise Refusal(
            f"Run {run.short} ({run.name}) read what no dvc.lock at hand has, neither here nor in "
            "its commit nor in an experiment: check out what it was made of, and `dvc repro`."
        )
    lock, stage = found
    model = stage.partition("@")[2]
    if lock.commit is None:
        yield _subject(model, stage, "", here, ledger, run)
        return
    with versions.opened(root, lock.commit) as there:
        yield _subject(model, stage, lock.place, there, ledger, run)


def the_run(given: str, ledger: Ledger) -> Kept | None:
    """The run whose id begins so; of a member of a group the group's, which has its proofs.

    Raises:
        Refusal: several do.
    """
    found = [run for run in ledger.runs if run.id.startswith(given)] if len(given) >= LEAST else []
    if len(found) > 1:
        raise Refusal(f"{len(found)} runs have ids that begin with '{given}': give more of it.")
    if not found:
        return None
    above = found[0].tags.get(runs.PARENT)
    return next((run for run in ledger.runs if run.id == above), found[0])


def home_of(run: Kept, root: Path) -> tuple[Lock, str] | None:
    """The first dvc.lock that has what a run read, and its last stage there: in the folder, in
    the commits and experiments, and in the commit that the run was made at."""
    locks = chain.every(root)
    commit = run.tags.get(runs.GIT, "none")
    if commit not in ("none", *(lock.commit for lock in locks)):
        own = chain.at(root, commit, f"commit {commit[: chain.SHORT]}")
        locks += [own] if own else []
    for work in (EVALUATION, TRAINING):
        for lock in locks:
            for stage, entry in lock.entries.items():
                if work_of(stage) == work and entry.inputs.key == run.key(work):
                    return lock, stage
    return None


def _subject(
    model: str, last: str, place: str, version: Version, ledger: Ledger, run: Kept | None
) -> Subject:
    linked = chain_of(version.locked, version.stages)
    return Subject(model, place, version, linked, (*linked.above([last]), last), ledger, run)
