"""A group of seeds is one run with a run below it for each seed, however often it is told."""

from typing import Any

import pandas as pd
import pytest

from pipelines.evaluation import seed_aggregation
from pipelines.lineage import provenance
from pipelines.tracking import descriptions, offline_queue, records, runs, store
from pipelines.training import history as epochs_table
from tests.unit.tracking.work import CORPUS, NAME, ROWS, Work

SEEDS = (3, 1)
ALONE: dict[int, dict[str, float | int | str]] = {
    3: {"task": "translation", "corpus": CORPUS, "test_bleu": 20.0, "test_tokens": 9},
    1: {"task": "translation", "corpus": CORPUS, "test_bleu": 22.0, "test_tokens": 9},
}


@pytest.fixture
def group(work: Work) -> Work:
    """A project whose model is a group, and the table of its epochs."""
    entry = work.everything.models[NAME].model_copy(update={"seeds": SEEDS})
    work.everything = work.everything.model_copy(
        update={"models": {**work.everything.models, NAME: entry}}
    )
    rows = [
        {"seed": seed, **row, "valid_bleu": row["valid_bleu"] + seed}
        for seed in SEEDS
        for row in ROWS
    ]
    epochs_table.write_history(pd.DataFrame(rows), work.history)
    return work


def _evaluate(work: Work) -> None:
    """What the stage tells."""
    means = seed_aggregation.means(list(ALONE.values()))
    identity = records.identity(work.everything, NAME)
    digest = provenance.folder_hash(work.model)
    test = work.data["test"]
    with runs.evaluation(identity, work.folder, digest) as run:
        records.backfill(run, work.everything, NAME, work.history, means)
        run.log_metrics({key: value for key, value in means.items() if not isinstance(value, str)})
    for seed, metrics in ALONE.items():
        with runs.of_seed(identity, work.folder, digest, seed) as run:
            records.log_seed_run(run, work.everything, NAME, seed, work.history, metrics, test)


def _by_name(work: Work) -> dict[str, Any]:
    found = {run.info.run_name: run for run in work.runs()}
    assert len(found) == len(work.runs())
    return found


def _points(work: Work, run: Any, key: str) -> list[tuple[int, float]]:
    points = work.client().get_metric_history(run.info.run_id, key)
    return [(point.step, point.value) for point in points]


def _require_whole(work: Work) -> None:
    found = _by_name(work)
    assert set(found) == {NAME, f"{NAME}, seed 3", f"{NAME}, seed 1"}
    above = found[NAME]
    assert above.data.metrics["test_bleu"] == 21
    assert above.data.metrics["test_bleu_sd"] == pytest.approx(2**0.5)
    assert _points(work, above, "seed-1/valid_bleu") == [(1, 3.0), (2, 10.5)]
    assert _points(work, above, "by_tokens/seed-3/valid_bleu") == [(500, 5.0), (1000, 12.5)]
    for seed in SEEDS:
        below = found[f"{NAME}, seed {seed}"]
        assert below.data.tags["mlflow.parentRunId"] == above.info.run_id
        assert below.data.metrics["test_bleu"] == ALONE[seed]["test_bleu"]
        assert below.data.params["seed"] == str(seed)
        assert _points(work, below, "valid_bleu") == [(1, 2.0 + seed), (2, 9.5 + seed)]
        assert below.info.status == "FINISHED"
        assert below.data.tags["cell"] == "lstm"
    assert "mlflow.parentRunId" not in above.data.tags
    assert "seed" not in above.data.params or above.data.params["seed"] == "None"


def test_evaluated_twice_there_is_one_run_for_each_seed_below_one(group: Work) -> None:
    _evaluate(group)
    _evaluate(group)
    _require_whole(group)


def test_what_a_lost_server_did_not_hear_of_a_group_comes_in_order(
    group: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise ConnectionRefusedError(111, "Connection refused")

    with monkeypatch.context() as lost:
        lost.setattr(store, "connect", refuse)
        _evaluate(group)
    assert len(offline_queue.waiting(group.folder)) == 3
    assert offline_queue.send(group.folder).lost is None
    assert not offline_queue.waiting(group.folder)
    _require_whole(group)


def test_a_seed_whose_group_is_not_there_yet_waits(group: Work) -> None:
    identity, digest = records.identity(group.everything, NAME), "none"
    with runs.of_seed(identity, group.folder, digest, 1) as run:
        run.log_metrics({"test_bleu": 1.0})
    assert run.lost is not None
    assert group.client().get_experiment_by_name(f"seqproof/{CORPUS}") is None or not group.runs()
    assert len(offline_queue.waiting(group.folder)) == 1


def test_the_descriptions_tell_mean_and_seed(group: Work) -> None:
    _evaluate(group)
    found = _by_name(group)
    above, below = (found[name].data.tags[descriptions.NOTE] for name in (NAME, f"{NAME}, seed 1"))
    assert "bleu 21 (1.414; 8.294 to 33.71); 9 tokens" in above
    assert "seeds 3 1" in above
    assert "- seed 1: lowest loss 2.75 nats in epoch 2 of 2, best bleu 10.5" in above
    assert "seed 1, one of 2" in below
    assert "Test: bleu 22; 9 tokens." in below
