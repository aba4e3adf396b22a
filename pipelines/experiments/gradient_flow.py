"""Gradient flow: the norm of d loss(t) / d state(k) by the lag t - k.

The norm is bounded by a power of the recurrent matrix times the slopes of the activation, so it
vanishes or explodes with the lag (Bengio et al. 1994; Pascanu et al. 2013, section 2). Gates
(Hochreiter and Schmidhuber, 1997) and ReLU with an identity matrix (Le et al. 2015) preserve it.
Shapes: B batch, T steps, D inputs, U units, A answers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd
import tensorflow as tf

from pipelines.config import params
from pipelines.experiments import network as networks
from pipelines.experiments import tables
from pipelines.experiments.network import Network
from pipelines.experiments.synthetic_tasks import Examples, ToyTask
from pipelines.layers.matmul import matmul


def norms_by_lag(network: Network, task: ToyTask, examples: Examples) -> npt.NDArray[np.float64]:
    """Compute the gradient of the last step's loss with respect to the state of each step.

    The state includes the cell state of an LSTM. Each step's state is watched separately, so that
    the gradient of the hidden state does not pass through the cell state of the same step.

    Args:
        network: the network, at any point of its training.
        task: the task, which computes the loss.
        examples: inputs (B, T, D) and targets (B, A).

    Returns:
        Mean norm over the examples (T,), by the number of steps before the last one.
    """
    inputs, targets = map(tf.convert_to_tensor, examples)
    layer = network.recurrent
    step = layer.step_fn(training=False)
    projected = matmul(inputs, tf.convert_to_tensor(layer.recurrence.cell.kernel), None)
    state, states = layer.zero_state(inputs.shape[0]), []
    with tf.GradientTape() as tape:
        for t in range(inputs.shape[1]):
            _, state = step(projected[:, t], state)
            state = [tf.identity(part) for part in state]
            tape.watch(state)
            states.append(state)
        outputs = network.output_layer(state[0])[:, None]
        loss = tf.reduce_sum(task.losses(outputs, targets[:, -1:]))
    # The loss does not depend on the cell state of the last step.
    zero = tf.UnconnectedGradients.ZERO
    gradients = tape.gradient(loss, states, unconnected_gradients=zero)
    squares = [sum(tf.reduce_sum(part**2, axis=1) for part in parts) for parts in gradients]
    return np.array([float(tf.reduce_mean(tf.sqrt(square))) for square in squares[::-1]])


def gradient_norms(
    cells: Mapping[str, params.CellConfig],
    entry: params.GradientFlow,
    task: ToyTask,
    seed: int,
    advance: Callable[[float, str], None],
) -> pd.DataFrame:
    """Compute the gradient norms of all cells before and after training.

    Args:
        cells: cells by name.
        entry: the experiment's entry in params.yaml.
        task: the task to train on.
        seed: seed of weights and examples.
        advance: called after each training step with 1 and a remark.

    Returns:
        A row for each cell, each of `start`, `clipped` and `unclipped`, and each lag; loss and norm
        are NaN if the training diverged.
    """
    examples = networks.draw_examples(task, entry.lag, entry.batch_size, seed, 0)
    parts = []
    for name, cell in cells.items():
        network = networks.make_network(cell, entry.units, task, seed)
        parts.append(_curve(name, "start", network, task, examples))
        for training, clip_norm in (("clipped", entry.clip_norm), ("unclipped", None)):
            network = networks.make_network(cell, entry.units, task, seed)
            for loss in networks.train(network, task, entry.lag, entry, seed, clip_norm):
                advance(1, f"{name}, {training}, loss {loss:.3f}")
            parts.append(_curve(name, training, network, task, examples))
    return pd.concat(parts, ignore_index=True)


def _curve(
    name: str, training: str, network: Network, task: ToyTask, examples: Examples
) -> pd.DataFrame:
    """Return the rows of a network."""
    inputs, targets = examples
    outputs = network(inputs, answers=targets.shape[1])
    loss = float(tf.reduce_mean(task.losses(outputs, targets)))
    norms = norms_by_lag(network, task, examples)
    norms = np.where(np.isfinite(norms), norms, np.nan)
    columns = {"cell": name, "when": training, "loss": loss, "lag": range(len(norms))}
    return pd.DataFrame(columns | {"norm": norms}, columns=list(tables.GRADIENT_FLOW))
