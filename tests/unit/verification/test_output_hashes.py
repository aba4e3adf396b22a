"""Runs are sealed once, with what dvc.lock says, and a seal is never written over."""

import json
import os
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from commands.seal import seal
from pipelines.console import Exit
from pipelines.errors import UserError
from pipelines.lineage import dvc_project, lockfiles
from pipelines.tracking import run_store, runs
from pipelines.verification import output_hashes

MODEL = "mine-markov"
HERE = Path(__file__).resolve().parents[3]


def test_every_run_gets_the_hashes_of_its_outs(project):
    assert project.seal() == output_hashes.RecordSummary(new=4, known=0)
    of_the_experiment, of_the_commit = project.tags()
    entries = project.locked()
    for work, stage in (("training", "train_baseline"), ("evaluation", "evaluate")):
        text = of_the_commit[output_hashes.OUTS.format(work)]
        assert json.loads(text) == entries[f"{stage}@{MODEL}"].outs
        assert list(json.loads(text)) == sorted(json.loads(text))
        assert of_the_experiment[output_hashes.OUTS.format(work)] != text
    commit = project.run("git", "rev-parse", "HEAD")[:8]
    assert of_the_commit[output_hashes.LOCKS] == commit
    assert of_the_experiment[output_hashes.LOCKS] == "lower"


def test_what_is_sealed_is_not_written_again(project, monkeypatch):
    project.seal()
    monkeypatch.setattr(run_store.RunStore, "set_tags", lambda *_: pytest.fail("written again"))
    assert project.seal() == output_hashes.RecordSummary(new=0, known=4)


def test_a_stage_taken_from_the_cache_is_linked_to_the_run_that_made_it(project):
    """The value of the experiment, taken over: DVC runs no stage, and no run is made."""
    for _ in range(2):  # the model stands twice in params.yaml
        project.replace("params.yaml", "order: 3", "order: 2")
    printed = project.run("dvc", "repro", f"evaluate@{MODEL}")
    assert "is cached - skipping run" in printed
    assert "Running stage" not in printed
    commit = project.commit("as the experiment")
    assert project.seal() == output_hashes.RecordSummary(new=2, known=0)
    of_the_experiment, of_the_first = project.tags()
    assert of_the_experiment[output_hashes.LOCKS] == f"{commit[:8]}, lower"
    outs = project.locked()[f"evaluate@{MODEL}"].outs
    assert json.loads(of_the_experiment[output_hashes.OUTS.format("evaluation")]) == outs
    assert output_hashes.LOCKS not in of_the_first  # no dvc.lock at hand has it any more


def test_a_run_sealed_with_other_outs_is_named_and_left(project, capsys):
    project.seal()
    outs = project.locked()[f"train_baseline@{MODEL}"].outs[f"plots/{MODEL}.csv"]
    project.sql(f"update tags set value = replace(value, '{outs}', 'f{outs[1:]}')")
    before = project.tags()
    (finding,) = project.seal().findings
    short = project.ledger().runs[1].short_id
    assert finding.startswith(
        f"train_baseline@{MODEL}: run {short} is sealed with other outs than dvc.lock has "
        f"(plots/{MODEL}.csv: f{outs[1:8]}, {outs[:8]})"
    )
    assert project.tags() == before
    with pytest.raises(Exit) as ended:
        seal()
    assert ended.value.exit_code == 1
    first, *others = capsys.readouterr().out.splitlines()
    assert first == "3 stages are sealed by their runs, 0 of them now."
    assert others == [finding]


def test_a_stage_without_a_run_is_named(project):
    project.sql("update runs set lifecycle_stage = 'deleted'")
    outcome = project.seal()
    assert outcome.new == outcome.known == 0
    assert [line.partition(" has no run")[0] for line in outcome.missing] == [
        f"train_baseline@{MODEL}",
        f"evaluate@{MODEL}",
        f"train_baseline@{MODEL} of experiment lower",
        f"evaluate@{MODEL} of experiment lower",
    ]
    assert outcome.findings == []


def test_before_any_run_there_is_no_store_and_none_is_made(project):
    (project.root / "mlflow.db").unlink()
    assert len(project.seal().missing) == 4
    assert not (project.root / "mlflow.db").exists()


class Store(run_store.RunStore):
    """Runs that are only thought of."""

    def __init__(self, *kept: run_store.RunRecord) -> None:
        super().__init__(None, "")
        self.runs = kept
        self.written: dict[str, dict[str, str]] = {}

    def set_tags(self, run, tags):
        self.written[run.id] = dict(tags)


def entry(outs: str, stage: str = "train_lstm@m") -> dvc_project.LockedStage:
    return dvc_project.LockedStage(
        dvc_project.Inputs(stage, "command", {"a": "1"}, {}), {"models/m": outs}, {}, {}
    )


def lock(*outs: str, place: str = "") -> lockfiles.Lockfile:
    return lockfiles.Lockfile(
        place, {one.inputs.stage: one for one in map(entry, outs)}, place or None
    )


def kept(name: str, model: str | None, **tags: str) -> run_store.RunRecord:
    own = {runs.INPUT_HASH.format("training"): entry("").inputs.key, **tags}
    own |= {runs.MODEL_HASH: model} if model else {}
    return run_store.RunRecord(name, "m", "e", own, {}, {}, frozenset(), (), "")


def hashed(one: dvc_project.LockedStage) -> str:
    return f"hash of {one.outs['models/m']}"


def test_all_runs_of_one_key_that_made_the_model_are_sealed():
    """A forced rerun that gave the same again; one that was stopped made nothing."""
    store = Store(kept("again", "hash of x"), kept("first", "hash of x"), kept("stopped", None))
    assert output_hashes.record_outputs([lock("x")], store, hashed) == output_hashes.RecordSummary(
        new=2
    )
    assert set(store.written) == {"again", "first"}


def test_a_run_of_the_same_inputs_that_made_another_model_is_a_finding():
    store = Store(kept("other", "hash of y"), kept("right", "hash of x"))
    outcome = output_hashes.record_outputs([lock("x")], store, hashed)
    assert outcome.new == 1
    assert set(store.written) == {"right"}
    assert outcome.findings[0].startswith("train_lstm@m: run other read the same and made another")


def test_two_locks_with_two_outs_of_the_same_inputs_are_a_finding():
    store = Store(kept("one", "hash of x"), kept("two", "hash of y"))
    locks = [lock("x"), lock("y", place="experiment late")]
    outcome = output_hashes.record_outputs(locks, store, hashed)
    assert outcome.new == 2
    assert outcome.findings == [
        "train_lstm@m and train_lstm@m of experiment late read the same and left other outs "
        "(models/m: x, y): the stage does not give the same twice, or what it left was changed by "
        "hand and committed."
    ]


@pytest.mark.parametrize(("other", "new"), [("hash of x", 2), ("hash of y", 0)])
def test_where_the_model_is_gone_runs_are_believed_if_they_agree(other, new):
    store = Store(kept("one", "hash of x"), kept("two", other))
    outcome = output_hashes.record_outputs([lock("x")], store, lambda _: None)
    assert outcome.new == new
    assert len(outcome.findings) == (0 if new else 2)


def test_what_was_evaluated_anew_since_is_sealed_anew():
    key = entry("").inputs.key
    tags = {
        output_hashes.OUTS.format("training"): "{}",
        output_hashes.SEALED.format("training"): f"not {key}",
    }
    store = Store(kept("one", "hash of x", **tags))
    assert output_hashes.record_outputs([lock("x")], store, hashed) == output_hashes.RecordSummary(
        new=1
    )
    assert store.written["one"][output_hashes.OUTS.format("training")] == '{"models/m": "x"}'


def test_the_names_of_locks_are_few():
    before = {
        output_hashes.LOCKS: ", ".join(f"e{number}" for number in range(output_hashes.MOST - 1))
    }
    locks = [lock("x", place=f"experiment late{number}") for number in range(3)]
    store = Store(kept("one", "hash of x", **before))
    output_hashes.record_outputs(locks, store, hashed)
    names = store.written["one"][output_hashes.LOCKS].split(", ")
    assert names == [*before[output_hashes.LOCKS].split(", "), "late0"]
    again = Store(replace(store.runs[0], tags={**store.runs[0].tags, **store.written["one"]}))
    output_hashes.record_outputs(locks, again, hashed)
    assert again.written == {}


def test_two_at_once_seal_once(project):
    code = "import sys; from commands.seal import seal; seal()"
    with run_store.exclusive_lock(project.root):
        started = [
            subprocess.Popen(
                [sys.executable, "-c", code],
                env=environment(),
                stdout=subprocess.PIPE,
                text=True,
            )
            for _ in range(2)
        ]
        with pytest.raises(subprocess.TimeoutExpired):  # they wait for each other, and for this
            started[0].wait(timeout=10)
    said = sorted(process.communicate()[0] for process in started)
    assert [process.returncode for process in started] == [0, 0]
    assert said == [f"4 stages are sealed by their runs, {now} of them now.\n" for now in (0, 4)]


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(HERE)}


def test_a_server_that_is_gone_is_one_sentence(project, monkeypatch):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address.replace("//", "//someone:secret@"))
    with pytest.raises(UserError) as refusal:
        seal()
    assert str(refusal.value) == (
        f"The runs of tracking server {address} cannot be read (Connection refused). Start the "
        "server, or set MLFLOW_TRACKING_URI to another one."
    )


def test_without_a_dvc_lock_it_says_so(project):
    (project.root / "dvc.lock").unlink()
    with pytest.raises(UserError, match=r"^dvc\.lock is missing: `dvc repro` makes it\.$"):
        seal()
