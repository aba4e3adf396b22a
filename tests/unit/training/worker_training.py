"""Training of small models by several workers; a program of its own, started by test_workers.py.

    python -m tests.unit.training.worker_training FOLDER

It trains in two ways: by two processes, and by two devices of one. All models, or the first two of
them, are trained with checkpoints, and their weights and losses are written to the folder of each
way. The second process kills itself once, in the middle of the first model.

TensorFlow is imported once, by the process that forks all others.
"""

import ctypes
import multiprocessing
import os
import signal
import subprocess
import sys
from multiprocessing.context import ForkProcess
from pathlib import Path
from unittest import mock

import numpy as np
import tensorflow as tf

from pipelines.errors import Interrupted
from pipelines.training import supervisor, workers
from pipelines.training.checkpoints import CheckpointManager
from pipelines.training.trainer import Trainer
from tests.unit.conftest import make_frame, make_spec, make_vocabularies
from tests.unit.small_training import train_on_loss

COUNT = 2
PR_SET_PDEATHSIG = 1
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


def train(kind: str, folder: Path) -> None:
    """Train all models as one of the workers, or as both."""
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    if kind == "processes":
        group = workers.join(COUNT)
    else:
        processor = tf.config.list_physical_devices("CPU")[0]
        devices = [tf.config.LogicalDeviceConfiguration()] * COUNT
        tf.config.set_logical_device_configuration(processor, devices)
        group = workers.mirror(COUNT, "CPU")
    try:
        for model in CASES if kind == "devices" else IN_PROCESSES:
            is_killed = kind == "processes" and model == "language_model"
            _train(model, group, folder, is_killed)
    except Interrupted as interruption:
        sys.exit(interruption.code)


def _train(model: str, group, folder: Path, is_killed: bool) -> None:
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
    train = make_frame(model)
    return train, train.map(lambda text: text[::-1]) if model == "language_model" else train


def _kill_once(marker: Path) -> None:
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


class ForkedWorker(ForkProcess):
    """The process of a worker, in place of `subprocess.Popen`."""

    stdin = None

    def __init__(self, arguments: object, *, env, stdout, stderr, **_: object) -> None:
        super().__init__(target=self._work, args=(env, stdout, stderr))
        self.start()

    def _work(self, variables, stdout, stderr) -> None:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        os.setsid()
        if stdout == subprocess.DEVNULL:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        if stderr is not None:
            os.dup2(stderr.fileno(), 2)
        os.environ.update(variables)
        train("processes", Path(sys.argv[1], "processes"))

    def poll(self) -> int | None:
        return self.exitcode

    def wait(self) -> None:
        self.join()

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)


def main(folder: Path) -> None:
    """Train in both ways."""
    process = multiprocessing.get_context("fork").Process(
        target=train, args=("devices", folder / "devices")
    )
    process.start()
    process.join()
    if process.exitcode == 0:
        with mock.patch.object(subprocess, "Popen", ForkedWorker):
            supervisor.run_workers(COUNT)
    sys.exit(process.exitcode)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
