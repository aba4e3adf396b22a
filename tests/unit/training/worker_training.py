"""Training of small models by several workers; a program of its own, started by test_workers.py.

    python -m tests.unit.training.worker_training KIND FOLDER

KIND is `processes`, which starts two workers, or `devices`, which has two in this process. All
models, or the first two of them, are trained with checkpoints, and their weights and losses are
written to FOLDER. The second process kills itself once, in the middle of the first model.
"""

import os
import signal
import sys
from pathlib import Path

import numpy as np

from pipelines.errors import Interrupted
from pipelines.training import supervisor

COUNT = 2
KILLED_AT = 5  # step of the first model
OPTIMIZER = {"learning_rate": 0.01, "schedule": "constant", "clip_norm": 1.0}
DROPOUT = {"dropout": 0.3, "weight_drop": 0.2, "word_dropout": 0.2}
CASES = {
    # Carried states, losses of layers, an average of weights, rows that do not divide evenly
    "language_model": {
        **DROPOUT,
        "batch_size": 5,
        "bptt_steps": 4,
        "epochs": 4,
        "activation_regularization": 2.0,
        "temporal_activation_regularization": 1.0,
        "optimizer": OPTIMIZER
        | {"name": "sgd", "learning_rate": 4.0, "nonmonotone_interval": 1, "weight_decay": 1e-4},
    },
    # Fewer rows in the last batch than workers, two seeds
    "bag_of_words": {
        "seeds": [1, 2],
        "batch_size": 5,
        "epochs": 2,
        "class_weights": "balanced",
        "optimizer": OPTIMIZER | {"name": "adamw", "weight_decay": 0.01},
    },
    # Losses that are counted by token, random decoder inputs
    "seq2seq": {
        "bidirectional": False,
        "dropout": 0.1,
        "batch_size": None,
        "batch_tokens": 12,
        "epochs": 1,
        "scheduled_sampling": 0.5,
        "label_smoothing": 0.1,
    },
}
IN_PROCESSES = ("language_model", "bag_of_words")


def main(kind: str, folder: Path) -> None:
    """Train all models as one of the workers, or as both."""
    from tests.unit.conftest import make_config

    if kind == "processes":
        supervisor.start(make_config("bag_of_words", workers=COUNT), gpus=())
    import tensorflow as tf

    from pipelines.training import workers

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    if kind == "processes":
        group = workers.join(COUNT)
    else:
        processor = tf.config.list_physical_devices("CPU")[0]
        devices = [tf.config.LogicalDeviceConfiguration()] * COUNT
        tf.config.set_logical_device_configuration(processor, devices)
        group = workers.mirror(COUNT, "CPU")
    for model in CASES if kind == "devices" else IN_PROCESSES:
        _train(model, group, folder, is_killed=kind == "processes" and model == "language_model")


def _train(model: str, group, folder: Path, is_killed: bool) -> None:
    from pipelines.training.checkpoints import CheckpointManager
    from tests.unit.conftest import make_spec, make_vocabularies
    from tests.unit.small_training import train_on_loss

    manager = None
    if group.is_first:
        (folder / "checkpoints" / model).mkdir(parents=True, exist_ok=True)
        manager = CheckpointManager(folder / "checkpoints" / model, 2)
    if is_killed and not group.is_first:
        _kill_once(folder / "killed")
    with group.connected():
        result = train_on_loss(
            make_spec(model, **CASES[model]),
            frames(model),
            make_vocabularies(model),
            checkpoints=group.checkpoints(manager, 2),
            workers=group,
        )
    if group.is_first:
        save(result, folder / f"{model}.npz")


def frames(model: str):
    """Return the training and the validation split; a language model forgets the second."""
    from tests.unit.conftest import make_frame

    train = make_frame(model)
    return train, train.map(lambda text: text[::-1]) if model == "language_model" else train


def _kill_once(marker: Path) -> None:
    from pipelines.training.trainer import Trainer

    train_batch = Trainer._train_batch

    def counted(self, *arguments):
        if self._steps == KILLED_AT and not marker.exists():
            marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        train_batch(self, *arguments)

    Trainer._train_batch = counted


def save(result, file: Path) -> None:
    """Write all that a training computes."""
    members = getattr(result.model, "members", [result.model])
    weights = [weight for member in members for weight in member.get_weights()]
    numbers = {"losses": result.losses, "norms": result.norms, "history": result.history}
    np.savez(file, *weights, **numbers)


if __name__ == "__main__":
    try:
        main(sys.argv[1], Path(sys.argv[2]))
    except Interrupted as interruption:
        sys.exit(interruption.code)
