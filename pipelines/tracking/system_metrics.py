"""Processor, memory, disk, network and GPU metrics, sampled while a training runs.

MLflow's own monitors read the values. Its `SystemMetricsMonitor` around them is not used: it writes
to the server directly instead of through the offline queue, stops for good at the first request
that fails, and logs nothing of a run that is shorter than its interval.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

Callback = Callable[[Mapping[str, float]], None]

INTERVAL = 10.0  # seconds; MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL overrides it


@contextmanager
def sampling(log: Callback, update_energy: Callback) -> Iterator[None]:
    """Sample the machine at the start, every few seconds, and at the end.

    Args:
        log: called with each sample but the first, from another thread, and at the end from this
            one. Utilisation is measured between two samples, so the first one has none.
        update_energy: called with each sample, the first included.
    """
    monitors = _monitors()
    update_energy(_sample(monitors))

    def take_sample() -> None:
        metrics = _sample(monitors)
        update_energy(metrics)
        log(metrics)

    stop = threading.Event()
    thread = threading.Thread(
        target=_sample_until, args=(stop, take_sample), name="seqproof-system-metrics", daemon=True
    )
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        take_sample()


def _sample_until(stop: threading.Event, take_sample: Callable[[], None]) -> None:
    from mlflow.environment_variables import MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL

    while not stop.wait(MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL.get() or INTERVAL):
        take_sample()


def _monitors() -> list[Any]:
    """Return the monitors that work on this machine; GPUs need nvidia-ml-py of the extra `gpu`."""
    from mlflow.system_metrics.metrics.cpu_monitor import CPUMonitor
    from mlflow.system_metrics.metrics.disk_monitor import DiskMonitor
    from mlflow.system_metrics.metrics.gpu_monitor import GPUMonitor
    from mlflow.system_metrics.metrics.network_monitor import NetworkMonitor

    monitors = []
    for kind in (CPUMonitor, DiskMonitor, NetworkMonitor, GPUMonitor):
        with suppress(Exception):  # of psutil or NVIDIA's library, on a machine without the device
            monitors.append(kind())
    return monitors


def _sample(monitors: list[Any]) -> dict[str, float]:
    metrics: dict[str, float] = {}
    for monitor in monitors:
        with suppress(Exception):  # a failing sensor must not stop a training run
            monitor.collect_metrics()
            metrics |= monitor.aggregate_metrics()
        monitor.clear_metrics()
    return metrics
