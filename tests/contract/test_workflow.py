"""The workflow and the development container of a project use commands that exist."""

import json
import re
import shlex
import subprocess

import pytest
import yaml
from typer.testing import CliRunner

from commands.app import app
from tests.contract.imports import ROOT

JOBS = yaml.safe_load((ROOT / ".github/workflows/compare.yml").read_text(encoding="utf-8"))["jobs"]
SCRIPTS = {
    step["name"].partition(" ")[0]: step["run"]
    for step in JOBS["compare"]["steps"]
    if "run" in step
}


@pytest.mark.parametrize("name", sorted(SCRIPTS))
def test_each_step_is_a_valid_script(name):
    script = re.sub(r"\$\{\{.*?\}\}", "1", SCRIPTS[name])
    subprocess.run(["bash", "-n", "-c", script], check=True)


def test_the_comparison_has_its_options():
    words = shlex.split(SCRIPTS["Compare"].partition("|")[0])
    assert words[:2] == [".venv/bin/seqproof", "compare"]
    options = [word for word in words if word.startswith("--")]
    output = CliRunner().invoke(app, ["compare", "--help"]).output
    assert options
    assert all(option in output for option in options)


def test_the_predictions_of_all_models_are_fetched(tmp_path):
    """The names come from the metrics, which Git has."""
    (tmp_path / "metrics").mkdir()
    for name in ("a-markov", "b.lstm"):
        (tmp_path / "metrics" / f"{name}.json").touch()
    subprocess.run("git init -q . && git add .", shell=True, cwd=tmp_path, check=True)
    words = re.search(r"\$\((.*)\)", SCRIPTS["Fetch"])[1]
    files = subprocess.check_output(words, shell=True, cwd=tmp_path, text=True).split()
    assert files == ["predictions/a-markov.parquet", "predictions/b.lstm.parquet"]


def test_the_container_installs_with_make():
    text = (ROOT / ".devcontainer/devcontainer.json").read_text(encoding="utf-8")
    container = json.loads(text)
    assert container["postCreateCommand"] == "make install"
    assert container["remoteEnv"]["PATH"].startswith("${containerWorkspaceFolder}/.venv/bin:")
