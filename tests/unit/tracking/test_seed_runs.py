"""Runs of a group of seeds: one run of the group with one run per seed below it."""

from typing import Any

import pytest

from pipelines.evaluation import seed_aggregation
from pipelines.tracking import connection, descriptions, offline_queue, runs, stage_runs
from tests.unit.tracking.work import CORPUS, NAME, ROWS, Work

SEEDS = (3, 1)
SEED_METRICS: dict[int, dict[str, float | int | str]] = {
    3: {"task": "translation", "corpus": CORPUS, "test_bleu": 20.0, "test_tokens": 9},
    1: {"task": "translation", "corpus": CORPUS, "test_bleu": 22.0, "test_tokens": 9},
}


@pytest.fixture
def group(work: Work) -> Work:
    """A project whose model is a group of seeds, with the history of both."""
    entry = work.config.models[NAME].model_copy(update={"seeds": SEEDS})
    work.config = work.config.model_copy(update={"models": {**work.config.models, NAME: entry}})
    work.write_history(
        [
            {"seed": seed, **row, "valid_bleu": row["valid_bleu"] + seed}
            for seed in SEEDS
            for row in ROWS
        ]
    )
    return work


def _evaluate(work: Work) -> None:
    means = seed_aggregation.means(list(SEED_METRICS.values()))
    work.evaluate(means, SEED_METRICS)


def _by_name(work: Work) -> dict[str, Any]:
    by_name = {run.info.run_name: run for run in work.runs()}
    assert len(by_name) == len(work.runs())
    return by_name


def _points(work: Work, run: Any, key: str) -> list[tuple[int, float]]:
    points = work.client().get_metric_history(run.info.run_id, key)
    return [(point.step, point.value) for point in points]


def _assert_complete(work: Work) -> None:
    by_name = _by_name(work)
    assert set(by_name) == {NAME, f"{NAME}, seed 3", f"{NAME}, seed 1"}
    parent = by_name[NAME]
    assert parent.data.metrics["test_bleu"] == 21
    assert parent.data.metrics["test_bleu_sd"] == pytest.approx(2**0.5)
    assert _points(work, parent, "seed-1/valid_bleu") == [(1, 3.0), (2, 10.5)]
    assert _points(work, parent, "by_tokens/seed-3/valid_bleu") == [(500, 5.0), (1000, 12.5)]
    for seed in SEEDS:
        child = by_name[f"{NAME}, seed {seed}"]
        assert child.data.tags["mlflow.parentRunId"] == parent.info.run_id
        assert child.data.metrics["test_bleu"] == SEED_METRICS[seed]["test_bleu"]
        assert child.data.params["seed"] == str(seed)
        assert _points(work, child, "valid_bleu") == [(1, 2.0 + seed), (2, 9.5 + seed)]
        assert child.info.status == "FINISHED"
        assert child.data.tags["cell"] == "lstm"
    assert "mlflow.parentRunId" not in parent.data.tags
    assert "seed" not in parent.data.params or parent.data.params["seed"] == "None"


def test_a_second_evaluation_makes_no_second_run_of_a_seed(group: Work) -> None:
    _evaluate(group)
    _evaluate(group)
    _assert_complete(group)


def test_queued_runs_of_a_group_are_uploaded_in_order(
    group: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise ConnectionRefusedError(111, "Connection refused")

    with monkeypatch.context() as offline:
        offline.setattr(connection, "connect", refuse)
        _evaluate(group)
    assert len(offline_queue.queued_runs(group.folder)) == 3
    assert offline_queue.upload(group.folder).failure is None
    assert not offline_queue.queued_runs(group.folder)
    _assert_complete(group)


def test_the_run_of_a_seed_is_queued_until_its_group_exists(group: Work) -> None:
    identity = stage_runs.run_identity(group.config, NAME)
    with runs.seed_evaluation(identity, group.folder, "no such hash", 1) as run:
        run.log_metrics({"test_bleu": 1.0})
    assert run.failure is not None
    assert group.client().get_experiment_by_name(f"seqproof/{CORPUS}") is None or not group.runs()
    assert len(offline_queue.queued_runs(group.folder)) == 1


def test_the_descriptions_have_mean_and_seed(group: Work) -> None:
    _evaluate(group)
    by_name = _by_name(group)
    parent, child = (
        by_name[name].data.tags[descriptions.DESCRIPTION] for name in (NAME, f"{NAME}, seed 1")
    )
    assert "BLEU 21.0 (1.4; 8.3 to 33.7); 9 tokens" in parent
    assert "seeds 3 1" in parent
    assert "- seed 1: lowest loss 2.75 nats in epoch 2 of 2, best bleu 10.5" in parent
    assert "seed 1, one of 2" in child
    assert "Test: BLEU 22.0; 9 tokens." in child
