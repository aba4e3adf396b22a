"""Weights of a mixture, fitted on the batches that validate its network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from pipelines.models import mixture
from pipelines.training.datasets import Batch, TrainingData
from pipelines.training.losses import cross_entropy
from pipelines.training.steps import state_specs, to_tensors

Nats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class MixtureFit:
    """Weights of a mixture and its loss on the validation split.

    Attributes:
        weights: by component.
        loss: mean loss of a token in nats.
    """

    weights: Mapping[str, float]
    loss: float


def fit(log_probabilities: Mapping[str, Nats]) -> MixtureFit:
    """Fit the weights of a mixture.

    Args:
        log_probabilities: by component, (N,) of each validation token, in nats.
    """
    weights = mixture.fit_weights(log_probabilities)
    return MixtureFit(weights, -float(mixture.mix(log_probabilities, weights).mean()))


def make_fit(
    network: Any, data: TrainingData, others: Mapping[str, Nats]
) -> Callable[[], MixtureFit]:
    """Return a function that fits the weights with the current weights of a network.

    Args:
        network: recurrent language model, or an Ensemble of them.
        data: its validation batches of N tokens in all.
        others: log probabilities (N,) of the other components, in the order of the batches.
    """

    @tf.function(autograph=False)
    def step(batch: Batch, states: Any) -> tuple[tf.Tensor, Any]:
        inputs, targets = batch
        logits, states = network(inputs, states=states)
        return cross_entropy(targets, logits), states

    compiled = step.get_concrete_function(data.valid_signature, state_specs(data.valid_state))

    def compute() -> MixtureFit:
        states, parts = data.valid_state, []
        for batch in data.valid.read():
            nats, states = compiled(to_tensors(batch), states)
            parts.append(nats.numpy().astype(np.float64).ravel())
        return fit({"network": -np.concatenate(parts), **others})

    return compute
