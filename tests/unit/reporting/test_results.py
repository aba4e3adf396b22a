"""`seqproof results`: tables, remarks, costs and the address of the report."""

import json
from pathlib import Path

import pytest

from commands.results import results


@pytest.fixture
def output(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> list[str]:
    """The lines printed for a project in which two stages ran."""
    monkeypatch.chdir(project)
    monkeypatch.setenv("COLUMNS", "120")
    costs = project / ".seqproof" / "costs"
    costs.mkdir(parents=True)
    for stage, seconds, peak in (
        ("fetch@verses", 1.5, 90),
        ("train_lstm@opinions-lstm", 1200.2, 800),
        ("train_lstm@a-removed-model", 5000.0, 900),
    ):
        cost = {"seconds": seconds, "peak_mib": peak}
        (costs / f"{stage}.json").write_text(json.dumps(cost), encoding="utf-8")
    (project / "report.html").write_text("", encoding="utf-8")
    results(["fetch@verses", "train_lstm@opinions-lstm"])
    return capsys.readouterr().out.splitlines()


def line_with(output: list[str], *texts: str) -> str:
    (line,) = [line for line in output if all(text in line for text in texts)]
    return line


def test_models_and_remarks_are_printed(output: list[str]) -> None:
    assert "0.691" in line_with(output, "│ opinions-perceptron")
    assert "20.9" in line_with(output, "│ verses-attention")
    assert line_with(output, "A simpler model, opinions-perceptron (500 parameters), leads:")


def test_missing_metrics_name_the_command_that_writes_them(output: list[str]) -> None:
    for model in ("contrasts-perceptron", "contrasts-lstm", "dates-attention"):
        assert line_with(output, "no metrics yet", "`seqproof run evaluate", model)


def test_seconds_of_each_stage_and_their_sum(output: list[str]) -> None:
    assert "1,200.2" in line_with(output, "train_lstm@opinions-lstm")
    total = line_with(output, "sum, peak")
    assert "1,201.7" in total
    assert "800" in total


def test_the_address_of_the_report(output: list[str], project: Path) -> None:
    assert output[-1] == f"The report: {(project / 'report.html').as_uri()}"


def test_before_any_stage_has_run(
    tmp_path: Path,
    project: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    (empty / "params.yaml").write_bytes((project / "params.yaml").read_bytes())
    monkeypatch.chdir(empty)
    results([])
    output = capsys.readouterr().out
    assert "shakespeare-lstm has no metrics yet" in output
    assert "No stage has run on this machine yet" in output
    assert "There is no report yet. Run `seqproof run report`." in output
