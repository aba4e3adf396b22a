"""Comparison of two training runs from one seed, step by step."""

import functools
import itertools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args
from unittest import mock

import numpy as np
import pytest
import tensorflow as tf

from pipelines.config import params
from pipelines.diagnostics import determinism, speed, tiny_models
from pipelines.diagnostics.diagnostic import Diagnostic
from pipelines.layers.attention import Attention

RATIOS = {"lstm": 1.52, "additive attention": 0.98}


def add_noise(monkeypatch: pytest.MonkeyPatch, steps: set[int]) -> None:
    """Change the outputs of the attention a little at these steps, counted from 1."""
    count, call = itertools.count(1), Attention.call

    def noise() -> Any:
        return np.float32(1e-3 if next(count) in steps else 0)

    @functools.wraps(call)  # Keras reads its signature
    def noisy_call(self: Attention, *args: Any, **options: Any) -> Any:
        context, weights = call(self, *args, **options)
        if not tf.inside_function():
            return context, weights  # while the model is built
        return context + tf.numpy_function(noise, [], tf.float32), weights

    monkeypatch.setattr(Attention, "call", noisy_call)


@pytest.mark.parametrize("name", ["weight drop", "max pooling"])
def test_one_seed_gives_identical_steps(name: str) -> None:
    diagnostic = determinism.check_determinism(name)
    assert diagnostic == Diagnostic("20 steps are identical in two training runs")


def test_another_seed_gives_different_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = tiny_models.TINY_MODELS["bag of words"]
    steps = determinism.record_steps(entry)
    monkeypatch.setattr(tiny_models, "SEED", 2)
    assert determinism.first_difference(steps, determinism.record_steps(entry)) == 1


@pytest.fixture(scope="module")
def recorded() -> dict[str, list[determinism.Step]]:
    """Steps of trainings with noise at the steps of their names."""

    def record(*noise: int) -> list[determinism.Step]:
        with pytest.MonkeyPatch.context() as patch:
            add_noise(patch, set(noise))
            return determinism.record_steps(tiny_models.TINY_MODELS["dot attention"])

    return {
        "none": record(),
        "20": record(20),
        "7 and 20": record(7, 20),
        "7 and 20 again": record(7, 20),
    }


@pytest.fixture
def check(
    recorded: dict[str, list[determinism.Step]], monkeypatch: pytest.MonkeyPatch
) -> Callable[[str, str], Diagnostic]:
    """A function that compares two of these trainings."""

    def compare(first: str, second: str) -> Diagnostic:
        steps = iter((recorded[first], recorded[second]))
        monkeypatch.setattr(determinism, "record_steps", lambda entry: next(steps))
        return determinism.check_determinism("dot attention")

    return compare


@pytest.mark.parametrize(("noise", "step"), [("7 and 20", 7), ("20", 20)])
def test_the_first_different_step_is_reported(
    check: Callable[[str, str], Diagnostic], noise: str, step: int
) -> None:
    diagnostic = check("none", noise)
    assert diagnostic.status == "failed"
    assert f"step {step} of 20" in diagnostic.message
    assert "TF_DETERMINISTIC_OPS=1" in str(diagnostic.fix)


def test_the_same_change_in_both_trainings_is_no_difference(
    check: Callable[[str, str], Diagnostic],
) -> None:
    assert check("7 and 20", "7 and 20 again").status == "ok"


@pytest.mark.parametrize(
    ("other", "step"),
    [
        ([(1.0, "a"), (2.0, "b")], None),
        ([(1.0, "a"), (2.0, "c")], 2),  # the same loss, but different weights
        ([(1.0, "a"), (2.0000000000000004, "b")], 2),
        ([(1.0, "a")], 2),
    ],
)
def test_first_difference(other: list[determinism.Step], step: int | None) -> None:
    assert determinism.first_difference([(1.0, "a"), (2.0, "b")], other) == step


def test_a_training_error_is_a_failed_check(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(entry: params.Model) -> None:
        raise tf.errors.UnimplementedError(None, None, "DNN library\nis not found.")

    monkeypatch.setattr(tiny_models, "make_training", fail)
    diagnostic = determinism.check_determinism("lstm")
    assert diagnostic.status == "failed"
    assert diagnostic.message.endswith(": DNN library is not found")


def test_every_model_and_layer_is_checked() -> None:
    entries = tiny_models.TINY_MODELS.values()
    kinds = {entry.model for entry in entries}
    # The other two are counted, or fitted by scikit-learn.
    assert kinds == set(params.TASK_OF) - {"ngram", "logistic_regression"}
    assert {params.TASK_OF[kind] for kind in kinds} == set(get_args(params.Task))
    for key, values in (("cell", params.Cell), ("pooling", params.Pooling)):
        assert {getattr(entry, key, None) for entry in entries} >= set(get_args(values))
    assert {getattr(entry, "crf", None) for entry in entries} == {None, True}
    scores = {getattr(entry, "attention", None) for entry in entries}
    assert scores >= set(get_args(params.Score)) - {"none"}
    assert set(determinism.TIMED_MODELS) <= set(tiny_models.TINY_MODELS)
    with mock.patch.dict(os.environ):  # the checks set a variable
        assert [*determinism.checks()] == [*tiny_models.TINY_MODELS, "cost"]


@pytest.mark.parametrize(
    ("value", "is_deterministic", "end"),
    [
        (None, True, "; not needed, as all results are identical without them"),
        (None, False, ""),
        ("0", True, "; not needed, as all results are identical without them"),
        ("1", True, "; TF_DETERMINISTIC_OPS enables them"),
    ],
)
def test_cost_of_deterministic_kernels(
    monkeypatch: pytest.MonkeyPatch, value: str | None, is_deterministic: bool, end: str
) -> None:
    if value is None:
        monkeypatch.delenv("TF_DETERMINISTIC_OPS", raising=False)
    else:
        monkeypatch.setenv("TF_DETERMINISTIC_OPS", value)
    monkeypatch.setattr(speed, "slowdown", lambda names, variable: RATIOS)
    message = determinism.measure_cost(is_deterministic).message
    assert message.endswith(f": 1.5 times for lstm, 1.0 times for additive attention{end}")


def test_timing_imports_this_package_in_any_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(speed, "ROUNDS", 2)
    (tmp_path / "pipelines.py").touch()  # must not be imported
    (ratio,) = speed.slowdown(("bag of words",), "TF_DETERMINISTIC_OPS").values()
    assert ratio > 0


def test_timing_alternates_between_two_processes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    script = (
        "default='9 1 2 4' deterministic='1 2 6 4'\n"
        'if [ "$SWITCH" ]; then set -- $deterministic; else set -- $default; fi\n'
        'while read name; do echo "$name$SWITCH" >> "$LOG"; echo $1; shift; done'
    )
    _replace_python(monkeypatch, tmp_path, script)
    monkeypatch.setenv("LOG", str(log))
    monkeypatch.setenv("SWITCH", "on already")
    monkeypatch.setattr(speed, "ROUNDS", 4)
    # The ratios are 1/9, 2, 3 and 1: the first is not counted, the median of the others is 2.
    assert speed.slowdown(("lstm",), "SWITCH") == {"lstm": 2.0}
    assert log.read_text(encoding="utf-8").splitlines() == ["lstm", "lstm1"] * 4


def _replace_python(monkeypatch: pytest.MonkeyPatch, folder: Path, script: str) -> None:
    """Replace the Python interpreter by a shell script."""
    interpreter = folder / "python"
    interpreter.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    interpreter.chmod(0o755)
    monkeypatch.setattr(speed.sys, "executable", str(interpreter))


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("echo a line >&2; echo Error: no memory >&2; exit 3", "Error: no memory"),
        ("exit 3", "exit code 3"),
        ("echo no number", "could not convert string to float: b'no number\\n'"),
    ],
)
def test_a_failed_timing_is_a_warning(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str, reason: str
) -> None:
    _replace_python(monkeypatch, tmp_path, script)
    diagnostic = determinism.measure_cost(is_deterministic=True)
    assert diagnostic.status == "warning"
    assert diagnostic.message.endswith(f": {reason}")
