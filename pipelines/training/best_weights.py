"""The weights to keep: those of the best epoch, or the average of several best epochs."""

from __future__ import annotations

from typing import Any

import numpy as np

Weights = list[Any]


class BestWeights:
    """The best epochs so far.

    Args:
        size: number of epochs to keep. If more than one, their weights are averaged in the end
            (Junczys-Dowmunt et al. 2016, for translation models).

    Attributes:
        epochs: score and weights of each epoch kept, the best first.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.epochs: list[tuple[float, Weights]] = []

    def add(self, score: float, weights: Weights) -> bool:
        """Add an epoch; return True if it is the best so far.

        Args:
            score: validation score; higher is better.
            weights: the model's weights after the epoch.
        """
        is_best = not self.epochs or score > self.score
        self.epochs.append((score, weights))
        # The sort is stable: of equal epochs the earlier comes first.
        self.epochs.sort(key=lambda epoch: -epoch[0])
        del self.epochs[self.size :]
        return is_best

    @property
    def score(self) -> float:
        """Score of the best epoch."""
        return self.epochs[0][0]

    @property
    def best_weights(self) -> Weights:
        """Weights of the best epoch."""
        return self.epochs[0][1]

    def averaged_weights(self) -> Weights:
        """Return the mean of the weights kept, summed in float64."""
        weight_sets = [weights for _, weights in self.epochs]
        return [
            np.mean(arrays, axis=0, dtype=np.float64).astype(arrays[0].dtype)
            for arrays in zip(*weight_sets, strict=True)
        ]
