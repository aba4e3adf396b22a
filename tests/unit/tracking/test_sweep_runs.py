"""Runs of a sweep: one for the sweep, and below it one for each trial."""

import pytest

from pipelines.config import params
from pipelines.errors import Interrupted
from pipelines.tracking import offline_queue, sweep_runs
from tests.unit.tracking.work import NAME, ROWS, Work

SWEEP = params.Sweep.model_validate(
    {
        "model": NAME,
        "parameters": {"units": {"low": 8, "high": 64}},
        "trials": 3,
        "metric": "valid_loss",
        "seed": 1,
        "confirm_seeds": [11, 12, 13],
    }
)
EXPERIMENT = "seqproof/sweeps/wide"


@pytest.fixture
def project(work: Work) -> Work:
    """A project with a sweep."""
    work.config = work.config.model_copy(update={"sweeps": {"wide": SWEEP}})
    return work


def _log(project: Work, interrupt: bool = False) -> None:
    with sweep_runs.sweep_runs(project.config, "wide", "key", project.folder) as runs:
        runs.log_trial(0, "complete", {"units": 8}, ROWS, {"best_valid_loss": 2.75})
        runs.log_trial(1, "pruned", {"units": 9}, ROWS[:1], {"best_valid_loss": 3.1})
        if interrupt:
            raise Interrupted("Ctrl-C", 130)
        runs.log_trial(2, "failed", {"units": 10}, [], {})


def _assert_complete(project: Work) -> None:
    client = project.client()
    experiment = client.get_experiment_by_name(EXPERIMENT)
    runs = {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}
    assert set(runs) == {"wide", "wide, trial 0", "wide, trial 1", "wide, trial 2"}
    parent = runs.pop("wide")
    assert parent.data.tags["model"] == NAME
    assert parent.data.params["parameters.units.high"] == "64.0"
    assert parent.info.status == "FINISHED"
    assert {run.data.tags["mlflow.parentRunId"] for run in runs.values()} == {parent.info.run_id}
    assert {name: run.info.status for name, run in runs.items()} == {
        "wide, trial 0": "FINISHED",
        "wide, trial 1": "KILLED",
        "wide, trial 2": "FAILED",
    }
    first = runs["wide, trial 0"]
    assert first.data.params == {"units": "8"}
    assert first.data.metrics["best_valid_loss"] == 2.75
    assert (first.data.tags["trial"], first.data.tags["state"]) == ("0", "complete")
    points = client.get_metric_history(first.info.run_id, "valid_loss")
    assert [point.step for point in points] == [1, 2]


def test_a_sweep_that_goes_on_continues_the_same_runs(project: Work) -> None:
    with pytest.raises(Interrupted):
        _log(project, interrupt=True)
    _log(project)
    _assert_complete(project)


def test_the_runs_of_a_sweep_without_a_server_are_uploaded_later(
    project: Work, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    _log(project)
    assert capsys.readouterr().out.count("unreachable") == 1
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    summary = offline_queue.upload(project.folder, any_server=True, quiet=True)
    assert (summary.failure, summary.rejected) == (None, [])
    _assert_complete(project)
