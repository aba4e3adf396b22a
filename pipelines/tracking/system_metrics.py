"""What the machine does while a training runs: processor, memory, disk, network, GPU and its power.

MLflow's own readers read it. Its `SystemMetricsMonitor` is not used: it writes to the server by
itself, past what keeps a lost server from costing a training anything; it asks for the run at every
reading; and of less than ten seconds it says nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

Callback = Callable[[Mapping[str, float]], None]

SECONDS = 10.0  # between two readings, unless MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL says else


@contextmanager
def running(log: Callback, spent: Callback) -> Iterator[None]:
    """Reads the machine at the start, every few seconds, and once more at the end.

    Args:
        log: is given each reading but the first, in a thread of its own, and in this one at the
            end: the share of a processor is that since the reading before.
        spent: is given the first, too.
    """
    readers = _readers()
    spent(_read(readers))

    def tell() -> None:
        values = _read(readers)
        spent(values)
        log(values)

    over = threading.Event()
    thread = threading.Thread(target=_watch, args=(tell, over), name="seqproof-meter", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        tell()


def _watch(tell: Callable[[], None], over: threading.Event) -> None:
    from mlflow.environment_variables import MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL

    while not over.wait(MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL.get() or SECONDS):
        tell()


def _readers() -> list[Any]:
    """Those that work here: the GPU's needs one, and nvidia-ml-py of the extra `gpu`."""
    from mlflow.system_metrics.metrics.cpu_monitor import CPUMonitor
    from mlflow.system_metrics.metrics.disk_monitor import DiskMonitor
    from mlflow.system_metrics.metrics.gpu_monitor import GPUMonitor
    from mlflow.system_metrics.metrics.network_monitor import NetworkMonitor

    found = []
    for kind in (CPUMonitor, DiskMonitor, NetworkMonitor, GPUMonitor):
        with suppress(Exception):  # psutil's or NVIDIA's: a machine that cannot be read so
            found.append(kind())
    return found


def _read(readers: list[Any]) -> dict[str, float]:
    values: dict[str, float] = {}
    for reader in readers:
        with suppress(Exception):  # a sensor that fails is no reason to stop anything
            reader.collect_metrics()
            values |= reader.aggregate_metrics()
        reader.clear_metrics()
    return values
