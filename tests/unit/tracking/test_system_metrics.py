"""System metrics sampled during a training."""

import time
from collections.abc import Mapping

import pytest

from pipelines.tracking import system_metrics


def test_the_machine_is_sampled_until_the_training_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL", "0.05")
    samples: list[dict[str, float]] = []
    energy_samples: list[Mapping[str, float]] = []
    with system_metrics.sampling(
        lambda values: samples.append(dict(values)), energy_samples.append
    ):
        while len(samples) < 3:
            time.sleep(0.01)
    count = len(samples)
    assert count >= 4
    assert len(energy_samples) == count + 1
    assert {"cpu_utilization_percentage", "system_memory_usage_megabytes"} <= set(samples[0])
    time.sleep(0.2)
    assert len(samples) == count


def test_a_failing_monitor_raises_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        def collect_metrics(self) -> None:
            raise OSError("no sensor")

        def clear_metrics(self) -> None:
            """Nothing."""

    monkeypatch.setattr(system_metrics, "_monitors", lambda: [Broken()])
    samples: list[dict[str, float]] = []
    energy_samples: list[Mapping[str, float]] = []
    with system_metrics.sampling(
        lambda values: samples.append(dict(values)), energy_samples.append
    ):
        pass
    assert (energy_samples, samples) == ([{}, {}], [{}])
