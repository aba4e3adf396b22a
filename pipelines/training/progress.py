"""Progress of a training run over all its members and processes."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import keras
import numpy as np
import tensorflow as tf

from pipelines import console
from pipelines.errors import UserError
from pipelines.training.callbacks import Callback
from pipelines.training.checkpoints import Arrays, Checkpoint, CheckpointManager
from pipelines.training.samples import Sample
from pipelines.training.workers import SharedCheckpoints


class TrainingProgress:
    """Progress of a training run over all its members and processes.

    The trainer reports to it; it keeps the history, writes checkpoints and calls the callbacks.

    Args:
        callbacks: objects to report to.
        checkpoints: the checkpoints of this training run, if it keeps any.
        seeds: the seeds of a group's members; empty for a single model or an ensemble.
        computation: kernel and threads, by which alone a checkpoint can be resumed.

    Attributes:
        models: the finished members.
        member_weights: the weights of the finished members, those of earlier processes included.
        rows: one row of the history per epoch, of all members.
        samples: output of the model after each epoch.
        losses: loss of each step in nats, of all members.
        norms: gradient norm of each step, of all members.
        checkpoint: checkpoint that the next member resumes from; None if it starts anew.
    """

    def __init__(
        self,
        callbacks: Sequence[Callback] = (),
        checkpoints: CheckpointManager | SharedCheckpoints | None = None,
        seeds: tuple[int, ...] = (),
        computation: Mapping[str, str] | None = None,
    ) -> None:
        self._callbacks, self._checkpoints, self._seeds = callbacks, checkpoints, seeds
        self._computation = dict(computation or {})
        self.models: list[keras.Model] = []
        self.member_weights: list[Arrays] = []
        self.rows: list[dict[str, float]] = []
        self.samples: list[Sample] = []
        self.losses: list[float] = []
        self.norms: list[float] = []
        self.checkpoint: Checkpoint | None = None
        self._finished_rows = 0  # rows of finished members
        self._earlier_seconds = 0.0  # spent by earlier processes
        self._start_time = time.monotonic()
        self._has_begun = False

    def resume(self) -> None:
        """Restore the latest checkpoint, if there is one."""
        self.checkpoint = None if self._checkpoints is None else self._checkpoints.latest()
        if self.checkpoint is None:
            return
        metadata, arrays = self.checkpoint
        self.member_weights = [arrays[f"member-{i}"] for i in range(metadata["members"])]
        self.rows = list(metadata["rows"])
        self.samples = [Sample(*fields) for fields in metadata["samples"]]
        self.losses, self.norms = (arrays[name][0].tolist() for name in ("losses", "norms"))
        self._check_computation(metadata["computation"])
        self._finished_rows = metadata["finished_rows"]
        self._earlier_seconds = metadata["seconds"]
        self._replay()
        console.echo(f"Resumed from the checkpoint of step {self.steps:,}.")

    def _check_computation(self, computation: Mapping[str, str]) -> None:
        """Raise UserError if the rest of the training would compute other bytes."""
        for name, value in self._computation.items():
            earlier = computation.get(name)
            if earlier != value:
                raise UserError(
                    f"The checkpoint of step {self.steps:,} was computed with another {name} "
                    f"setting ({earlier}) than this process has ({value}), so the training would "
                    f"not end with the same bytes. Use {earlier} again, or start the training anew "
                    f"with {console.RESTART}."
                )

    def _replay(self) -> None:
        """Report the steps and epochs of earlier processes again, in case a callback missed one."""
        for step, (loss, norm) in enumerate(zip(self.losses, self.norms, strict=True), 1):
            for callback in self._callbacks:
                callback.on_step_end(step, loss, norm)
        samples = {sample.epoch: sample for sample in self.samples}
        for row in self.rows:
            has_sample = not self._seeds or row["seed"] == self._seeds[0]
            sample = samples.get(int(row["epoch"])) if has_sample else None
            for callback in self._callbacks:
                callback.on_epoch_end(row, sample)

    @property
    def steps(self) -> int:
        """Number of finished steps, of all members."""
        return len(self.losses)

    @property
    def seconds(self) -> float:
        """Duration of the training over all its processes."""
        return self._earlier_seconds + time.monotonic() - self._start_time

    @property
    def checkpoint_interval(self) -> int | None:
        """Steps between two checkpoints; None if this training run keeps none."""
        return None if self._checkpoints is None else self._checkpoints.interval

    def begin_member(self, graph: tf.Graph) -> None:
        """Report that the step of a member is compiled; the graph is the same for all members."""
        if not self._has_begun:
            for callback in self._callbacks:
                callback.on_train_begin(graph)
        self._has_begun = True

    def end_step(self, loss: float, norm: float) -> None:
        """Record a step of the current member."""
        self.losses.append(loss)
        self.norms.append(norm)
        for callback in self._callbacks:
            callback.on_step_end(self.steps, loss, norm)

    def end_epoch(self, row: dict[str, float], text: str | None = None) -> None:
        """Record an epoch of the current member.

        The epochs and tokens of an ensemble are counted over all members; each member of a group
        has its own.

        Args:
            row: the member's row of the history.
            text: output of the model, if it writes text.
        """
        if self._seeds:
            row = {"seed": self._seeds[len(self.models)]} | row
        elif self._finished_rows:
            last = self.rows[self._finished_rows - 1]
            row = row | {key: row[key] + last[key] for key in ("epoch", "tokens")}
        self.rows.append(row)
        sample = None if text is None else Sample(int(row["epoch"]), text)
        if sample is not None:
            self.samples.append(sample)
        for callback in self._callbacks:
            callback.on_epoch_end(row, sample)

    def end_member(self, model: keras.Model) -> None:
        """Record a finished member."""
        self.models.append(model)
        self.member_weights.append(model.get_weights())
        self._finished_rows = len(self.rows)
        self.checkpoint = None

    def end_training(self) -> None:
        """Report the end of the training."""
        for callback in self._callbacks:
            callback.on_train_end(self.models[0])

    def save(self, member: Checkpoint) -> None:
        """Write a checkpoint.

        Args:
            member: state of the current member.
        """
        if self._checkpoints is None:
            return
        metadata = {
            "members": len(self.member_weights),
            "rows": self.rows,
            "samples": self.samples,
            "finished_rows": self._finished_rows,
            "seconds": self.seconds,
            "computation": self._computation,
        }
        arrays: dict[str, Arrays] = {
            f"member-{i}": weights for i, weights in enumerate(self.member_weights)
        }
        arrays |= {"losses": [np.array(self.losses)], "norms": [np.array(self.norms)]}
        checkpoint = Checkpoint({**member.metadata, **metadata}, {**member.arrays, **arrays})
        self._checkpoints.save(self.steps, checkpoint)
