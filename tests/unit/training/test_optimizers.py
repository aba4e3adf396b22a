"""The fused update of Adam is that of Keras."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest

from pipelines.training import optimizers

KERAS = {"adam": keras.optimizers.Adam, "adamw": keras.optimizers.AdamW}


def run_steps(optimizer, gradients):
    """Return the weights after a step on each gradient."""
    weights = keras.Variable([1.0, -2.0, 3.0])
    optimizer.build([weights])
    for gradient in gradients:
        optimizer.apply_gradients([(keras.ops.convert_to_tensor(gradient), weights)])
    return weights.numpy()


@pytest.mark.parametrize("name", KERAS)
def test_steps_are_those_of_keras(name):
    decay = 0.3 if name == "adamw" else None
    fields = {"name": name, "learning_rate": 0.1, "clip_norm": 5.0, "weight_decay": decay}
    entry = SimpleNamespace(optimizer=SimpleNamespace(**fields), gradient_accumulation_steps=None)
    gradients = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)
    expected = run_steps(KERAS[name](0.1, weight_decay=decay), gradients)
    steps = run_steps(optimizers.make_optimizer(entry), gradients)
    np.testing.assert_allclose(steps, expected, rtol=1e-5)
