"""Energy: what the counters and the power say, and nothing where they say nothing."""

from pathlib import Path

import pytest

from pipelines.tracking import energy, records, system_metrics
from tests.unit.tracking.work import Work

WRAPS = 1_000_000_000  # microjoules


def zone(powercap: Path, place: str, name: str, count: int) -> None:
    """A counter as Linux shows it."""
    folder = powercap / f"intel-rapl:{place}"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "name").write_text(f"{name}\n", encoding="utf-8")
    (folder / "energy_uj").write_text(f"{count}\n", encoding="utf-8")
    (folder / "max_energy_range_uj").write_text(f"{WRAPS}\n", encoding="utf-8")


@pytest.fixture
def powercap(tmp_path: Path) -> Path:
    """Two packages, the cores of one, its memory, and the whole platform."""
    for place, name in (("0", "package-0"), ("0:0", "core"), ("0:1", "dram"), ("1", "package-1")):
        zone(tmp_path / "powercap", place, name, 0)
    zone(tmp_path / "powercap", "2", "psys", 0)
    return tmp_path / "powercap"


def test_packages_and_memory_are_added_and_what_holds_them_is_not(powercap: Path) -> None:
    spent = energy.Energy(powercap)
    spent.add({})
    for place, name, joules in (
        ("0", "package-0", 5),
        ("0:0", "core", 4),
        ("0:1", "dram", 2),
        ("1", "package-1", 3),
        ("2", "psys", 99),
    ):
        zone(powercap, place, name, joules * 1_000_000)
    spent.add({})
    assert spent.joules == {"cpu": 10.0}


def test_a_counter_that_begins_again_goes_on(powercap: Path) -> None:
    zone(powercap, "0", "package-0", WRAPS - 2_000_000)
    spent = energy.Energy(powercap)
    zone(powercap, "0", "package-0", 1_500_000)
    spent.add({})
    zone(powercap, "0", "package-0", 2_000_000)
    spent.add({})
    assert spent.joules == {"cpu": 4.0}


def test_power_is_integrated_over_time_and_over_cards(tmp_path: Path) -> None:
    times = iter([0.0, 10.0, 12.0])
    spent = energy.Energy(tmp_path, clock=lambda: next(times))
    share = {"gpu_0_power_usage_percentage": 50.0}
    for first, second in ((100.0, 0.0), (200.0, 50.0), (100.0, 50.0)):
        watts = {"gpu_0_power_usage_watts": first, "gpu_1_power_usage_watts": second}
        spent.add(share | watts)
    assert spent.joules == {"gpu": 10 * 175.0 + 2 * 200.0}


def test_what_fails_on_the_way_is_left_out(powercap: Path) -> None:
    spent = energy.Energy(powercap)
    zone(powercap, "0", "package-0", 1_000_000)
    spent.add({"gpu_0_power_usage_watts": 100.0})
    assert set(spent.joules) == {"cpu"}
    (powercap / "intel-rapl:1" / "energy_uj").unlink()
    spent.add({})
    spent.add({"gpu_0_power_usage_watts": 100.0})
    assert spent.joules == {}


@pytest.mark.parametrize("text", [None, "", "many"])
def test_a_counter_that_cannot_be_read_is_none(powercap: Path, text: str | None) -> None:
    file = powercap / "intel-rapl:1" / "energy_uj"
    file.unlink()
    if text is not None:
        file.write_text(text, encoding="utf-8")
    spent = energy.Energy(powercap)
    zone(powercap, "0", "package-0", 1_000_000)
    spent.add({})
    assert spent.joules == {}


def test_a_training_logs_it_only_if_it_is_measured_and_whole(
    work: Work, powercap: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Ticking(energy.Energy):
        """A second joule for the second reading, and so on."""

        def add(self, values: dict[str, float]) -> None:  # type: ignore[override]
            count = int((powercap / "intel-rapl:0" / "energy_uj").read_text(encoding="utf-8"))
            zone(powercap, "0", "package-0", count + 1_000_000)
            super().add(values)

    work.train()
    assert records.SECONDS in work.runs()[0].data.metrics
    assert energy.JOULES not in work.runs()[0].data.metrics  # nothing is measured here
    monkeypatch.setattr(system_metrics, "_readers", list)
    monkeypatch.setattr(energy, "Energy", lambda: Ticking(powercap))
    work.train()
    assert work.runs()[0].data.metrics[energy.JOULES] == 2.0  # at the start and at the end
    assert work.runs()[0].data.tags[energy.MEASURED] == "cpu"
    monkeypatch.setattr(records.checkpoints.Checkpoints, "begun", True)
    work.train()
    assert energy.JOULES not in work.runs()[0].data.metrics
    assert energy.MEASURED not in work.runs()[0].data.tags
