"""Optimizers of Keras whose update passes over the memory of a weight once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from pipelines.config import params


class FusedUpdate:
    """Update of Adam by one operation of TensorFlow; that of Keras makes a dozen passes."""

    # Attributes of `keras.optimizers.Adam`
    iterations: Any
    beta_1: float
    beta_2: float
    epsilon: float
    _momentums: list[Any]
    _velocities: list[Any]
    _get_variable_index: Callable[[Any], int]

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Update a weight and its moments, by the formula of `keras.optimizers.Adam`."""
        step = tf.cast(self.iterations + 1, tf.float32)
        index = self._get_variable_index(variable)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[index].value.handle,
            v=self._velocities[index].value.handle,
            beta1_power=self.beta_1**step,
            beta2_power=self.beta_2**step,
            lr=tf.cast(learning_rate, tf.float32),
            beta1=self.beta_1,
            beta2=self.beta_2,
            epsilon=self.epsilon,
            grad=gradient,
        )


class FusedAdam(FusedUpdate, keras.optimizers.Adam):
    """Adam (Kingma and Ba, 2015)."""


class FusedAdamW(FusedUpdate, keras.optimizers.AdamW):
    """AdamW (Loshchilov and Hutter, 2019)."""


OPTIMIZERS = {"adam": FusedAdam, "adamw": FusedAdamW, "sgd": keras.optimizers.SGD}


def make_optimizer(config: params.TrainableModel) -> keras.optimizers.Optimizer:
    """Create the optimizer; its learning rate is assigned before every step.

    With accumulation the mean gradient of the batches is clipped, so that a step equals one on a
    single batch of all of them, if they have equally many losses. Weights decay in such steps only.
    Without accumulation the training step clips the gradient.
    """
    optimizer, accumulation = config.optimizer, config.gradient_accumulation_steps or 1
    return OPTIMIZERS[optimizer.name](
        learning_rate=optimizer.learning_rate,
        global_clipnorm=optimizer.clip_norm if accumulation > 1 else None,
        weight_decay=optimizer.weight_decay,
        gradient_accumulation_steps=accumulation if accumulation > 1 else None,
    )


def clip(gradients: list[tf.Tensor], norm: tf.Tensor, limit: float) -> list[tf.Tensor]:
    """Scale gradients with this global norm down to the limit (Pascanu et al. 2013)."""
    factor = limit / tf.maximum(norm, limit)
    return [gradient * factor for gradient in gradients]


def global_norm(gradients: list[tf.Tensor]) -> tf.Tensor:
    """Return the global norm of gradients."""
    return tf.sqrt(2 * tf.add_n([tf.nn.l2_loss(gradient) for gradient in gradients]))
