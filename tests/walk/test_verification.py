"""Seeds; results that are sealed, traced, verified and reproduced."""

import json
import re
from typing import Any

import pandas as pd
import pytest

from commands.verify import verify
from pipelines import console, paths
from pipelines.tracking import run_store
from pipelines.verification import comparisons, sandbox
from tests.walk.projects import (
    FAMILIES,
    stages_run,
)


def test_seeds_are_one_model_with_a_run_for_each(copy):
    def add_seeds(tree: dict[str, Any]) -> None:
        for family, name in (("baseline", "moods-perceptron"), ("lstm", "moods-rnn")):
            tree["models"][family][name]["seeds"] = [3, 1]

    copy.edit_params(add_seeds)
    copy.run("dvc", "repro", "evaluate_baseline@moods-perceptron", "evaluate_lstm@moods-rnn")
    metrics = copy.metrics("moods-rnn")
    frame = pd.read_parquet(copy.folder / paths.predictions("moods-rnn"))
    accuracies = [(part["predicted"] == part["label"]).mean() for _, part in frame.groupby("seed")]
    assert metrics["test_accuracy"] == pytest.approx(sum(accuracies) / 2)
    assert metrics["seeds"] == frame["seed"].nunique() == 2
    store = run_store.open_store(copy.folder)
    runs = [run for run in store.runs if run.tags["corpus"] == "moods"]
    parent = next(run for run in runs if run.name == "moods-rnn")
    children = [run for run in runs if run.tags.get("mlflow.parentRunId") == parent.id]
    assert {run.name for run in children} == {"moods-rnn, seed 1", "moods-rnn, seed 3"}
    assert {run.metrics["test_accuracy"] for run in children} == set(accuracies)
    output = copy.run("seqproof", "compare", "moods-perceptron", "moods-rnn")
    assert "The verdict is about the recipes" in output
    assert re.match(r"\d+ ", copy.run("seqproof", "seal"))
    assert "level 0: identical" in copy.run("seqproof", "verify", "moods-rnn")


def test_results_are_sealed_traced_and_verified(copy):
    stages = 2 * len(FAMILIES)
    for new in (stages, 0):
        sealed = copy.run("seqproof", "seal")
        assert re.findall(r"\d+", sealed) == [str(stages), str(new)]
    traced = copy.run("seqproof", "trace", "analyses/moods-tuned.json")
    upstream = {"train_lstm@phrases-rnn", "fine_tune@moods-tuned"}
    for stage in upstream | {"evaluate_fine_tuned@moods-tuned"}:
        assert f"\n  {stage}\n" in traced
    trace = json.loads(copy.run("seqproof", "trace", "analyses/moods-tuned.json", "--json"))
    assert trace["problems"] == []
    assert trace["path"] == "analyses/moods-tuned.json"
    parts = {stage["stage"]: stage["part"] for stage in trace["stages"]}
    assert upstream <= {stage for stage, part in parts.items() if part == "upstream"}
    assert parts["evaluate_fine_tuned@moods-tuned"] == "target"
    assert parts["report"] == "downstream"
    states = {file["state"] for stage in trace["stages"] for file in stage["outs"]}
    assert states == {"unchanged"}

    verified = copy.run("seqproof", "verify", "--all")
    assert verified.count("level 0: identical") == len(FAMILIES)
    assert stages_run(copy.run("dvc", "repro")) == {"report"}
    page = (copy.folder / "report.html").read_text(encoding="utf-8")
    assert page.count("verified, level 0</span>") == len(FAMILIES)
    assert page.count(" tokens/s</span>") == len(FAMILIES)

    weights = copy.folder / paths.model("phrases-rnn") / "model.weights.h5"
    content = bytearray(weights.read_bytes())
    content[len(content) // 2] ^= 1
    weights.write_bytes(content)
    # The classifier that starts from this model is affected, too.
    output = copy.run("seqproof", "verify", "moods-tuned", ok=False)
    assert "moods-tuned: level 0: 1 finding" in output
    finding = r"models/phrases-rnn .*train_lstm@phrases-rnn .*: model\.weights\.h5 \("
    assert re.search(finding, output)
    output = copy.run("dvc", "repro", "--single-item", "report")
    assert stages_run(output) == {"report"}
    page = (copy.folder / "report.html").read_text(encoding="utf-8")
    assert page.count("verified, level 0</span>") == len(FAMILIES) - 1
    assert page.count("1 finding, level 0</span>") == 1


def test_a_result_is_reproduced_in_a_clean_checkout(copy, monkeypatch, capsys):
    """Level 2, which checks the levels below first; then again with code that trains otherwise."""
    name = "moods-perceptron"
    monkeypatch.chdir(copy.folder)
    for key, value in copy.variables.items():  # of the stages in the checkout
        monkeypatch.setenv(key, value)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    before = copy.outs()
    copy.run("seqproof", "seal")
    verify(name, 2)
    output = capsys.readouterr().out
    assert f"{name}: level 2: identical" in output
    assert re.search(rf"train_baseline@{name}: the first 18 steps", output)
    for stage in ("check", "fetch@moods", f"train_baseline@{name}", f"evaluate_baseline@{name}"):
        assert f"\n  {stage}: identical\n" in output

    run = sandbox.Sandbox.run

    def run_with_other_rate(self: sandbox.Sandbox, arguments: list[str]) -> str | None:
        schedules = self.root / "pipelines" / "training" / "schedules.py"
        text = schedules.read_text(encoding="utf-8")
        if "train_baseline" in " ".join(arguments):
            edited = text.replace("return rate\n", "return rate if step < 7 else 2 * rate\n")
            assert edited != text
            schedules.write_text(edited, encoding="utf-8")
        return run(self, arguments)

    monkeypatch.setattr(sandbox.Sandbox, "run", run_with_other_rate)
    monkeypatch.setattr(comparisons, "CLOSE_LIMIT", 1e-6)
    with pytest.raises(console.Exit):
        verify(name, 2)
    output = capsys.readouterr().out
    assert f"{name}: level 2: 1 finding" in output
    assert re.search(rf"\n  train_baseline@{name} is the first stage", output)
    assert re.search(r"first step that differs is 9 of 18", output)
    assert "\n  build_vocab@moods: identical\n" in output
    assert copy.outs() == before
    assert len(copy.run("git", "worktree", "list").splitlines()) == 1
    assert copy.outdated() == {"report"}
