"""How much of the gradient comes back: the norm of d loss(t) / d state(k) against t - k.

Bengio et al. (1994), Pascanu et al. (2013, section 2): it is bounded by a power of the recurrent
matrix times the slopes of the activation, so it vanishes or explodes with t - k; gates (Hochreiter
and Schmidhuber, 1997) and an identity under ReLU (Le et al. 2015) keep it. Shapes: B batch, T
steps, D inputs, U units.
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


def norms(network: Network, task: ToyTask, examples: Examples) -> npt.NDArray[np.float64]:
    """The norm (T,) of the gradient of the last step's loss by the state k steps earlier.

    The state is all that a step hands to the next, of an LSTM hidden and memory. It is seen at
    every step as a variable of its own, so that the gradient of the one does not go through the
    other of the same step. A mean over the examples.

    Args:
        network: as it stands.
        task: whose loss it is.
        examples: inputs (B, T, D) and targets (B, A).
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
        outputs = network.answer(state[0])[:, None]
        loss = tf.reduce_sum(task.losses(outputs, targets[:, -1:]))
    unread = tf.UnconnectedGradients.ZERO  # the last step's memory is not read any more
    gradients = tape.gradient(loss, states, unconnected_gradients=unread)
    squares = [sum(tf.reduce_sum(part**2, axis=1) for part in parts) for parts in gradients]
    return np.array([float(tf.reduce_mean(tf.sqrt(square))) for square in squares[::-1]])


def gradient_norms(
    cells: Mapping[str, params.CellConfig],
    entry: params.GradientFlow,
    task: ToyTask,
    seed: int,
    advance: Callable[[float, str], None],
) -> pd.DataFrame:
    """The norms of all cells: at the start, and trained with and without clipping.

    Args:
        cells: by their names.
        entry: the experiment in params.yaml.
        task: what they are trained on.
        seed: of weights and examples.
        advance: told of every step of a training.

    Returns:
        A row for each cell, time and lag; loss and norm are not numbers where a training diverged.
    """
    seen = networks.examples(task, entry.lag, entry.batch_size, seed, 0)
    parts = []
    for name, cell in cells.items():
        network = networks.begin(cell, entry.units, task, seed)
        parts.append(_curve(name, "start", network, task, seen))
        for when, clip_norm in (("clipped", entry.clip_norm), ("unclipped", None)):
            network = networks.begin(cell, entry.units, task, seed)
            for loss in networks.train(network, task, entry.lag, entry, seed, clip_norm):
                advance(1, f"{name}, {when}, loss {loss:.3f}")
            parts.append(_curve(name, when, network, task, seen))
    return pd.concat(parts, ignore_index=True)


def _curve(name: str, when: str, network: Network, task: ToyTask, seen: Examples) -> pd.DataFrame:
    outputs = network(seen[0], answers=seen[1].shape[1])
    loss = float(tf.reduce_mean(task.losses(outputs, seen[1])))
    found = norms(network, task, seen)
    found = np.where(np.isfinite(found), found, np.nan)
    columns = {"cell": name, "when": when, "loss": loss, "lag": range(len(found)), "norm": found}
    return pd.DataFrame(columns, columns=list(tables.GRADIENTS))
