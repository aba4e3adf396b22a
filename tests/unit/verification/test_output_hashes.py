"""Hashes of outs are recorded once, as dvc.lock has them, and never overwritten."""

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from commands.seal import seal
from pipelines.console import Exit
from pipelines.errors import UserError
from pipelines.lineage import lockfiles, run_tags
from pipelines.lineage.stages import Inputs, LockedStage
from pipelines.tracking import run_store
from pipelines.verification import output_hashes
from pipelines.verification.output_hashes import RecordSummary
from tests import watchdog
from tests.unit.tiny_project import EVALUATE, MODEL, TRAIN
from tests.unit.tracking.servers import closed_port

ROOT = Path(__file__).resolve().parents[3]


def test_every_run_gets_the_hashes_of_its_outs(project):
    assert project.seal() == RecordSummary(new=4, existing=0)
    experiment_tags, head_tags = project.tags()
    entries = project.locked()
    for kind, stage in (("training", TRAIN), ("evaluation", EVALUATE)):
        text = head_tags[run_tags.OUTS.format(kind)]
        assert json.loads(text) == entries[stage].outs
        assert list(json.loads(text)) == sorted(json.loads(text))
        assert experiment_tags[run_tags.OUTS.format(kind)] != text
    commit = project.run("git", "rev-parse", "HEAD")[:8]
    assert head_tags[run_tags.LOCKS] == commit
    assert experiment_tags[run_tags.LOCKS] == "lower"


def test_sealing_twice_writes_once(project, monkeypatch):
    project.seal()
    monkeypatch.setattr(run_store.RunStore, "set_tags", lambda *_: pytest.fail("written again"))
    assert project.seal() == RecordSummary(new=0, existing=4)


def test_a_stage_restored_from_the_cache_is_connected_to_the_run_that_made_it(project):
    """With the value of the experiment DVC runs no stage, so there is no new run."""
    project.replace("params.yaml", "order: 3", "order: 2")
    output = project.run("dvc", "repro", EVALUATE)
    assert "is cached - skipping run" in output
    assert "Running stage" not in output
    commit = project.commit("same as the experiment")
    assert project.seal() == RecordSummary(new=2, existing=0)
    experiment_tags, first_tags = project.tags()
    assert experiment_tags[run_tags.LOCKS] == f"{commit[:8]}, lower"
    outs = project.locked()[EVALUATE].outs
    assert json.loads(experiment_tags[run_tags.OUTS.format("evaluation")]) == outs
    assert run_tags.LOCKS not in first_tags  # no dvc.lock has its outs any more


def test_a_run_with_different_hashes_is_reported_and_not_overwritten(project, capsys):
    project.seal()
    outs = project.locked()[TRAIN].outs[f"plots/{MODEL}.csv"]
    project.sql(f"update tags set value = replace(value, '{outs}', 'f{outs[1:]}')")
    before = project.tags()
    (finding,) = project.seal().findings
    short = project.runs().runs[1].short_id
    assert finding.startswith(
        f"{TRAIN}: run {short} is sealed with different outs than dvc.lock has "
        f"(plots/{MODEL}.csv: f{outs[1:8]}, {outs[:8]})"
    )
    assert project.tags() == before
    with pytest.raises(Exit) as error:
        seal()
    assert error.value.exit_code == 1
    first, *others = capsys.readouterr().out.splitlines()
    assert first == "3 stages are sealed, 0 of them newly."
    assert others == [finding]


def test_a_stage_without_a_run_is_reported(project):
    project.sql("update runs set lifecycle_stage = 'deleted'")
    summary = project.seal()
    assert summary.new == summary.existing == 0
    assert [line.partition(" has no run")[0] for line in summary.missing] == [
        TRAIN,
        EVALUATE,
        f"{TRAIN} of experiment lower",
        f"{EVALUATE} of experiment lower",
    ]
    assert summary.findings == []


def test_without_any_run_no_database_is_created(project):
    (project.root / "mlflow.db").unlink()
    assert len(project.seal().missing) == 4
    assert not (project.root / "mlflow.db").exists()


class Store(run_store.RunStore):
    """Runs without a server."""

    def __init__(self, *records: run_store.RunRecord) -> None:
        super().__init__(None, "")
        self.runs = records
        self.written: dict[str, dict[str, str]] = {}

    def set_tags(self, run, tags):
        self.written[run.id] = dict(tags)


def entry(outs: str, stage: str = "train_lstm@m") -> LockedStage:
    return LockedStage(Inputs(stage, "command", {"a": "1"}, {}), {"models/m": outs}, {}, {})


def lock(*outs: str, location: str = "") -> lockfiles.Lockfile:
    return lockfiles.Lockfile(
        location, {stage.inputs.stage: stage for stage in map(entry, outs)}, location or None
    )


def run_record(name: str, model: str | None, **tags: str) -> run_store.RunRecord:
    all_tags = {run_tags.INPUT_HASH.format("training"): entry("").inputs.input_hash, **tags}
    all_tags |= {run_tags.MODEL_HASH: model} if model else {}
    return run_store.RunRecord(name, "m", "e", all_tags, {}, {}, frozenset(), (), "")


def model_hash(stage: LockedStage) -> str:
    return f"hash of {stage.outs['models/m']}"


def test_all_runs_with_the_same_inputs_and_model_are_sealed():
    """A forced rerun made the same model; a stopped run made none."""
    store = Store(
        run_record("rerun", "hash of x"),
        run_record("first", "hash of x"),
        run_record("stopped", None),
    )
    assert output_hashes.record_outputs([lock("x")], store, model_hash) == RecordSummary(new=2)
    assert set(store.written) == {"rerun", "first"}


def test_a_run_with_the_same_inputs_and_a_different_model_is_reported():
    store = Store(run_record("other", "hash of y"), run_record("right", "hash of x"))
    summary = output_hashes.record_outputs([lock("x")], store, model_hash)
    assert summary.new == 1
    assert set(store.written) == {"right"}
    assert summary.findings[0].startswith(
        "train_lstm@m: run other has the same inputs and a different model"
    )


def test_two_lockfiles_with_the_same_inputs_and_different_outs_are_reported():
    store = Store(run_record("one", "hash of x"), run_record("two", "hash of y"))
    locks = [lock("x"), lock("y", location="experiment late")]
    summary = output_hashes.record_outputs(locks, store, model_hash)
    assert summary.new == 2
    (finding,) = summary.findings
    assert finding.startswith(
        "train_lstm@m and train_lstm@m of experiment late have the same inputs and different outs "
        "(models/m: x, y)"
    )


@pytest.mark.parametrize(("other", "new"), [("hash of x", 2), ("hash of y", 0)])
def test_without_the_files_of_the_model_runs_are_accepted_if_they_agree(other, new):
    store = Store(run_record("one", "hash of x"), run_record("two", other))
    summary = output_hashes.record_outputs([lock("x")], store, lambda _: None)
    assert summary.new == new
    assert len(summary.findings) == (0 if new else 2)


def test_a_model_that_was_evaluated_again_is_sealed_again():
    input_hash = entry("").inputs.input_hash
    tags = {
        run_tags.OUTS.format("training"): "{}",
        run_tags.SEALED.format("training"): f"not {input_hash}",
    }
    store = Store(run_record("one", "hash of x", **tags))
    assert output_hashes.record_outputs([lock("x")], store, model_hash) == RecordSummary(new=1)
    assert store.written["one"][run_tags.OUTS.format("training")] == '{"models/m": "x"}'


def test_the_list_of_lockfiles_is_limited():
    tags = {
        run_tags.LOCKS: ", ".join(f"e{number}" for number in range(output_hashes.MAX_LOCKS - 1))
    }
    locks = [lock("x", location=f"experiment late{number}") for number in range(3)]
    store = Store(run_record("one", "hash of x", **tags))
    output_hashes.record_outputs(locks, store, model_hash)
    names = store.written["one"][run_tags.LOCKS].split(", ")
    assert names == [*tags[run_tags.LOCKS].split(", "), "late0"]
    sealed = Store(replace(store.runs[0], tags={**store.runs[0].tags, **store.written["one"]}))
    output_hashes.record_outputs(locks, sealed, model_hash)
    assert sealed.written == {}


def test_two_processes_seal_once(project):
    code = "import sys; from commands.seal import seal; seal()"
    with run_store.exclusive_lock(project.root):
        processes = [
            subprocess.Popen(
                [sys.executable, "-c", code],
                env=environment(),
                stdout=subprocess.PIPE,
                text=True,
            )
            for _ in range(2)
        ]
        for process in processes:
            progress = watchdog.Progress(partial(watchdog.tree, process.pid), patience=1.5)
            while not progress.has_stalled():
                time.sleep(0.1)
            assert process.poll() is None  # it waits for the lock
    outputs = sorted(process.communicate()[0] for process in processes)
    assert [process.returncode for process in processes] == [0, 0]
    assert outputs == [f"4 stages are sealed, {new} of them newly.\n" for new in (0, 4)]


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def test_an_unreachable_server_is_an_error_without_its_password(project, monkeypatch):
    address = f"http://127.0.0.1:{closed_port()}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address.replace("//", "//someone:secret@"))
    with pytest.raises(UserError) as error:
        seal()
    assert address in str(error.value)
    assert "Connection refused" in str(error.value)
    assert "MLFLOW_TRACKING_URI" in str(error.value)
    assert "secret" not in str(error.value)


def test_a_missing_dvc_lock_is_an_error(project):
    (project.root / "dvc.lock").unlink()
    with pytest.raises(UserError, match=r"dvc\.lock is missing.*seqproof run"):
        seal()
