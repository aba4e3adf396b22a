"""Callbacks: objects that a training reports to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pipelines.training.samples import Sample

if TYPE_CHECKING:
    import keras
    import tensorflow as tf


class Callback:
    """Base class of callbacks. Each method does nothing unless a subclass overrides it.

    A training may have several members (an ensemble or a group of seeds) and, after an
    interruption, several processes. Steps are counted over all members. A resumed training first
    reports all earlier steps and epochs again, in case a callback missed one.
    """

    def on_train_begin(self, graph: tf.Graph) -> None:
        """Run once per process, before its first step.

        Args:
            graph: the graph of the compiled training step.
        """

    def on_step_end(self, step: int, loss: float, gradient_norm: float) -> None:
        """Run after each step.

        Args:
            step: number of the step, counted from 1.
            loss: loss in nats.
            gradient_norm: global norm of the gradient before clipping.
        """

    def on_epoch_end(self, row: Mapping[str, float], sample: Sample | None = None) -> None:
        """Run after each epoch, when it has been validated.

        Args:
            row: the epoch's row of the history.
            sample: output of the model after this epoch, if it writes text.
        """

    def on_train_end(self, model: keras.Model) -> None:
        """Run after the last epoch.

        Args:
            model: the first member with its best weights.
        """
