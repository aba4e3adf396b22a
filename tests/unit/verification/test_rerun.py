"""Differences between two trainings and between two evaluations."""

import json
import math
from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
import pytest

from pipelines.lineage import environment, provenance
from pipelines.training.step_metrics import write_step_metrics
from pipelines.verification import comparisons, rerun, sandbox
from pipelines.verification.check_result import CLOSE, DIFFERENT, IDENTICAL, WITHIN
from pipelines.verification.comparisons import Comparison


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
    assert comparisons.first_difference(np.array(left), np.array(right)) == index


def write_losses(folder, values):
    folder.mkdir()
    write_step_metrics(np.array(values), None, folder)
    return folder


def test_trainings_are_compared_by_their_last_tenth(tmp_path):
    recorded = write_losses(tmp_path / "recorded", np.linspace(5, 2, 30))
    model = write_losses(tmp_path / "model", np.append(np.linspace(5, 2, 30)[:-3], [2.3, 2.2, 2.1]))
    result = comparisons.compare_losses(model, recorded)
    assert result.status == DIFFERENT
    assert result.relative == pytest.approx(1 - np.linspace(5, 2, 30)[-3:].mean() / 2.2)
    assert result.details[0] == "the first step that differs is 28 of 30"
    near = write_losses(tmp_path / "near", np.append(np.linspace(5, 2, 30)[:-1], [2.001]))
    assert comparisons.compare_losses(near, recorded).status == CLOSE
    shorter = write_losses(tmp_path / "shorter", np.linspace(5, 2, 29))
    result = comparisons.compare_losses(shorter, recorded)
    assert (result.status, result.relative) == (DIFFERENT, math.inf)
    assert result.details == ("it has a different number of steps",)


def compare(tmp_path, recorded, metrics):
    """Compare two metrics files."""
    files = tmp_path / "recorded.json", tmp_path / "file.json"
    for path, content in zip(files, (recorded, metrics), strict=True):
        path.write_text(json.dumps(content), encoding="utf-8")
    return comparisons.compare_metrics(files[1], files[0])


@pytest.mark.parametrize(
    ("bleu", "status"), [(20.0, CLOSE), (20.19, CLOSE), (20.3, DIFFERENT), (19.81, CLOSE)]
)
def test_a_result_of_one_seed_is_close_or_different(tmp_path, bleu, status):
    """Never within tolerance: of one seed the spread is unknown."""
    recorded = {"test_bleu": 20.0, "parameters": 100, "task": "x"}
    result = compare(tmp_path, recorded, recorded | {"test_bleu": bleu})
    assert result.status == status
    assert result.relative == pytest.approx(abs(bleu - 20) / max(bleu, 20))
    if bleu != 20:
        assert result.details == (f"test_bleu is {bleu:g} and was 20",)


SEEDS = {
    "seeds": 8,
    "test_bleu": 20.0,
    "test_bleu_sd": 0.5,
    "test_bleu_low": 19.58,
    "test_bleu_high": 20.42,
    "parameters": 100,
}


@pytest.mark.parametrize(
    ("bleu", "status"),
    [(20.49, WITHIN), (19.51, WITHIN), (20.51, DIFFERENT), (19.49, DIFFERENT)],
)
def test_the_tolerance_is_two_standard_errors_of_a_difference_of_groups(tmp_path, bleu, status):
    assert comparisons.seed_tolerance(SEEDS, "test_bleu") == pytest.approx(0.5)
    metrics = SEEDS | {"test_bleu": bleu, "test_bleu_sd": 0.7, "test_bleu_low": 19.0}
    result = compare(tmp_path, SEEDS, metrics)
    assert result.status == status  # the spread of the second training counts for nothing
    assert result.details == (
        f"test_bleu is {bleu:g} and was 20",
        "the spread over seeds allows 0.5",
    )


def test_one_percent_is_too_much_where_seeds_differ_less(tmp_path):
    """The audit's case: seeds differ by 0.4 %, and one per cent was called within tolerance."""
    recorded = {"seeds": 5, "test_perplexity": 115.32}
    recorded |= {"test_perplexity_sd": 0.46, "test_perplexity_low": 0, "test_perplexity_high": 0}
    result = compare(tmp_path, recorded, recorded | {"test_perplexity": 116.3})
    assert result.relative < comparisons.CLOSE_LIMIT
    assert result.status == DIFFERENT
    assert compare(tmp_path, recorded, recorded | {"test_perplexity": 115.8}).status == WITHIN


def test_a_number_without_spread_is_never_within_tolerance(tmp_path):
    metrics = SEEDS | {"test_bleu": 20.1}
    assert compare(tmp_path, SEEDS | {"n": 1000.0}, metrics | {"n": 1001.0}).status == CLOSE
    assert compare(tmp_path, SEEDS | {"n": 1000.0}, metrics | {"n": 1101.0}).status == DIFFERENT


def test_evaluations_with_other_metrics_are_different(tmp_path):
    result = compare(tmp_path, {"a": 100, "b": 2.0, "task": "x"}, {"a": 100, "task": "x"})
    assert (result.status, result.details) == (DIFFERENT, ("it has different metrics",))
    result = compare(tmp_path, {"a": 100, "b": 2.0}, {"a": 101, "b": 2.5})
    assert result.details == ("b is 2.5 and was 2",)
    assert result.relative == pytest.approx(0.2)
    assert compare(tmp_path, {"a": 1}, {"a": 1}).details == ("its metrics are the same",)


TRAIN, EVALUATE = "train_baseline@mine-markov", "evaluate_baseline@mine-markov"


@pytest.mark.parametrize(
    ("training", "evaluation", "status", "figure"),
    [
        (IDENTICAL, IDENTICAL, IDENTICAL, ""),
        (CLOSE, WITHIN, WITHIN, "at most 0.30% apart"),
        (CLOSE, CLOSE, CLOSE, "at most 0.30% apart"),
        (CLOSE, IDENTICAL, CLOSE, "at most 0.20% apart"),
        (DIFFERENT, WITHIN, DIFFERENT, ""),
    ],
)
def test_the_result_is_that_of_the_last_stage_that_differs(
    target, monkeypatch, training, evaluation, status, figure
):
    results = {
        TRAIN: Comparison(training, 0.002, ("a",)),
        EVALUATE: Comparison(evaluation, 0.003, ("b",)),
    }

    @contextmanager
    def open_sandbox(*_):
        yield SimpleNamespace(remarks=[])

    unchanged = Comparison(IDENTICAL, 0.0, ())
    monkeypatch.setattr(sandbox, "open_sandbox", open_sandbox)
    monkeypatch.setattr(rerun, "_rerun", lambda _, stage: results.get(stage, unchanged))
    result = rerun.level_2(target)
    assert (result.status, result.figure) == (status, figure)
    assert f"{EVALUATE}: {evaluation}, b" in result.remarks
    same_machine = "Machine, variables and packages are those of the training."
    assert (same_machine in result.remarks) == (status != IDENTICAL)
    assert [finding.partition(" ")[0] for finding in result.findings] == (
        [TRAIN] if training == DIFFERENT else []
    )


def test_what_differs_from_the_trainings_machine_is_named(target, monkeypatch):
    run, path = target.run_of(TRAIN), provenance.record_path("training")
    record = json.loads(target.runs.read_text(run, path))
    record["environment"]["cores"] = "99"  # the evaluation ran on this machine
    target.runs.log_text(run, json.dumps(record), path)
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    assert rerun._environment_differences(target) == [
        f"Other than in training: cores was 99 and is {environment.cores()}.",
        "Other than in training: OMP_NUM_THREADS was not set and is 7.",
    ]
