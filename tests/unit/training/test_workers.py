"""Several workers: the losses of one process with as many shards, and the same bytes each time."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pipelines.training import steps
from tests.unit.small_training import train_on_loss
from tests.unit.training import worker_training
from tests.unit.training.worker_training import CASES, COUNT

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def trainings(tmp_path_factory):
    """A folder of each of two trainings, and their output.

    Two processes, one of which is killed, and two devices of one process.
    """
    folder = tmp_path_factory.mktemp("workers")
    folders = {kind: folder / kind for kind in ("processes", "devices")}
    for each in folders.values():
        each.mkdir()
    process = subprocess.run(
        [sys.executable, "-m", "tests.unit.training.worker_training", str(folder)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stdout + process.stderr
    return folders | {"output": process.stdout}


def numbers(folder, model):
    """All that a training has computed: its losses, history and weights."""
    with np.load(folder / f"{model}.npz") as file:
        return dict(file)


@pytest.mark.parametrize("model", CASES)
def test_workers_have_the_losses_of_one_process_on_the_same_batches(
    trainings, make, model, monkeypatch, tmp_path
):
    """With the same dropout: a worker has that of a shard."""
    monkeypatch.setattr(steps, "shard_count", lambda: COUNT)
    frames = worker_training.frames(model)
    spec = make.spec(model, **CASES[model])
    worker_training.save(
        train_on_loss(spec, frames, make.vocabularies(model)), tmp_path / f"{model}.npz"
    )
    expected, computed = numbers(tmp_path, model), numbers(trainings["devices"], model)
    assert computed.keys() == expected.keys()
    np.testing.assert_allclose(computed["losses"][:3], expected["losses"][:3], rtol=1e-6)
    for name, values in expected.items():
        np.testing.assert_allclose(computed[name], values, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("model", worker_training.IN_PROCESSES)
def test_processes_have_the_bytes_of_devices_even_if_one_was_killed(trainings, model):
    computed, expected = (numbers(trainings[kind], model) for kind in ("processes", "devices"))
    assert computed.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_array_equal(computed[name], values)


def test_a_killed_worker_goes_on_from_the_last_checkpoint(trainings):
    assert (trainings["processes"] / "killed").is_file()
    output = trainings["output"]
    assert output.count("All start again from the last checkpoint.") == 1
    step = re.search(r"Resumed from the checkpoint of step (\d+)", output)
    assert step
    assert int(step[1]) == worker_training.KILLED_AT - 1


def test_the_average_of_weights_has_begun(trainings):
    """Else the test would not show that workers average the same weights."""
    assert "the weights are averaged (NT-ASGD)" in trainings["output"]
