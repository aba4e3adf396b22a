"""How far two trainings and two evaluations are apart, and in what the machines differ."""

import json
import math

import numpy as np
import pytest

from pipelines.lineage import provenance
from pipelines.training.step_metrics import write_step_metrics
from pipelines.verification import rerun, sandbox


@pytest.mark.parametrize(
    ("one", "other", "place"),
    [
        ([1.0, 2.0, 3.0], [1.0, 2.0, 3.0], None),
        ([1.0, 2.0, 3.0], [1.0, 2.0 + 1e-15, 3.0], 1),
        ([1.0, 2.0], [1.0, 2.0, 3.0], 2),
        ([], [], None),
    ],
)
def test_the_first_difference_is_found_to_the_last_bit(one, other, place):
    assert rerun.first_difference(np.array(one), np.array(other)) == place


def losses(folder, values):
    folder.mkdir()
    losses = np.array(values)
    write_step_metrics(losses, None, folder)
    return folder


def test_a_training_is_as_far_as_its_last_tenth(tmp_path):
    then = losses(tmp_path / "then", np.linspace(5, 2, 30))
    now = losses(tmp_path / "now", np.append(np.linspace(5, 2, 30)[:-3], [2.3, 2.2, 2.1]))
    worst, said = rerun._trained(now, then)
    assert worst == pytest.approx(1 - np.linspace(5, 2, 30)[-3:].mean() / 2.2)
    assert said[0] == "the first step that differs is 28 of 30"
    shorter = losses(tmp_path / "shorter", np.linspace(5, 2, 29))
    assert rerun._trained(shorter, then) == (math.inf, ["it has other steps"])


def test_an_evaluation_is_as_far_as_its_worst_number(tmp_path):
    then, now = tmp_path / "then.json", tmp_path / "now.json"
    then.write_text(json.dumps({"a": 100, "b": 2.0, "task": "x"}), encoding="utf-8")
    now.write_text(json.dumps({"a": 101, "b": 2.5, "task": "x"}), encoding="utf-8")
    worst, said = rerun._measured(now, then)
    assert worst == pytest.approx(0.2)
    assert said == ["b is 2.5 and was 2"]
    assert rerun._measured(then, then) == (0, ["its metrics are the same"])
    now.write_text(json.dumps({"a": 100, "task": "x"}), encoding="utf-8")
    assert rerun._measured(now, then) == (math.inf, ["it has other metrics"])


def test_what_differs_of_the_machine_and_its_packages_is_named():
    then = {
        "environment": provenance.environment() | {"cpu": "another", "kernel": "fused"},
        "packages": {"numpy": "1.0", "gone": "2.0"},
    }
    said = sandbox.environment(then, {"numpy": "1.1", "new": "3.0"})
    assert said == [
        f"cpu was another and is {provenance.processor()}",
        "gone was 2.0 and is not there",
        "new was not there and is 3.0",
        "numpy was 1.0 and is 1.1",
    ]
    same = {"environment": provenance.environment(), "packages": {"numpy": "1.1"}}
    assert sandbox.environment(same, {"numpy": "1.1"}) == []
