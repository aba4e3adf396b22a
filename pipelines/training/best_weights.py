"""The weights worth keeping: those of the best epoch, or the mean of several best."""

from __future__ import annotations

from typing import Any

import numpy as np

Weights = list[Any]


class BestWeights:
    """The best epochs so far.

    Args:
        many: how many to keep; more than one are averaged in the end (Junczys-Dowmunt et al. 2016,
            for translation models).

    Attributes:
        kept: merit and weights of each epoch kept, the best first.
    """

    def __init__(self, many: int) -> None:
        self.many = many
        self.kept: list[tuple[float, Weights]] = []

    def add(self, merit: float, weights: Weights) -> bool:
        """Tell of an epoch's merit, higher is better; whether it is the best so far."""
        better = not self.kept or merit > self.kept[0][0]
        self.kept.append((merit, weights))
        # The sort is stable: of equals the earlier stays.
        self.kept.sort(key=lambda one: -one[0])
        del self.kept[self.many :]
        return better

    @property
    def merit(self) -> float:
        """That of the best epoch."""
        return self.kept[0][0]

    def one(self) -> Weights:
        """The weights of the best epoch."""
        return self.kept[0][1]

    def mean(self) -> Weights:
        """The mean of the weights kept, in float64 on the way."""
        sets = [weights for _, weights in self.kept]
        return [
            np.mean(parts, axis=0, dtype=np.float64).astype(parts[0].dtype)
            for parts in zip(*sets, strict=True)
        ]
