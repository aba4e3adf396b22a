"""`seqproof run --json`; tests/faults runs real stages."""

import json
from types import SimpleNamespace

import pytest

from commands import run
from pipelines import console
from pipelines.scheduling import gpus


@pytest.mark.parametrize("failed", [[], ["train@a"]])
def test_messages_go_to_standard_error_and_the_end_is_json(tmp_path, monkeypatch, capsys, failed):
    def run_stages(root, targets, jobs, devices):
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
