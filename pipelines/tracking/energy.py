"""The energy that a machine spends while a training runs, where it can be measured.

Two sources: the counters of the processors (RAPL, by Linux' powercap; root alone may read them on
most machines), and the power of NVIDIA's GPUs, which the meter reads. Both are of the machine:
what else runs on it counts, too.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

POWERCAP = Path("/sys/class/powercap")
JOULES = "train_energy_joules"  # the metric of a run
MEASURED = "energy"  # the tag that says of what
CPU, GPU = "cpu", "gpu"
POWER = re.compile(r"gpu_\d+_power_usage_watts")  # as MLflow's reader calls them
# A package holds its cores; its memory has a counter of its own. The one of the whole platform,
# psys, would count all of them once more.
ZONES = re.compile(r"package-\d+|dram")


@dataclass
class _Counter:
    """A counter in microjoules that begins again at zero after `wraps`."""

    file: Path
    wraps: int
    last: int

    def since(self) -> int:
        """What came since it was read before."""
        now = _number(self.file)
        gone = now - self.last if now >= self.last else now - self.last + self.wraps
        self.last = now
        return gone


class Energy:
    """Adds up what is spent from the first reading on.

    A source that fails on the way is left out: half of an energy is a wrong one.

    Args:
        powercap: the folder with the counters.
        clock: seconds.
    """

    def __init__(
        self, powercap: Path = POWERCAP, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._counters = list(_counters(powercap))
        self._clock = clock
        self._cpu: int | None = 0 if self._counters else None
        self._gpu: float | None = 0.0
        self._before: tuple[float, float] | None = None

    def add(self, values: Mapping[str, float]) -> None:
        """One more reading of the machine; not so far apart that a counter begins again twice.

        Args:
            values: what the meter read, in watts those of POWER.
        """
        if self._cpu is not None:
            try:
                self._cpu += sum(counter.since() for counter in self._counters)
            except (OSError, ValueError):
                self._cpu = None
        watts = [value for key, value in values.items() if POWER.fullmatch(key)]
        if self._gpu is None or not watts:
            self._gpu = None
            return
        now, power = self._clock(), sum(watts)
        if self._before is not None:
            then, other = self._before
            self._gpu += (now - then) * (power + other) / 2
        self._before = now, power

    @property
    def joules(self) -> dict[str, float]:
        """What was spent, by source; of what was not measured nothing, and never zero."""
        found = {CPU: (self._cpu or 0) / 1e6, GPU: self._gpu or 0.0}
        return {source: value for source, value in found.items() if value > 0}


def _counters(powercap: Path) -> Iterator[_Counter]:
    """Those that may be read; all of them or none: a part would be taken for the whole."""
    found = []
    try:
        for zone in sorted(powercap.glob("intel-rapl:*")):
            if ZONES.fullmatch((zone / "name").read_text(encoding="utf-8").strip()):
                file = zone / "energy_uj"
                wraps = _number(zone / "max_energy_range_uj")
                found.append(_Counter(file, wraps, _number(file)))
    except (OSError, ValueError):
        return
    yield from found


def _number(file: Path) -> int:
    return int(file.read_text(encoding="utf-8"))
