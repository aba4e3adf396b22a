"""The only place where random number generators are seeded."""

from __future__ import annotations

import keras


def seed_everything(seed: int) -> None:
    """Seed Python, NumPy, TensorFlow and Keras, so that weights and dropout follow from `seed`.

    Keras numbers its layers in the order of their creation and stores the names with the weights.
    The numbering is reset, so that the file depends on the model alone.
    """
    keras.utils.clear_session(free_memory=False)
    keras.utils.set_random_seed(seed)
