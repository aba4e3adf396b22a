"""Energy that the machine uses during a training run, where it can be measured.

There are two sources: the processors' counters (RAPL, read from Linux' powercap, on most machines
by root only), and the power of NVIDIA GPUs among the system metrics. Both measure the whole
machine: other programs that run on it count, too.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

POWERCAP = Path("/sys/class/powercap")
JOULES = "train_energy_joules"  # metric of a run
SOURCES_TAG = "energy"  # tag that names the measured sources
CPU, GPU = "cpu", "gpu"
POWER = re.compile(r"gpu_\d+_power_usage_watts")  # name of the metric in MLflow
# A package counter includes the cores; memory has a counter of its own. The counter of the whole
# platform, psys, would count all of them twice.
ZONES = re.compile(r"package-\d+|dram")


@dataclass
class _Counter:
    """Counter in microjoules that restarts at zero after `maximum`."""

    file: Path
    maximum: int
    value: int

    def advance(self) -> int:
        """Read the counter and return its increase since the last reading."""
        value = _read_number(self.file)
        increase = value - self.value
        self.value = value
        return increase if increase >= 0 else increase + self.maximum


class EnergyMeter:
    """Sums the energy used since the first reading.

    A source that fails once is dropped: part of the energy would be reported as all of it.

    Args:
        powercap: folder of the processors' counters.
        clock: returns seconds.
    """

    def __init__(
        self, powercap: Path = POWERCAP, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._counters = list(_find_counters(powercap))
        self._clock = clock
        self._cpu_microjoules: int | None = 0 if self._counters else None
        self._gpu_joules: float | None = 0.0
        self._previous: tuple[float, float] | None = None  # seconds, watts

    def update(self, metrics: Mapping[str, float]) -> None:
        """Add the energy since the last reading.

        Readings must be frequent enough that no counter restarts twice between two of them.

        Args:
            metrics: system metrics; those that match POWER are in watts.
        """
        if self._cpu_microjoules is not None:
            try:
                self._cpu_microjoules += sum(counter.advance() for counter in self._counters)
            except (OSError, ValueError):
                self._cpu_microjoules = None
        watts = [value for key, value in metrics.items() if POWER.fullmatch(key)]
        if self._gpu_joules is None or not watts:
            self._gpu_joules = None
            return
        seconds, power = self._clock(), sum(watts)
        if self._previous is not None:
            previous_seconds, previous_power = self._previous
            self._gpu_joules += (seconds - previous_seconds) * (power + previous_power) / 2
        self._previous = seconds, power

    @property
    def joules(self) -> dict[str, float]:
        """Energy by source; unmeasured sources are omitted, never reported as 0."""
        sources = {CPU: (self._cpu_microjoules or 0) / 1e6, GPU: self._gpu_joules or 0.0}
        return {source: value for source, value in sources.items() if value > 0}


def _find_counters(powercap: Path) -> Iterator[_Counter]:
    """Yield all counters, or none if one of them is not readable."""
    counters = []
    try:
        for zone in sorted(powercap.glob("intel-rapl:*")):
            if ZONES.fullmatch((zone / "name").read_text(encoding="utf-8").strip()):
                file = zone / "energy_uj"
                maximum = _read_number(zone / "max_energy_range_uj")
                counters.append(_Counter(file, maximum, _read_number(file)))
    except (OSError, ValueError):
        return
    yield from counters


def _read_number(file: Path) -> int:
    return int(file.read_text(encoding="utf-8"))
