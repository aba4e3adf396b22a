"""The winner's parameters in params.yaml."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from commands import sweep as command
from pipelines import paths
from pipelines.errors import UserError
from pipelines.sweeps import result as results
from pipelines.sweeps.comparison import ComparedMetric, Confirmation, Verdict
from pipelines.sweeps.result import SweepResult, Trial
from tests.unit.config.shipped import PATH
from tests.unit.config.test_sweeps_config import SWEEP, UNITS

START = {"units": 100, "optimizer.learning_rate": 0.004, "word_dropout": None}
WINNER = {"units": 200, "optimizer.learning_rate": 1e-05, "word_dropout": 0.1}
PARAMETERS = """\
units: {low: 32, high: 256}
      optimizer.learning_rate: {low: 0.00001, high: 0.01, log: true}
      word_dropout: [null, 0.1]"""


def confirmation(verdict: Verdict) -> Confirmation:
    seeds = (0.6, 0.6, 0.6), (0.7, 0.7, 0.7)
    metric = ComparedMetric(
        *("test_macro_f1", 0.6, 0.7, *seeds, 0.05, 0.15, 0.001, 0.002, 0.04, verdict)
    )
    return Confirmation((11, 12, 13), 2, 0.05, 100, (metric,), {"start": [], "winner": []})


def write(root: Path, verdict: Verdict | None, trials: tuple[Trial, ...] | None = None) -> Path:
    """Write params.yaml and the result of a sweep; return params.yaml."""
    both = (Trial(0, "complete", START, (0.6,), 0.6), Trial(1, "complete", WINNER, (0.7,), 0.7))
    values: dict[str, Any] = {
        "sweep": "tuning",
        "model": "opinions-lstm",
        "metric": "valid_macro_f1",
        "direction": "higher",
        "seed": 1,
        "pruner": None,
        "planned": 2,
        "space": {},
        "start": trials[0].values if trials else START,
        "stage": {},
        "trials": both if trials is None else trials,
        "importances": {},
        "comparison": None if verdict is None else confirmation(verdict),
    }
    results.write(root / paths.sweep("tuning"), SweepResult(**values))
    file = root / "params.yaml"
    text = PATH.read_text(encoding="utf-8") + SWEEP.replace(UNITS, PARAMETERS)
    file.write_text(text, encoding="utf-8")
    return file


@pytest.fixture(autouse=True)
def _root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def apply(force: bool = False, as_json: bool = False) -> None:
    command.apply("opinions-lstm", force, as_json)


def test_the_winner_is_written_and_comments_stay(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(tmp_path, "better")
    before = file.read_text(encoding="utf-8")
    apply()
    after = file.read_text(encoding="utf-8")
    entry = yaml.safe_load(after)["models"]["lstm"]["opinions-lstm"]
    assert (entry["units"], entry["word_dropout"]) == (200, 0.1)
    assert entry["optimizer"]["learning_rate"] == 1e-05
    changed = set(after.split("\n")) - set(before.split("\n"))
    assert len(changed) == 3  # units, word_dropout and the line of the optimizer
    assert after.count("#") == before.count("#")
    output = capsys.readouterr().out
    assert "models.lstm.opinions-lstm.units: 200 (was 100)\n" in output
    assert "models.lstm.opinions-lstm.word_dropout: 0.1 (was off)\n" in output
    assert "`seqproof run opinions-lstm`, which takes its training from DVC's cache" in output
    apply()
    assert "has the winner's parameters already" in capsys.readouterr().out
    assert file.read_text(encoding="utf-8") == after


@pytest.mark.parametrize(
    ("verdict", "reason"),
    [
        ("not significant", "Nothing shows that the winner is better than the starting point on"),
        ("worse", "The winner is worse than the starting point on the test split"),
        (None, "The winner was not trained from fresh seeds, so nothing shows that it is better"),
    ],
)
def test_a_winner_that_is_not_better_needs_force(
    verdict: Verdict | None, reason: str, tmp_path: Path
) -> None:
    file = write(tmp_path, verdict)
    before = file.read_bytes()
    with pytest.raises(UserError, match=rf"^{reason}.* Use --force to write its parameters"):
        apply()
    assert file.read_bytes() == before
    apply(force=True)
    assert b"units: 200" in file.read_bytes()


def test_without_a_result_or_a_winner_nothing_is_written(tmp_path: Path) -> None:
    file = write(tmp_path, None, trials=())
    before = file.read_bytes()
    with pytest.raises(UserError, match="has no complete trial, so it has no winner"):
        apply(force=True)
    (tmp_path / paths.sweep("tuning")).unlink()
    with pytest.raises(UserError, match=r"does not exist\. Run `seqproof sweep tuning` first"):
        apply(force=True)
    assert file.read_bytes() == before


def test_values_that_the_entry_no_longer_takes_are_not_written(tmp_path: Path) -> None:
    trial = Trial(0, "complete", {"forget_bias": 2.0}, (0.7,), 0.7)
    file = write(tmp_path, None, trials=(trial,))
    text = file.read_text(encoding="utf-8")
    head, name, tail = text.partition("    opinions-lstm:")
    file.write_text(head + name + tail.replace("cell: lstm", "cell: gru", 1), encoding="utf-8")
    before = file.read_bytes()
    with pytest.raises(UserError, match="'forget_bias' has no effect with 'cell: gru'"):
        apply(force=True)
    assert file.read_bytes() == before


def test_json_has_the_changes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, "better")
    apply(as_json=True)
    content = json.loads(capsys.readouterr().out)
    assert content == {"sweep": "tuning", "model": "opinions-lstm", "changes": WINNER}
