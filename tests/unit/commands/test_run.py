"""`seqproof run --json`; tests/faults runs real stages."""

import json
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest

from commands import app, execution, run, sweep
from pipelines import console
from pipelines.errors import UserError
from pipelines.scheduling import gpus


@pytest.mark.parametrize("failed", [[], ["train@a"]])
def test_messages_go_to_standard_error_and_the_end_is_json(tmp_path, monkeypatch, capsys, failed):
    def run_stages(root, targets, jobs, devices, scheduler, slurm):
        console.echo("train@a: started")
        return SimpleNamespace(in_state=lambda state: failed), {"ok": not failed}

    (tmp_path / "dvc.yaml").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(gpus, "choose", lambda count: [])
    monkeypatch.setattr(run, "_run", run_stages)
    if failed:
        with pytest.raises(console.Exit):
            run.run([], None, None, as_json=True)
    else:
        run.run([], None, None, as_json=True)
    output = capsys.readouterr()
    assert output.err == "train@a: started\n"
    assert json.loads(output.out) == {"ok": not failed}


def test_error_of_params_has_a_line(tmp_path):
    (tmp_path / "params.yaml").write_text("seed: 1\ndata_seed:\n\tx: 1\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"params\.yaml:3 is not valid YAML: a tab cannot"):
        execution._parse_survey(tmp_path, json.dumps({"error": "DVC cannot read it."}))


@pytest.mark.parametrize("checked", [True, False])
def test_an_unknown_key_of_a_project_is_one_sentence(tmp_path, checked):
    (tmp_path / "params.yaml").write_text("sed: 1\n", encoding="utf-8")
    if checked:
        (tmp_path / "stages").mkdir()
        (tmp_path / "stages" / "check.py").touch()
    answer = json.dumps({"stages": {}})
    if not checked:  # the parameters of another pipeline
        assert execution._parse_survey(tmp_path, answer) == {}
        return
    with pytest.raises(UserError, match=r"params\.yaml:1: sed is not a valid key"):
        execution._parse_survey(tmp_path, answer)


def test_other_errors_are_those_of_dvc(tmp_path):
    params = Path(__file__).parents[3] / "params.yaml"
    (tmp_path / "params.yaml").write_bytes(params.read_bytes())
    with pytest.raises(UserError, match="DVC cannot read it"):
        execution._parse_survey(tmp_path, json.dumps({"error": "DVC cannot read it."}))


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("sweep a --slurm --scheduler tcp://h:1", "--slurm cannot be combined"),
        (
            "run --slurm --jobs 2 --scheduler tcp://h:1",
            "--slurm cannot be combined with --scheduler",
        ),
        ("run --slurm --jobs 2 --gpus 1", "--gpus is for this machine"),
        ("run --scheduler tcp://h:1 --gpus 1", "--gpus is for this machine"),
    ],
)
def test_options_that_contradict_each_other(command, message):
    with pytest.raises(UserError, match=message):
        app.app(command.split(), standalone_mode=False)


def test_a_sweep_in_jobs_of_slurm_uses_their_scheduler(monkeypatch):
    addresses = []

    class Session:
        def __init__(self, root, config, name, jobs, scheduler):
            addresses.append(scheduler)

        def run(self):
            return None

    monkeypatch.setattr(
        execution, "slurm_scheduler", lambda jobs: nullcontext(f"tls://{jobs}-jobs")
    )
    monkeypatch.setattr(sweep, "_Session", Session)
    monkeypatch.setattr(sweep, "select", lambda config, name: name)
    monkeypatch.setattr(sweep, "_print_summary", lambda result: None)
    app.app(["sweep", "a", "--slurm", "--jobs", "3"], standalone_mode=False)
    app.app(["sweep", "a", "--slurm"], standalone_mode=False)
    app.app(["sweep", "a", "--scheduler", "tcp://h:1"], standalone_mode=False)
    assert addresses == ["tls://3-jobs", "tls://1-jobs", "tcp://h:1"]
