"""Learning rate schedules: warm-up, then decay."""

from __future__ import annotations

from collections.abc import Sequence

from pipelines.config import params


class LearningRate:
    """Learning rate of each step.

    Args:
        optimizer: the model's `optimizer` section of params.yaml.
        epochs: number of epochs.
    """

    def __init__(self, optimizer: params.Optimizer, epochs: int) -> None:
        self.optimizer, self.epochs = optimizer, epochs
        self._decay_factor, self._bad_epochs = 1.0, 0.0

    def at(self, step: int, epochs_done: float) -> float:
        """Return the learning rate of a step.

        Args:
            step: counted from 0 over all epochs.
            epochs_done: finished epochs, 2.5 in the middle of the third.
        """
        optimizer = self.optimizer
        rate = optimizer.learning_rate * self._decay_factor
        if optimizer.schedule == "linear":
            rate *= max(0.0, 1 - epochs_done / self.epochs)
        elif optimizer.schedule == "exponential":
            assert optimizer.factor is not None  # validated with params.yaml
            assert optimizer.decay_after_epoch is not None
            rate *= optimizer.factor ** max(0, int(epochs_done) + 1 - optimizer.decay_after_epoch)
        if optimizer.warmup_steps is not None:
            rate *= min(1.0, (step + 1) / optimizer.warmup_steps)
        return rate

    @property
    def state(self) -> list[float]:
        """State to be saved in a checkpoint."""
        return [self._decay_factor, self._bad_epochs]

    @state.setter
    def state(self, state: Sequence[float]) -> None:
        """Restore a saved state."""
        self._decay_factor, self._bad_epochs = state

    def end_epoch(self, is_best: bool) -> None:
        """Lower the rate on a plateau: after `patience` epochs in a row that were not the best."""
        if self.optimizer.schedule != "plateau":
            return
        assert self.optimizer.factor is not None
        assert self.optimizer.patience is not None
        self._bad_epochs = 0.0 if is_best else self._bad_epochs + 1
        if self._bad_epochs == self.optimizer.patience:
            self._decay_factor *= self.optimizer.factor
            self._bad_epochs = 0.0
