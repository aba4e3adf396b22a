"""`seqproof verify`: verdicts are printed, logged to their runs and saved, the same each time."""

import json

import pytest
from typer.testing import CliRunner

from commands.app import app
from commands.verify import verify
from pipelines.console import Exit
from pipelines.errors import UserError
from pipelines.lineage import environment, hashing
from pipelines.verification import verify as verification
from pipelines.verification.check_result import CheckResult
from tests.unit.tiny_project import MODEL

SHOW = "Run `seqproof run report` to show the verdict in the report."


@pytest.fixture
def project(project):
    project.seal()
    return project


def test_an_unchanged_model_is_identical(project, capsys):
    verify(MODEL, level=0)
    lines = capsys.readouterr().out.splitlines()
    assert lines == [f"{MODEL}: level 0: identical, 4 stages", SHOW]
    run = project.runs().runs[1]
    assert run.tags[verification.VERIFIED] == "level 0: identical"
    assert verification.VERIFIED not in project.runs().runs[0].tags
    text = (project.root / "verified" / f"{MODEL}.json").read_text(encoding="utf-8")
    assert project.runs().read_text(run, "verify/level-0.json") == text
    verdict = json.loads(text)
    metrics = hashing.file_md5(project.root / "metrics" / f"{MODEL}.json")
    hashes = {stage: entry.inputs.input_hash for stage, entry in project.locked().items()}
    assert verdict == {
        "model": MODEL,
        "level": 0,
        "verdict": "level 0: identical",
        "findings": [],
        "remarks": [],
        "metrics": metrics,
        "training": {
            "processor": environment.processor(),
            "instruction_sets": environment.summarize_instructions(environment.instruction_sets()),
            "cores": str(environment.cores()),
        },
        "stages": {stage: key for stage, key in hashes.items() if stage != "report"},
    }
    verify(None, level=0)  # all models, of which there is one
    assert capsys.readouterr().out.splitlines() == lines
    assert (project.root / "verified" / f"{MODEL}.json").read_text(encoding="utf-8") == text


def test_findings_are_printed_and_the_exit_code_is_1(project, capsys):
    project.flip_bit(f"models/{MODEL}/counts")
    project.replace(f"metrics/{MODEL}.json", "4.5", "4.4")
    with pytest.raises(Exit) as error:
        verify(MODEL, level=0)
    assert error.value.exit_code == 1
    first, *findings, last = capsys.readouterr().out.splitlines()
    assert first == f"{MODEL}: level 0: 3 findings, 4 stages"
    assert last == SHOW
    verdict = json.loads((project.root / "verified" / f"{MODEL}.json").read_text(encoding="utf-8"))
    assert [f"  {finding}" for finding in verdict["findings"]] == findings
    assert verdict["metrics"] == hashing.file_md5(project.root / f"metrics/{MODEL}.json")
    assert str(project.root) not in json.dumps(verdict)
    assert project.runs().runs[1].tags[verification.VERIFIED] == "level 0: 3 findings"


def test_the_verdict_of_an_experiment_is_not_saved_for_the_report(project, capsys):
    run = project.runs().runs[0]
    verify(run.id[:6], level=0)
    assert capsys.readouterr().out == f"{MODEL} in experiment lower: level 0: identical, 4 stages\n"
    assert project.runs().runs[0].tags[verification.VERIFIED] == "level 0: identical"
    assert [file.name for file in (project.root / "verified").iterdir()] == ["README.md"]


def test_without_a_run_the_verdict_is_only_saved(project, capsys):
    project.sql("update runs set lifecycle_stage = 'deleted'")
    with pytest.raises(Exit):
        verify(MODEL, level=0)
    assert "The verdict was not logged" in capsys.readouterr().out
    assert (project.root / "verified" / f"{MODEL}.json").is_file()


def test_the_verdict_has_the_figure_of_the_difference(target, monkeypatch):
    result = CheckResult("close", figure="at most 0.43% apart")
    monkeypatch.setattr(verification, "LEVELS", {2: lambda _: result})
    assert verification.verify(target, 2).verdict == "level 2: close, at most 0.43% apart"


def test_a_level_runs_if_those_below_have_no_findings(target, monkeypatch):
    calls = []

    def level(number, *findings):
        return lambda _: calls.append(number) or CheckResult("identical", findings)

    levels = {0: level(0), 1: level(1, "one."), 2: level(2, "two.", "three.")}
    monkeypatch.setattr(verification, "LEVELS", levels)
    assert verification.verify(target, 0).verdict == "level 0: identical"
    assert verification.verify(target, 2).verdict == "level 1: 1 finding"
    assert calls == [0, 0, 1]


@pytest.mark.parametrize(
    ("name", "level", "message"),
    [
        ("mine-markoff", 0, "'mine-markoff' .* did you mean 'mine-markov'"),
        ("ffffffff", 0, "'ffffffff' .*known: mine-markov"),
        (MODEL, 3, "level 3.*0, 1, 2"),
    ],
)
def test_unknown_names_and_levels_are_errors(project, name, level, message):
    with pytest.raises(UserError, match=message):
        verify(name, level)


def test_all_excludes_a_model():
    result = CliRunner().invoke(app, ["verify", MODEL, "--all"])
    assert isinstance(result.exception, UserError)
    assert "--all" in str(result.exception)
    assert MODEL in str(result.exception)
