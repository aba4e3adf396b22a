"""`seqproof figure` draws the figures of the tutorial from a project's outs."""

import json
import shutil
from pathlib import Path

import pytest
import yaml

from commands import figure
from pipelines.errors import UserError
from pipelines.tutorial.figures import FIGURES
from tests.contract.imports import ROOT

NAME = "memory-adding"
OUTS = ROOT / "docs" / "tutorial" / "outs"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for file in ("params.yaml", "experiments/memory/adding.csv"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(OUTS / file, tmp_path / file)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_figure_is_drawn_from_the_outs(project, capsys):
    figure.figure([NAME, NAME], Path("figures"), as_json=False)
    assert capsys.readouterr().out == f"figures/{NAME}.svg\n"
    drawn = project / "figures" / f"{NAME}.svg"
    published = ROOT / "docs" / "tutorial" / "figures" / drawn.name
    assert drawn.read_bytes() == published.read_bytes()


def test_without_a_name_all_are_listed(project, capsys):
    figure.figure([], Path("figures"), as_json=False)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines if not line.startswith(" ")] == list(FIGURES)
    assert "needs: seqproof run memory@adding" in " ".join(lines)
    figure.figure([], Path("figures"), as_json=True)
    listed = json.loads(capsys.readouterr().out)["figures"]
    assert listed[NAME]["needs"] == ["memory@adding"]
    assert not (project / "figures").exists()


def test_json_names_the_files(project, capsys):
    figure.figure([NAME], Path("pictures"), as_json=True)
    assert json.loads(capsys.readouterr().out) == {"figures": {NAME: f"pictures/{NAME}.svg"}}


def test_a_missing_out_names_the_command(project):
    (project / "experiments/memory/adding.csv").unlink()
    with pytest.raises(UserError, match=r"Run `seqproof run memory@adding` first\.$"):
        figure.figure([NAME], Path("figures"), as_json=False)
    assert not (project / "figures").exists()


def test_in_a_folder_below_the_root_is_asked_for(project, monkeypatch):
    monkeypatch.chdir(project / "experiments")
    with pytest.raises(UserError, match=r"Run this command in the project's root"):
        figure.figure([NAME], Path("figures"), as_json=False)


def test_a_stage_without_its_entry_in_params_is_named(project):
    file = project / "params.yaml"
    tree = yaml.safe_load(file.read_text(encoding="utf-8"))
    del tree["experiments"]["memory"]["adding"]
    file.write_text(yaml.safe_dump(tree), encoding="utf-8")
    with pytest.raises(UserError, match=r"memory@adding writes, but params.yaml has no such entry"):
        figure.figure([NAME], Path("figures"), as_json=False)


def test_an_unknown_figure_names_the_nearest(project):
    with pytest.raises(UserError, match=r"did you mean 'memory-adding'"):
        figure.figure(["memory-addin"], Path("figures"), as_json=False)
