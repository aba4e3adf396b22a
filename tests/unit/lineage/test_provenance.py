"""Inputs of a stage: from DVC in a project, from hashes outside of one."""

import json
from dataclasses import replace

import pytest

from pipelines.lineage import environment, provenance

TRAIN = "train_baseline@mine-markov"


def test_in_a_project_inputs_are_those_of_the_lock(project):
    inputs = provenance.inputs(TRAIN, project.root)
    assert inputs == project.locked()[TRAIN].inputs
    assert inputs.input_hash == project.locked()[TRAIN].inputs.input_hash


@pytest.mark.parametrize(
    ("path", "old", "new"), [("params.yaml", "order: 3", "order: 4"), ("work.py", "2.0", "2.5")]
)
def test_an_edit_changes_the_inputs(project, path, old, new):
    project.replace(path, old, new)
    inputs = provenance.inputs(TRAIN, project.root)
    assert inputs.input_hash != project.locked()[TRAIN].inputs.input_hash


def test_the_inputs_of_a_training_are_those_of_the_model_that_is_evaluated(project):
    training = project.locked()[TRAIN].inputs
    evaluation = provenance.inputs("evaluate_baseline@mine-markov", project.root)
    assert provenance.training_inputs(evaluation, TRAIN, project.root) == training
    path = "models/mine-markov"
    for files in ({path: "f.dir"}, {"work.py": "f"}):  # another model, and newer code
        changed = replace(evaluation, files={**evaluation.files, **files})
        assert provenance.training_inputs(changed, TRAIN, project.root) is None
    assert provenance.training_inputs(evaluation, "train_lstm@mine-markov", project.root) is None
    project.replace("dvc.lock", "stages:", "stages: # a comment, and DVC's order is gone")
    assert provenance.training_inputs(evaluation, TRAIN, project.root) == training
    (project.root / "dvc.lock").write_text("{", encoding="utf-8")
    assert provenance.training_inputs(evaluation, TRAIN, project.root) is None


def test_outside_a_project_inputs_are_params_code_and_data(tmp_path):
    def write(path, text):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text, encoding="utf-8")
        return provenance.inputs("train_lstm@m", tmp_path).input_hash

    empty = provenance.inputs("train_lstm@m", tmp_path)
    assert empty.command == "python -m stages.train_lstm m"
    assert set(empty.files) == {"pipelines", "stages"}
    assert empty.params == {}
    hashes = {
        empty.input_hash,
        write("params.yaml", "seed: 1"),
        write("params.yaml", "seed: 2"),
        write("data/prepared/c/train.parquet", "1"),
        write("data/prepared/c/train.parquet", "2"),
        write("data/vocabulary/c.json", "[]"),
    }
    assert len(hashes) == 6
    assert provenance.inputs("report", tmp_path).command == "python -m stages.report"


def test_the_record_has_inputs_git_machine_variables_and_packages(project, monkeypatch):
    inputs = provenance.inputs(TRAIN, project.root)
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")
    record = json.loads(provenance.record(inputs, project.root, {"device": "cpu"}))
    assert record["key"] == inputs.input_hash
    assert record["files"] == inputs.files
    assert record["git"]["git_commit"] == project.run("git", "rev-parse", "HEAD")
    assert record["environment"] == {**environment.machine(), "device": "cpu"}
    assert record["packages"] == environment.packages()
    assert record["variables"] == environment.variables()
    assert record["variables"]["TF_ENABLE_ONEDNN_OPTS"] == "0"
