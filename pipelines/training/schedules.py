"""The learning rate: warm-up, then a decay."""

from __future__ import annotations

from collections.abc import Sequence

from pipelines.config import params


class LearningRate:
    """What the rate is at each step.

    Args:
        optimizer: its entry in params.yaml.
        epochs: how many there are.
    """

    def __init__(self, optimizer: params.Optimizer, epochs: int) -> None:
        self.optimizer, self.epochs = optimizer, epochs
        self._lowered, self._waited = 1.0, 0.0

    def at(self, step: int, done: float) -> float:
        """The rate of a step.

        Args:
            step: counted from 0 over the whole training.
            done: epochs that are behind, 2.5 for the middle of the third.
        """
        optimizer = self.optimizer
        rate = optimizer.learning_rate * self._lowered
        if optimizer.schedule == "linear":
            rate *= max(0.0, 1 - done / self.epochs)
        elif optimizer.schedule == "exponential":
            assert optimizer.factor is not None  # the schema sees to it
            assert optimizer.decay_after_epoch is not None
            rate *= optimizer.factor ** max(0, int(done) + 1 - optimizer.decay_after_epoch)
        if optimizer.warmup_steps is not None:
            rate *= min(1.0, (step + 1) / optimizer.warmup_steps)
        return rate

    @property
    def state(self) -> list[float]:
        """What the epochs so far have made of it."""
        return [self._lowered, self._waited]

    @state.setter
    def state(self, state: Sequence[float]) -> None:
        """Go on from there."""
        self._lowered, self._waited = state

    def after_epoch(self, better: bool) -> None:
        """Lower the rate on a plateau: `patience` epochs in a row were not the best so far."""
        if self.optimizer.schedule != "plateau":
            return
        assert self.optimizer.factor is not None
        assert self.optimizer.patience is not None
        self._waited = 0.0 if better else self._waited + 1
        if self._waited == self.optimizer.patience:
            self._lowered *= self.optimizer.factor
            self._waited = 0.0
