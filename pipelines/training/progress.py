"""What is behind of a training, whichever process did it: members that are done, rows, seconds."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from pipelines import console
from pipelines.training import trainer
from pipelines.training.checkpoints import Arrays, Checkpoints, Snapshot
from pipelines.training.history import Sample
from pipelines.training.tensorboard import TensorBoardWriter

Sampler = Callable[[], str]


@dataclass(frozen=True)
class Callbacks:
    """Who is told of a training.

    Attributes:
        on_epoch: called with each row of the history; with those of before once more where a
            training goes on.
        checkpoints: those of this training, if it keeps any.
        sampled: a model in training -> what it says now, to be looked at; None if it says nothing.
        board: what TensorBoard is to show of it, if anything; told anew of what is behind, too.
    """

    on_epoch: Callable[[dict[str, float]], None]
    checkpoints: Checkpoints | None = None
    sampled: Callable[[keras.Model], Sampler | None] = lambda model: None
    board: TensorBoardWriter | None = None


NO_CALLBACKS = Callbacks(lambda row: None)


class TrainingProgress:
    """What is behind of a training that may have several members and several processes.

    Attributes:
        models: the members that are done.
        members: their weights.
        rows: the history so far, of all members.
        samples: what they said after each epoch.
        losses: of each step of the members that are done.
        norms: of each step's gradient, of the same members.
    """

    def __init__(
        self, watch: Callbacks, start: Snapshot | None, group: tuple[int, ...] = ()
    ) -> None:
        self._watch, self._start, self._group = watch, start, group
        said = {} if start is None else start.said
        groups = {} if start is None else start.groups
        self.models: list[keras.Model] = []
        self.members = [list(groups[f"member-{n}"]) for n in range(said.get("members", 0))]
        done = [part.tolist() for part in groups["past"]] if start else [[], []]
        self.losses: list[float] = done[0]
        self.norms: list[float] = done[1]
        self.rows: list[dict[str, float]] = list(said.get("rows", []))
        self.samples = [Sample(*one) for one in said.get("samples", [])]
        self._rows_before = said.get("rows_before", 0)
        self._seconds = said.get("seconds", 0.0)
        self._since = time.monotonic()

    @classmethod
    def of(cls, watch: Callbacks, group: tuple[int, ...] = ()) -> TrainingProgress:
        """What the newest checkpoint says; its rows are told once more, for a lost one's sake.

        Args:
            watch: who is told, and who keeps the checkpoints.
            group: the seeds, if that is what the members differ in.
        """
        start = None if watch.checkpoints is None else watch.checkpoints.newest()
        past = cls(watch, start, group)
        for row in past.rows:
            watch.on_epoch(row)
        if start is not None:
            past._show_again(start)
            console.echo(f"Goes on after step {past._step(start):,}, from its checkpoint.")
        return past

    def _show_again(self, start: Snapshot) -> None:
        """All that is behind, to a board that is made anew."""
        board = self._watch.board
        if board is None:
            return
        of_this = (start.groups[name][0].tolist() for name in ("losses", "norms"))
        done = (self.losses, self.norms)
        losses, norms = (one + other for one, other in zip(done, of_this, strict=True))
        for number, (loss, norm) in enumerate(zip(losses, norms, strict=True), 1):
            board.step(number, loss, norm)
        said = {sample.epoch: sample for sample in self.samples}
        for row in self.rows:
            spoke = not self._group or row["seed"] == self._group[0]
            board.epoch(row, said.get(int(row["epoch"])) if spoke else None)

    @property
    def seconds(self) -> float:
        """What the training took, over all processes that it ran in."""
        return self._seconds + time.monotonic() - self._since

    def row(self, row: dict[str, float], sampler: Sampler | None) -> None:
        """An epoch is done; epochs and tokens go on counting from one member of an ensemble to the
        next, and each of a group has its own."""
        if self._group:
            self.rows.append({"seed": self._group[len(self.models)]} | row)
        else:
            last = self.rows[self._rows_before - 1] if self._rows_before else {}
            counted = {key: row[key] + last.get(key, 0) for key in ("epoch", "tokens")}
            self.rows.append(row | counted)
        sample = None if sampler is None else Sample(int(self.rows[-1]["epoch"]), sampler())
        self.samples += [] if sample is None else [sample]
        self._watch.on_epoch(self.rows[-1])
        if self._watch.board is not None:
            self._watch.board.epoch(self.rows[-1], sample)

    def step(self, number: int, loss: float, norm: float) -> None:
        """A step of a member is done; steps go on counting, too."""
        if self._watch.board is not None:
            self._watch.board.step(len(self.losses) + number, loss, norm)

    def begin_member(self, graph: tf.Graph) -> None:
        """The step of a member is compiled; those of all members are the same."""
        if self._watch.board is not None and not self.models:
            self._watch.board.graph(graph)

    def end_member(self, model: keras.Model, losses: list[float], norms: list[float]) -> None:
        """A member is done."""
        self.models.append(model)
        self.members.append(model.get_weights())
        self.losses += losses
        self.norms += norms
        self._rows_before = len(self.rows)
        self._start = None

    def saves(self) -> trainer.CheckpointConfig | None:
        """Where the next member puts its snapshots: with what is behind, into a checkpoint."""
        checkpoints = self._watch.checkpoints
        if checkpoints is None:
            return None

        def write(part: Snapshot) -> None:
            checkpoints.write(self._step(part), self._with(part))

        return trainer.CheckpointConfig(checkpoints.every, write, self._start)

    def _step(self, part: Snapshot) -> int:
        return len(self.losses) + int(part.said["steps"])

    def _with(self, part: Snapshot) -> Snapshot:
        said = {
            "members": len(self.members),
            "rows": self.rows,
            "samples": self.samples,
            "rows_before": self._rows_before,
            "seconds": self.seconds,
        }
        groups: dict[str, Arrays] = {
            f"member-{number}": weights for number, weights in enumerate(self.members)
        }
        groups["past"] = [np.array(self.losses), np.array(self.norms)]
        return Snapshot({**part.said, **said}, {**part.groups, **groups})
