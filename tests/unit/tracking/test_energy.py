"""Energy from processor counters and GPU power; unmeasured sources are omitted."""

from pathlib import Path

import pytest

from pipelines.tracking import energy, stage_runs, system_metrics
from pipelines.training.checkpoints import CheckpointManager
from tests.unit.tracking.work import Work

MAXIMUM = 1_000_000_000  # microjoules


def zone(powercap: Path, place: str, name: str, count: int) -> None:
    """Write a counter as Linux exposes it."""
    folder = powercap / f"intel-rapl:{place}"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "name").write_text(f"{name}\n", encoding="utf-8")
    (folder / "energy_uj").write_text(f"{count}\n", encoding="utf-8")
    (folder / "max_energy_range_uj").write_text(f"{MAXIMUM}\n", encoding="utf-8")


@pytest.fixture
def powercap(tmp_path: Path) -> Path:
    """Counters of two packages, the cores of one, its memory, and the platform."""
    for place, name in (("0", "package-0"), ("0:0", "core"), ("0:1", "dram"), ("1", "package-1")):
        zone(tmp_path / "powercap", place, name, 0)
    zone(tmp_path / "powercap", "2", "psys", 0)
    return tmp_path / "powercap"


def test_packages_and_memory_are_summed_without_cores_and_platform(powercap: Path) -> None:
    meter = energy.EnergyMeter(powercap)
    meter.update({})
    for place, name, joules in (
        ("0", "package-0", 5),
        ("0:0", "core", 4),
        ("0:1", "dram", 2),
        ("1", "package-1", 3),
        ("2", "psys", 99),
    ):
        zone(powercap, place, name, joules * 1_000_000)
    meter.update({})
    assert meter.joules == {"cpu": 10.0}


def test_a_counter_may_restart_at_zero(powercap: Path) -> None:
    zone(powercap, "0", "package-0", MAXIMUM - 2_000_000)
    meter = energy.EnergyMeter(powercap)
    zone(powercap, "0", "package-0", 1_500_000)
    meter.update({})
    zone(powercap, "0", "package-0", 2_000_000)
    meter.update({})
    assert meter.joules == {"cpu": 4.0}


def test_power_is_integrated_over_time_and_gpus(tmp_path: Path) -> None:
    times = iter([0.0, 10.0, 12.0])
    meter = energy.EnergyMeter(tmp_path, clock=lambda: next(times))
    percentage = {"gpu_0_power_usage_percentage": 50.0}
    for first, second in ((100.0, 0.0), (200.0, 50.0), (100.0, 50.0)):
        watts = {"gpu_0_power_usage_watts": first, "gpu_1_power_usage_watts": second}
        meter.update(percentage | watts)
    assert meter.joules == {"gpu": 10 * 175.0 + 2 * 200.0}


def test_a_source_that_fails_is_dropped(powercap: Path) -> None:
    meter = energy.EnergyMeter(powercap)
    zone(powercap, "0", "package-0", 1_000_000)
    meter.update({"gpu_0_power_usage_watts": 100.0})
    assert set(meter.joules) == {"cpu"}
    (powercap / "intel-rapl:1" / "energy_uj").unlink()
    meter.update({})
    meter.update({"gpu_0_power_usage_watts": 100.0})
    assert meter.joules == {}


@pytest.mark.parametrize("text", [None, "", "many"])
def test_without_readable_counters_there_is_no_energy(powercap: Path, text: str | None) -> None:
    file = powercap / "intel-rapl:1" / "energy_uj"
    file.unlink()
    if text is not None:
        file.write_text(text, encoding="utf-8")
    meter = energy.EnergyMeter(powercap)
    zone(powercap, "0", "package-0", 1_000_000)
    meter.update({})
    assert meter.joules == {}


def test_energy_is_logged_only_if_measured_from_the_first_step(
    work: Work, powercap: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Ticking(energy.EnergyMeter):
        """A meter whose counter grows by a joule per reading."""

        def update(self, values: dict[str, float]) -> None:  # type: ignore[override]
            count = int((powercap / "intel-rapl:0" / "energy_uj").read_text(encoding="utf-8"))
            zone(powercap, "0", "package-0", count + 1_000_000)
            super().update(values)

    work.train()
    assert stage_runs.SECONDS in work.runs()[0].data.metrics
    assert energy.JOULES not in work.runs()[0].data.metrics  # this machine has no counters
    monkeypatch.setattr(system_metrics, "_monitors", list)
    monkeypatch.setattr(energy, "EnergyMeter", lambda: Ticking(powercap))
    work.train()
    assert work.runs()[0].data.metrics[energy.JOULES] == 2.0  # at the start and at the end
    assert work.runs()[0].data.tags[energy.SOURCES_TAG] == "cpu"
    monkeypatch.setattr(CheckpointManager, "can_resume", True)
    work.train()
    assert energy.JOULES not in work.runs()[0].data.metrics
    assert energy.SOURCES_TAG not in work.runs()[0].data.tags
