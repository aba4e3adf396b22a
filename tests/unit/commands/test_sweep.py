"""`seqproof sweep` from the first trial to params.yaml."""

import json
import signal
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from commands import sweep as command
from pipelines.config import params
from pipelines.errors import UserError
from pipelines.lineage import dvc_project
from pipelines.sweeps import variants
from tests.unit.commands.sweep_project import MODEL, SWEEP, TRAIN, SweepProject
from tests.unit.config.shipped import TEXT


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SweepProject:
    """A project in which nothing has run."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return SweepProject.create(tmp_path / "project")


def test_a_sweep_is_killed_stopped_finished_and_applied(project: SweepProject) -> None:
    project.stop(signal.SIGKILL, trainings=3)
    errors = project.stop(signal.SIGINT, trainings=6)
    assert "Stopped by Ctrl-C after 4 trials. Run the same command again to resume." in errors
    assert not (project.folder / "sweeps").exists()

    copies = project.folder / ".seqproof" / "copies"
    for name in ("tuning-trial-9", "tuning-on-trial-9"):  # the second one is another sweep's
        (copies / name).mkdir(parents=True)
    output = json.loads(project.run("sweep", MODEL, "--jobs", "1", "--json"))
    trials = output["trials"]
    assert len(trials) == SWEEP["trials"]
    assert {trial["state"] for trial in trials} == {"complete", "pruned", "failed"}
    assert all(trial["values"]["dropout"] == 0.9 for trial in trials if trial["failure"])
    trained = [entry for entry in project.entries("train") if "seeds" not in entry]
    assert len(trained) == len(trials) + 2  # those that were killed and stopped ran twice
    assert output["start"] == {
        "dropout": 0.5,
        "hidden": [16],
        "optimizer.learning_rate": 0.0005,
    }
    assert trials[0]["values"] == output["start"]
    assert output["comparison"]["seeds"] == SWEEP["confirm_seeds"]
    assert len(project.entries("evaluate")) == 2
    file = project.folder / "sweeps" / "tuning.json"
    assert json.loads(file.read_text(encoding="utf-8")) == output
    assert [folder.name for folder in copies.iterdir()] == ["tuning-on-trial-9"]
    assert not (project.folder / "models").exists()  # the project's own files stay as they are
    assert "7 trials of 7 planned" in project.errors
    assert "The winner is better than the starting point on the test split" in project.errors
    _check_runs(project, trials)

    config = params.load(project.folder / "params.yaml")
    before = dvc_project.inputs(TRAIN, project.folder)
    assert before is not None
    project.trace.unlink()
    project.run("sweep", "tuning", "--apply", "--force")
    subprocess.run(["dvc", "repro", "-q", TRAIN], cwd=project.folder, check=True)
    assert not project.entries("train")
    winner = params.load(project.folder / "params.yaml").models[MODEL]
    best = max(t["value"] for t in trials if t["state"] == "complete")
    (values,) = [t["values"] for t in trials if t["state"] == "complete" and t["value"] == best]
    assert winner.dropout == values["dropout"]
    after = variants.trial_inputs(config, MODEL, before, values)
    assert after == dvc_project.inputs(TRAIN, project.folder)  # so its checkpoints are known


def _check_runs(project: SweepProject, trials: list[dict]) -> None:
    with closing(sqlite3.connect(project.folder / "mlflow.db")) as database:
        rows = database.execute(
            "select runs.name, runs.status from runs join experiments using (experiment_id) "
            "where experiments.name = 'seqproof/sweeps/tuning'"
        ).fetchall()
        (count,) = database.execute("select count(*) from runs").fetchone()
    status = {"complete": "FINISHED", "pruned": "KILLED", "failed": "FAILED"}
    expected = {f"tuning, trial {t['number']}": status[t["state"]] for t in trials}
    assert dict(rows) == {"tuning": "FINISHED", **expected}
    assert len(rows) == count == len(trials) + 1


def test_a_sweep_is_found_by_its_name_or_its_model() -> None:
    config = params.parse(TEXT, "params.yaml")
    sweep = params.Sweep.model_validate(SWEEP)
    other = sweep.model_copy(update={"model": "opinions-lstm"})
    many = {"first": sweep, "second": sweep, "third": other}
    config = config.model_copy(update={"sweeps": many})
    assert command.select(config, "second") == "second"
    assert command.select(config, "opinions-lstm") == "third"
    with pytest.raises(UserError, match=r"several sweeps.*first, second"):
        command.select(config, MODEL)
    with pytest.raises(UserError, match=r"no sweep 'thrid'; did you mean 'third'\?"):
        command.select(config, "thrid")
    none = config.model_copy(update={"sweeps": {}})
    with pytest.raises(UserError, match=r"no sweep 'x'; there is none\. docs/sweeps\.md"):
        command.select(none, "x")
    with pytest.raises(UserError, match=rf"no sweep of the model {MODEL}\. Define one under"):
        command.select(none, MODEL)
