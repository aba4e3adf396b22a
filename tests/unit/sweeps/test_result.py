"""The result of a sweep as a file."""

import json
import operator
from dataclasses import asdict
from functools import reduce

import pytest

from pipelines.errors import UserError
from pipelines.sweeps import result
from pipelines.sweeps.comparison import ComparedMetric, Confirmation
from pipelines.sweeps.result import SweepResult, Trial

TRIALS = (
    Trial(0, "failed", {"units": 1}, failure="diverged"),
    Trial(1, "complete", {"units": 2}, (2.0, 1.5), 1.5, [{"path": "models/m", "md5": "a.dir"}]),
    Trial(2, "pruned", {"units": 3}, (1.25,), 1.25),
    Trial(3, "complete", {"units": None}, (2.0, 1.5), 1.5),
    Trial(4, "complete", {"units": 4}, (1.75,), 1.75),
)


def sweep(**fields) -> SweepResult:
    values = {
        "sweep": "wide",
        "model": "m",
        "metric": "valid_loss",
        "direction": "lower",
        "seed": 1,
        "pruner": "median",
        "planned": 6,
        "space": {"units": {"low": 1, "high": 4}},
        "start": {"units": 2},
        "stage": {"name": "train_lstm@m"},
        "trials": TRIALS,
        "importances": {"units": 1.0},
    }
    return SweepResult(**{**values, **fields})


def test_the_winner_is_the_first_complete_trial_with_the_best_value():
    assert sweep().winner == TRIALS[1]
    assert sweep(direction="higher").winner == TRIALS[4]
    assert sweep(trials=TRIALS[:1]).winner is None


def test_the_best_so_far_counts_complete_trials_only():
    assert sweep().best_so_far() == [None, 1.5, 1.5, 1.5, 1.5]
    assert sweep(direction="higher").best_so_far() == [None, 1.5, 1.5, 1.5, 1.75]


def test_a_result_is_read_as_it_was_written(tmp_path):
    file = tmp_path / "sweeps" / "wide.json"
    result.write(file, sweep())
    assert result.read(file) == sweep()
    first = file.read_bytes()
    result.write(file, result.read(file))
    assert file.read_bytes() == first


def test_a_damaged_file_is_an_error_of_one_sentence(tmp_path):
    file = tmp_path / "wide.json"
    file.write_text('{"sweep": 1}')
    with pytest.raises(UserError, match=r"wide.json is damaged. .* `seqproof sweep wide`"):
        result.read(file)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("comparison", "metrics"), []),
        (("comparison", "seeds"), []),
        (("start",), {"cell": "lstm"}),
        (("trials", 0, "values"), {}),
        (("trials", 1, "value"), None),
        (("trials", 1, "values", "units"), 10**400),
        (("trials", 2, "value"), 1e308),
        (("importances", "units"), float("nan")),
    ],
)
def test_values_that_no_sweep_writes_are_damage(tmp_path, path, value):
    metric = ComparedMetric("test_f1", 0.5, 0.6, (), (), 0.0, 0.2, 0.1, 0.2, 0.1, "better")
    confirmed = Confirmation((11, 12, 13), 2, 0.05, 9, (metric,), {})
    content = asdict(sweep(comparison=confirmed))
    file = tmp_path / "wide.json"
    file.write_text(json.dumps(content))
    assert result.read(file) == sweep(comparison=confirmed)
    *parents, key = path
    reduce(operator.getitem, parents, content)[key] = value
    file.write_text(json.dumps(content))
    with pytest.raises(UserError, match=r"wide.json is damaged\. Restore it"):
        result.read(file)
