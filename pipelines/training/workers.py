"""Several workers that train one model.

Each worker computes the loss of its own rows of a batch. The gradients of all are summed in one
collective operation, always in the same order, so that all workers make the same step, and two
trainings have the same bytes. The first worker alone validates by scores, reports and saves.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from tensorflow.python.eager import context  # no public function sets what it sets

from pipelines.config import params
from pipelines.errors import Interrupted
from pipelines.training import supervisor
from pipelines.training.checkpoints import Checkpoint, CheckpointManager
from pipelines.training.datasets import TrainingData
from pipelines.training.signals import AgreedSignals, Signals
from pipelines.training.supervisor import CLUSTER, LOST

HEARTBEAT_SECONDS = 120  # without a sign of a worker, it counts as lost
CONNECTION_ERRORS = (  # of a collective operation
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.FailedPreconditionError,
    tf.errors.InternalError,
    tf.errors.UnknownError,
)
INDEX = "index"  # of the arrays of a checkpoint that is sent to other processes
Array = npt.NDArray[Any]


class Workers:
    """The workers of a training, seen from one of them.

    Args:
        strategy: distributes the model: a process for each worker, or a GPU of this process.
        index: number of this process.
        count: number of processes.

    Attributes:
        replicas: number of workers.
        signals: the signals that any process has received.
    """

    def __init__(self, strategy: tf.distribute.Strategy, index: int, count: int) -> None:
        self.strategy, self.index, self.count = strategy, index, count
        self.replicas = strategy.num_replicas_in_sync
        self.signals = AgreedSignals(Signals())
        self._sum_arrays = tf.function(self._sum_tensors, autograph=False)

    @property
    def is_first(self) -> bool:
        """True in the process that reports and saves."""
        return self.index == 0

    @contextmanager
    def connected(self) -> Iterator[None]:
        """Let the loss of another process end this one, with an exit code of its own.

        Raises:
            Interrupted: another process was lost.
        """
        try:
            yield
        except CONNECTION_ERRORS as error:
            if self.count == 1:
                raise
            raise Interrupted("the loss of another worker", LOST, "between two steps") from error

    def checkpoints(self, manager: CheckpointManager | None, interval: int) -> SharedCheckpoints:
        """Return the checkpoints of the first process for all."""
        return SharedCheckpoints(self, manager, interval)

    def scope(self) -> AbstractContextManager[Any]:
        """Return the context in which a model and its optimizer are created and trained.

        Processes have plain variables, as a process alone has: only sums pass between them.
        """
        return self.strategy.scope() if self.count == 1 else nullcontext()

    def agree_on(self, signals: Signals) -> AgreedSignals:
        """Return the signals of all processes, given those of this one."""
        self.signals = AgreedSignals(signals)
        return self.signals

    def local(self, states: Any) -> Any:
        """Return the carried states of the rows of this process, from those of all rows."""
        return tf.nest.map_structure(
            lambda state: state[_rows_of(state.shape[0], self.index, self.count)], states
        )

    def local_data(self, data: TrainingData) -> TrainingData:
        """Return the same data with the carried states of the rows of this process."""
        states = self.local((data.initial_state, data.valid_state))
        return replace(data, initial_state=states[0], valid_state=states[1])

    def gather(self, states: Sequence[tf.Tensor], all_states: Any) -> Sequence[tf.Tensor]:
        """Return the carried states of all rows, from those of the rows of each process.

        Args:
            states: states of the rows of this process.
            all_states: states of all rows at any other time.
        """
        if not states:
            return []
        arrays = [np.zeros(state.shape, np.float32) for state in all_states]
        for array, state in zip(arrays, states, strict=True):
            array[_rows_of(len(array), self.index, self.count)] = state
        return self._sum(arrays)

    def share(self, value: float) -> float:
        """Return the value of the first process."""
        own = np.array([value if self.is_first else 0.0], np.float64)
        return float(self._sum([own])[0][0])

    def share_bytes(self, content: bytes) -> bytes:
        """Return the bytes of the first process."""
        data = np.frombuffer(content if self.is_first else b"", np.uint8)
        size = int(self.share(len(data)))
        words = np.zeros(size // 4 + 1, np.int32)  # a sum of empty arrays ends the process
        words.view(np.uint8)[: len(data)] = data
        return bytes(self._sum([words])[0].numpy().tobytes()[:size])

    def _sum(self, arrays: list[Array]) -> list[tf.Tensor]:
        tensors = [tf.constant(array) for array in arrays]
        return tensors if self.count == 1 else self._sum_arrays(tensors)

    def _sum_tensors(self, tensors: list[tf.Tensor]) -> list[tf.Tensor]:
        return self.strategy.run(sum_over_replicas, (tensors,))

    def run(
        self, function: Callable[..., Any], batch: Any, states: Any, *arguments: Any
    ) -> tuple[Any, Any]:
        """Run a function on each replica of this process, within a traced step.

        Args:
            function: (number of the replica, batch, states of its rows, arguments) -> sums over all
                replicas, next states.
            batch: the whole batch.
            states: carried states of the rows of this process.
            arguments: further arguments of the function.

        Returns:
            The sums, for `run_on_sums`, and the next states of the rows of this process.
        """

        def replica(batch: Any, states: Any, *arguments: Any) -> Any:
            part = self.index
            if self.count == 1:
                part = tf.get_static_value(
                    tf.distribute.get_replica_context().replica_id_in_sync_group
                ).item()
                states = tf.nest.map_structure(
                    lambda state: state[_rows_of(state.shape[0], part, self.replicas)], states
                )
            return function(part, batch, states, *arguments)

        sums, states = self.strategy.run(replica, (batch, states, *arguments))
        local = self.strategy.experimental_local_results
        return sums, tf.nest.map_structure(lambda state: tf.concat(local(state), axis=0), states)

    def run_on_sums(self, function: Callable[[Any], Any], sums: Any) -> Any:
        """Run a function on the sums of `run`, the same on all replicas, within a traced step."""
        if self.count > 1:
            return function(sums)
        results = self.strategy.run(function, (sums,))
        local = self.strategy.experimental_local_results
        return tf.nest.map_structure(lambda value: local(value)[0], results)


def _rows_of(rows: int, part: int, parts: int) -> slice:
    """Return the rows of one part of a batch."""
    return slice(rows * part // parts, rows * (part + 1) // parts)


class SharedCheckpoints:
    """The checkpoints of a training, which the first of its processes reads and writes.

    Args:
        workers: the workers.
        manager: the checkpoints; None in the other processes.
        interval: steps between two checkpoints.
    """

    def __init__(self, workers: Workers, manager: CheckpointManager | None, interval: int) -> None:
        self._workers, self._manager, self.interval = workers, manager, interval

    @property
    def folder(self) -> Path | None:
        """The folder of the checkpoints, in the process that has one."""
        return None if self._manager is None else self._manager.folder

    def latest(self) -> Checkpoint | None:
        """Return the latest intact checkpoint, or None, in all processes."""
        own = None if self._manager is None else self._manager.latest()
        content = self._workers.share_bytes(b"" if own is None else _to_bytes(own))
        return _from_bytes(content) if content else None

    def save(self, step: int, checkpoint: Checkpoint) -> None:
        """Write a checkpoint, in the first process."""
        if self._manager is not None:
            self._manager.save(step, checkpoint)


def _to_bytes(checkpoint: Checkpoint) -> bytes:
    """Return a checkpoint as a file of NumPy's, with its metadata as JSON."""
    sizes = {name: len(arrays) for name, arrays in checkpoint.arrays.items()}
    text = json.dumps({"metadata": checkpoint.metadata, "sizes": sizes}).encode()
    contents: dict[str, Any] = {INDEX: np.frombuffer(text, np.uint8)}
    for name, arrays in checkpoint.arrays.items():
        contents |= {f"{name}/{number}": array for number, array in enumerate(arrays)}
    file = io.BytesIO()
    np.savez(file, **contents)
    return file.getvalue()


def _from_bytes(content: bytes) -> Checkpoint:
    """Return the checkpoint of `_to_bytes`."""
    with np.load(io.BytesIO(content), allow_pickle=False) as file:
        index = json.loads(file[INDEX].tobytes())
        arrays = {
            name: [file[f"{name}/{number}"] for number in range(size)]
            for name, size in index["sizes"].items()
        }
    return Checkpoint(index["metadata"], arrays)


def sum_over_replicas(tensors: list[tf.Tensor]) -> list[tf.Tensor]:
    """Return the sum of each tensor over all replicas, within a replica's function."""
    replica = tf.distribute.get_replica_context()
    placed = [tf.identity(tensor) for tensor in tensors]  # on the device of the replica
    return replica.all_reduce(tf.distribute.ReduceOp.SUM, placed)


def connect(config: params.TrainableConfig) -> Workers | None:
    """Connect this process with the other workers of a training, if it has any.

    It must run before the first operation of TensorFlow.

    Args:
        config: the model.

    Raises:
        UserError: `TF_CONFIG` does not name as many workers as the model has.
    """
    if config.workers is None:
        return None
    if CLUSTER in os.environ:
        return join(config.workers)
    return mirror(config.workers, "GPU")


def join(count: int) -> Workers:
    """Join the workers of a training as the one that `TF_CONFIG` names.

    Args:
        count: number of workers.

    Raises:
        UserError: TF_CONFIG is invalid, or does not name so many workers.
    """
    addresses, index = supervisor.parse_cluster(count)
    _configure_heartbeats(addresses)
    with supervisor.ended_by_ctrl_c():
        strategy = tf.distribute.MultiWorkerMirroredStrategy()
    return Workers(strategy, index, count)


def _configure_heartbeats(addresses: Sequence[str]) -> None:
    """Let workers wait for one that stands still for a while; 10 s are TensorFlow's default."""
    context.context().configure_coordination_service(
        "standalone",
        service_leader="/job:worker/replica:0/task:0",
        heartbeat_timeout_in_ms=1000 * HEARTBEAT_SECONDS,
        coordinated_jobs=[
            context.coordination_config_pb2.CoordinatedJob(name="worker", num_tasks=len(addresses))
        ],
    )


def mirror(count: int, kind: str) -> Workers:
    """Return workers that are devices of this process.

    Args:
        count: number of workers.
        kind: `GPU`; tests use `CPU`.
    """
    devices = [device.name for device in tf.config.list_logical_devices(kind)[:count]]
    return Workers(tf.distribute.MirroredStrategy(devices), 0, 1)
