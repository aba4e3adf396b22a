"""Differences between two trainings, two evaluations and two machines."""

import json
import math

import numpy as np
import pytest

from pipelines.lineage import environment
from pipelines.training.step_metrics import write_step_metrics
from pipelines.verification import rerun, sandbox


@pytest.mark.parametrize(
    ("left", "right", "index"),
    [
        ([1.0, 2.0, 3.0], [1.0, 2.0, 3.0], None),
        ([1.0, 2.0, 3.0], [1.0, 2.0 + 1e-15, 3.0], 1),
        ([1.0, 2.0], [1.0, 2.0, 3.0], 2),
        ([], [], None),
    ],
)
def test_the_first_difference_is_exact_to_the_last_bit(left, right, index):
    assert rerun.first_difference(np.array(left), np.array(right)) == index


def write_losses(folder, values):
    folder.mkdir()
    write_step_metrics(np.array(values), None, folder)
    return folder


def test_trainings_are_compared_by_their_last_tenth(tmp_path):
    recorded = write_losses(tmp_path / "recorded", np.linspace(5, 2, 30))
    model = write_losses(tmp_path / "model", np.append(np.linspace(5, 2, 30)[:-3], [2.3, 2.2, 2.1]))
    difference, details = rerun._compare_losses(model, recorded)
    assert difference == pytest.approx(1 - np.linspace(5, 2, 30)[-3:].mean() / 2.2)
    assert details[0] == "the first step that differs is 28 of 30"
    shorter = write_losses(tmp_path / "shorter", np.linspace(5, 2, 29))
    assert rerun._compare_losses(shorter, recorded) == (
        math.inf,
        ["it has a different number of steps"],
    )


def test_evaluations_are_compared_by_the_metric_that_differs_most(tmp_path):
    recorded, file = tmp_path / "recorded.json", tmp_path / "file.json"
    recorded.write_text(json.dumps({"a": 100, "b": 2.0, "task": "x"}), encoding="utf-8")
    file.write_text(json.dumps({"a": 101, "b": 2.5, "task": "x"}), encoding="utf-8")
    difference, details = rerun._compare_metrics(file, recorded)
    assert difference == pytest.approx(0.2)
    assert details == ["b is 2.5 and was 2"]
    assert rerun._compare_metrics(recorded, recorded) == (0, ["its metrics are the same"])
    file.write_text(json.dumps({"a": 100, "task": "x"}), encoding="utf-8")
    assert rerun._compare_metrics(file, recorded) == (math.inf, ["it has different metrics"])


def test_differences_of_machine_and_packages_are_named():
    record = {
        "environment": environment.machine() | {"cpu": "another", "kernel": "fused"},
        "packages": {"numpy": "1.0", "removed": "2.0"},
    }
    differences = sandbox.environment_differences(record, {"numpy": "1.1", "new": "3.0"})
    assert differences == [
        f"cpu was another and is {environment.processor()}",
        "new was missing and is 3.0",
        "numpy was 1.0 and is 1.1",
        "removed was 2.0 and is missing",
    ]
    same = {"environment": environment.machine(), "packages": {"numpy": "1.1"}}
    assert sandbox.environment_differences(same, {"numpy": "1.1"}) == []
