"""The only place where generators of random numbers are seeded."""

from __future__ import annotations

import keras


def seed_everything(seed: int) -> None:
    """Seed Python, NumPy, TensorFlow and Keras: weights and dropout then follow from `seed`.

    Keras numbers its layers as they are made and writes the names beside the weights: counting from
    one again makes the file depend on the model alone.
    """
    keras.utils.clear_session(free_memory=False)
    keras.utils.set_random_seed(seed)
