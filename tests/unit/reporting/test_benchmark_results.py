"""`seqproof results`: the table, the honest remark, the seconds and their sum."""

import json
from pathlib import Path

import pytest

from commands.results import results


@pytest.fixture
def said(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> list[str]:
    """What it prints for a project of which two stages ran."""
    monkeypatch.chdir(project)
    monkeypatch.setenv("COLUMNS", "120")
    costs = project / ".seqproof" / "costs"
    costs.mkdir(parents=True)
    for stage, seconds, peak in (
        ("fetch@verses", 1.5, 90),
        ("train_lstm@opinions-lstm", 1200.2, 800),
        ("train_lstm@of-a-model-that-was-removed", 5000.0, 900),
    ):
        cost = {"seconds": seconds, "peak_mib": peak}
        (costs / f"{stage}.json").write_text(json.dumps(cost), encoding="utf-8")
    (project / "report.html").write_text("", encoding="utf-8")
    results(Path("metrics"), Path("report.html"), ["fetch@verses", "train_lstm@opinions-lstm"])
    return capsys.readouterr().out.splitlines()


def line(said: list[str], *words: str) -> str:
    (found,) = [text for text in said if all(word in text for word in words)]
    return found


def test_models_and_remarks_are_printed(said: list[str]) -> None:
    assert "0.691" in line(said, "│ opinions-perceptron")
    assert "20.9" in line(said, "│ verses-attention")
    assert line(said, "On this little text the simpler model opinions-perceptron")


def test_missing_metrics_name_what_makes_them(said: list[str]) -> None:
    assert line(said, "dates-attention has no metrics yet: `dvc repro evaluate@dates-attention`")


def test_seconds_per_stage_and_their_sum(said: list[str]) -> None:
    assert "1,200.2" in line(said, "train_lstm@opinions-lstm")
    total = line(said, "sum, peak")
    assert "1,201.7" in total
    assert "800" in total


def test_the_address_of_the_report(said: list[str], project: Path) -> None:
    assert said[-1] == f"The report: {(project / 'report.html').as_uri()}"


def test_before_anything_ran(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(project)
    results(Path("nowhere"), Path("report.html"), [])
    out = capsys.readouterr().out
    assert "`dvc repro evaluate@shakespeare-lstm` makes them" in out
    assert "No stage ran here yet" in out
    assert "There is no report yet: `dvc repro report` makes it." in out
