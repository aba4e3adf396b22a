"""Two trainings from one seed: what is the same is called so, and what is not is found."""

import functools
import itertools
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import tensorflow as tf

from pipelines.config import params
from pipelines.diagnostics import determinism, speed, tiny_models
from pipelines.layers.attention import Attention

RATIOS = {"lstm": 1.52, "additive attention": 0.98}


def disturbed(monkeypatch: pytest.MonkeyPatch, at: set[int]) -> None:
    """An attention whose outputs are a little off at these of its steps, counted from 1."""
    count, call = itertools.count(1), Attention.call

    def noise() -> Any:
        return np.float32(1e-3 if next(count) in at else 0)

    @functools.wraps(call)  # Keras reads its signature
    def off(self: Attention, *args: Any, **named: Any) -> Any:
        context, weights = call(self, *args, **named)
        if not tf.inside_function():
            return context, weights  # when the model is built
        return context + tf.numpy_function(noise, [], tf.float32), weights

    monkeypatch.setattr(Attention, "call", off)


@pytest.mark.parametrize("name", ["weight drop", "max pooling"])
def test_one_seed_gives_the_same_bytes(name: str) -> None:
    assert determinism.check_determinism(name).found == "identical, 20 steps twice"


def test_another_seed_gives_other_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = tiny_models.TINY_MODELS["bag of words"]
    one = determinism.trace(entry)
    monkeypatch.setattr(tiny_models, "SEED", 2)
    assert determinism.first_difference(one, determinism.trace(entry)) == 1


@pytest.mark.parametrize("step", [7, 20])
def test_the_first_step_that_differs_is_named(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    disturbed(monkeypatch, {tiny_models.STEPS + step, tiny_models.STEPS + 20})
    found = determinism.check_determinism("dot attention")
    assert found.mark == "failed"
    assert found.found == f"two trainings differ from step {step} of 20 on"
    assert found.mend is not None
    assert "TF_DETERMINISTIC_OPS=1" in found.mend


def test_what_is_off_in_both_trainings_is_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    disturbed(monkeypatch, {7, tiny_models.STEPS + 7})
    assert determinism.check_determinism("dot attention").mark == "ok"


@pytest.mark.parametrize(
    ("other", "step"),
    [
        ([(1.0, "a"), (2.0, "b")], None),
        ([(1.0, "a"), (2.0, "c")], 2),  # the loss is the same, the weights after it are not
        ([(1.0, "a"), (2.0000000000000004, "b")], 2),
        ([(1.0, "a")], 2),
    ],
)
def test_the_smallest_difference_counts(other: list[determinism.Step], step: int | None) -> None:
    assert determinism.first_difference([(1.0, "a"), (2.0, "b")], other) == step


def test_a_training_that_fails_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(entry: params.Model) -> None:
        raise tf.errors.UnimplementedError(None, None, "DNN library\nis not found.")

    monkeypatch.setattr(tiny_models, "begin", fails)
    found = determinism.check_determinism("lstm")
    assert found.mark == "failed"
    assert found.found == "does not train here: DNN library is not found"


def test_every_kind_of_layer_is_looked_at() -> None:
    entries = tiny_models.TINY_MODELS.values()
    for key, kinds in (("cell", params.Cell), ("pooling", params.Pooling)):
        assert {getattr(one, key, None) for one in entries} >= set(get_args(kinds))
    scores = {getattr(one, "attention", None) for one in entries}
    assert scores >= set(get_args(params.Score)) - {"none"}
    assert set(determinism.TIMED) <= set(tiny_models.TINY_MODELS)
    assert [*determinism.checks()] == [*tiny_models.TINY_MODELS, "cost"]


@pytest.mark.parametrize(
    ("switch", "identical", "end"),
    [
        (None, True, "; seqproof trains without them, as all is identical anyway"),
        (None, False, ""),
        ("0", True, "; seqproof trains without them, as all is identical anyway"),
        ("1", True, "; TF_DETERMINISTIC_OPS turns them on here"),
    ],
)
def test_what_deterministic_kernels_cost(
    monkeypatch: pytest.MonkeyPatch, switch: str | None, identical: bool, end: str
) -> None:
    if switch is None:
        monkeypatch.delenv("TF_DETERMINISTIC_OPS", raising=False)
    else:
        monkeypatch.setenv("TF_DETERMINISTIC_OPS", switch)
    monkeypatch.setattr(speed, "slowdown", lambda names, switch: RATIOS)
    each = "1.5 for lstm, 1.0 for additive attention"
    said = f"deterministic kernels take about so many times as long: {each}"
    assert determinism.cost(identical).found == said + end


def test_steps_are_timed_in_processes_of_their_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pipelines.py").touch()  # of somebody else, and not to be imported
    (ratio,) = speed.slowdown(("bag of words",), "TF_DETERMINISTIC_OPS").values()
    assert ratio > 0


def test_the_two_take_turns_and_only_one_is_deterministic(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    turns = tmp_path / "turns"
    script = (
        "plain='9 1 2 4' slower='1 2 6 4'\n"
        'if [ "$SWITCH" ]; then set -- $slower; else set -- $plain; fi\n'
        'while read name; do echo "$name$SWITCH" >> "$TURNS"; echo $1; shift; done'
    )
    _stand_in(monkeypatch, tmp_path, script)
    monkeypatch.setenv("TURNS", str(turns))
    monkeypatch.setenv("SWITCH", "on already")
    monkeypatch.setattr(speed, "ROUNDS", 4)
    # Of the ratios 1/9, 2, 3 and 1 the first does not count, and the median of the others does.
    assert speed.slowdown(("lstm",), "SWITCH") == {"lstm": 2.0}
    assert turns.read_text(encoding="utf-8").splitlines() == ["lstm", "lstm1"] * 4


def _stand_in(monkeypatch: pytest.MonkeyPatch, folder: Path, script: str) -> None:
    """A shell script in the place of the interpreter."""
    interpreter = folder / "python"
    interpreter.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    interpreter.chmod(0o755)
    monkeypatch.setattr(speed.sys, "executable", str(interpreter))


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("echo a line >&2; echo Error: no memory >&2; exit 3", "Error: no memory"),
        ("exit 3", "exit code 3"),
        ("echo no number", "could not convert string to float: b'no number\\n'"),
    ],
)
def test_steps_that_cannot_be_timed_are_a_warning(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str, why: str
) -> None:
    _stand_in(monkeypatch, tmp_path, script)
    found = determinism.cost(identical=True)
    assert found.mark == "warning"
    assert found.found == f"could not be timed: {why}"
