"""`seqproof verify`: a verdict is said, put on its run and kept, the same each time."""

import json
import re

import pytest
from typer.testing import CliRunner

from commands.app import app
from commands.verify import verify
from pipelines.console import Exit
from pipelines.errors import UserError
from pipelines.lineage import provenance
from pipelines.verification import verify as verification
from pipelines.verification.results import CheckResult

MODEL = "mine-markov"


@pytest.fixture
def project(project):
    project.seal()
    return project


def test_what_is_as_it_was(project, capsys):
    verify(MODEL, level=0)
    said = capsys.readouterr().out.splitlines()
    assert said == [
        f"{MODEL}: level 0: identical, 4 stages",
        "`dvc repro report` puts it on the page.",
    ]
    run = project.ledger().runs[1]
    assert run.tags[verification.VERIFIED] == "level 0: identical"
    assert verification.VERIFIED not in project.ledger().runs[0].tags
    text = (project.root / "verified" / f"{MODEL}.json").read_text(encoding="utf-8")
    assert project.ledger().read_text(run, "verify/level-0.json") == text
    verdict = json.loads(text)
    metrics = provenance.file_hash(project.root / "metrics" / f"{MODEL}.json")
    keys = {stage: entry.inputs.key for stage, entry in project.locked().items()}
    assert verdict == {
        "model": MODEL,
        "level": 0,
        "verdict": "level 0: identical",
        "findings": [],
        "remarks": [],
        "metrics": metrics,
        "training": {"processor": provenance.processor(), "cores": str(provenance.cores())},
        "stages": {stage: key for stage, key in keys.items() if stage != "report"},
    }
    verify(None, level=0)  # all models, of which there is one
    assert capsys.readouterr().out.splitlines() == said
    assert (project.root / "verified" / f"{MODEL}.json").read_text(encoding="utf-8") == text


def test_a_finding_is_said_and_ends_with_1(project, capsys):
    project.change(f"models/{MODEL}/counts")
    project.replace(f"metrics/{MODEL}.json", "4.5", "4.4")
    with pytest.raises(Exit) as ended:
        verify(MODEL, level=0)
    assert ended.value.exit_code == 1
    first, *findings, last = capsys.readouterr().out.splitlines()
    assert first == f"{MODEL}: level 0: 3 findings, 4 stages"
    assert last == "`dvc repro report` puts it on the page."
    verdict = json.loads((project.root / "verified" / f"{MODEL}.json").read_text(encoding="utf-8"))
    assert [f"  {finding}" for finding in verdict["findings"]] == findings
    assert verdict["metrics"] == provenance.file_hash(project.root / f"metrics/{MODEL}.json")
    assert str(project.root) not in json.dumps(verdict)
    assert project.ledger().runs[1].tags[verification.VERIFIED] == "level 0: 3 findings"


def test_a_run_of_an_experiment_leaves_the_report_alone(project, capsys):
    run = project.ledger().runs[0]
    verify(run.id[:6], level=0)
    said = capsys.readouterr().out
    assert said == f"{MODEL} in experiment lower: level 0: identical, 4 stages\n"
    assert project.ledger().runs[0].tags[verification.VERIFIED] == "level 0: identical"
    assert [file.name for file in (project.root / "verified").iterdir()] == ["README.md"]


def test_without_a_run_the_verdict_is_only_kept(project, capsys):
    project.sql("update runs set lifecycle_stage = 'deleted'")
    with pytest.raises(Exit):
        verify(MODEL, level=0)
    assert "No run is there to put this on." in capsys.readouterr().out
    assert (project.root / "verified" / f"{MODEL}.json").is_file()


def test_a_level_is_asked_if_those_below_have_no_finding(subject, monkeypatch):
    asked = []

    def level(number, *findings):
        return lambda _: asked.append(number) or CheckResult("identical", findings)

    levels = {0: level(0), 1: level(1, "one."), 2: level(2, "two.", "three.")}
    monkeypatch.setattr(verify, "LEVELS", levels)
    assert verification.verify(subject, 0).verdict == "level 0: identical"
    assert verification.verify(subject, 2).verdict == "level 1: 1 finding"
    assert asked == [0, 0, 1]


@pytest.mark.parametrize(
    ("what", "level", "said"),
    [
        (
            "mine-markoff",
            0,
            "'mine-markoff' is neither a model nor a run; did you mean 'mine-markov'?",
        ),
        ("ffffffff", 0, "'ffffffff' is neither a model nor a run; known: mine-markov."),
        (MODEL, 3, "This seqproof has no level 3; known: 0, 1, 2."),
    ],
)
def test_bad_input_is_one_sentence(project, what, level, said):
    with pytest.raises(UserError, match=re.escape(said)):
        verify(what, level)


def test_all_and_one_are_not_both():
    done = CliRunner().invoke(app, ["verify", MODEL, "--all"])
    assert "--all is all models" in str(done.exception)
