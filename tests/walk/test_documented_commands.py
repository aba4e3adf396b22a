"""Commands that the documentation shows, run in the small project with names of its own.

tests/contract/test_commands.py names the tests of all other commands.
"""

import re
import shutil

from typer.testing import CliRunner

from commands.app import app
from pipelines.config import params
from pipelines.lineage import dvc_project
from tests.contract.documented import TUTORIAL, commands
from tests.walk.projects import ROOT

OUTS = TUTORIAL / "outs"
CONFIG = params.load(ROOT / "params.yaml")
# What the small project has for the corpora, tasks and kinds of models of params.yaml.
CORPORA = {
    "language_modelling": "plain",
    "classification": "moods",
    "translation": "days",
}
MODELS = {
    ("language_modelling", "baseline"): "plain-markov",
    ("language_modelling", "lstm"): "plain-lstm",
    ("classification", "baseline"): "moods-perceptron",
    ("classification", "lstm"): "moods-rnn",
    ("translation", "seq2seq"): "days-attention",
}
# Commands that are not run here: the test that does, or the reason why none does.
ELSEWHERE = {
    "cd": "a command of the shell",
    "make install": "tests/contract/test_install.py",
    "source": "a command of the shell",
    "uvx --logdir": "needs a package index",
    # The lab sheet of a class
    "seqproof new --template": "tests/unit/commands/test_new.py",
    "seqproof compare": "test_first_run.py; the small project has one model for both names",
    "seqproof demo": "serves until Ctrl-C; tests/unit/demo",
    "dvc remote --default": "test_class.py",
    "dvc push": "test_class.py",
    "git add --all": "test_class.py",
    "git commit -m": "test_class.py",
    "git clone --bare": "test_class.py",
    "git clone": "test_class.py",
    "dvc pull": "test_class.py",
    # The labs
    "make labs": "tests/unit/test_labs.py",
}
TUTORIAL_COMMANDS = [
    command for page in sorted(TUTORIAL.glob("*.md")) for command in commands(page)
]


# Stages that the small project lacks; tests/unit/stages runs them.
UNIT_STAGES = {"word_order", "source_length"}


def small_names() -> dict[str, str]:
    """Return a name of the small project for each name of params.yaml."""
    names = {name: CORPORA[corpus.task] for name, corpus in CONFIG.corpora.items()}
    for name, model in CONFIG.models.items():
        names[name] = MODELS[CONFIG.corpora[model.corpus].task, model.family]
    return names | {f"memory@{task}": "memory@adding" for task in CONFIG.experiments.memory}


def in_small_project(words: tuple[str, ...]) -> list[str]:
    """Return a command with the names of the small project."""
    names = sorted(small_names().items(), key=lambda pair: -len(pair[0]))
    pattern = re.compile("|".join(rf"(?<![\w-]){re.escape(name)}(?![\w-])" for name, _ in names))
    return [pattern.sub(lambda match: dict(names)[match[0]], word) for word in words]


def test_commands_of_dvc(finished):
    project, _ = finished
    assert "metrics/plain-lstm.json" in project.run("dvc", "metrics", "show")
    assert project.run("dvc", "plots", "show", "--json").count("plots/plain-lstm.csv")


def test_targets_of_the_tutorial_exist():
    """Every stage, model and corpus that the tutorial runs is one of dvc.yaml and params.yaml."""
    stages = dvc_project.stage_names(ROOT)
    known = {*stages, *CONFIG.models, *CONFIG.corpora, *(x.partition("@")[0] for x in stages)}
    for command in TUTORIAL_COMMANDS:
        if command.words[:2] in (("seqproof", "run"), ("dvc", "repro")):
            targets = {word for word in command.words[2:] if "@" in word or word[0] not in "-0123"}
            assert targets <= known, f"{command.page.name}: {command.line}"


def test_figures_of_the_tutorial_are_drawn(tmp_path, monkeypatch):
    shutil.copytree(OUTS, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    for command in TUTORIAL_COMMANDS:
        if command.words[:2] == ("seqproof", "figure"):
            result = CliRunner().invoke(app, command.words[1:])
            assert result.exit_code == 0, f"{command.page.name}: {command.line}\n{result.output}"
            if len(command.words) > 2:
                assert all((tmp_path / path).is_file() for path in result.output.split())


def test_commands_of_the_tutorial_run(copy):
    """All others, in the small project.

    The targets of all `seqproof run` are those of one command, and of several commands with the
    same options and the same model only the first runs.
    """
    targets: set[str] = set()
    others: dict[tuple[str, ...], list[str]] = {}
    for command in TUTORIAL_COMMANDS:
        words = in_small_project(command.words)
        if words[:2] == ["seqproof", "run"]:
            targets |= {x for x in words[2:] if x.partition("@")[0] not in UNIT_STAGES}
        elif words[:2] != ["seqproof", "figure"] and command.kind not in ELSEWHERE:
            others.setdefault((command.kind, *words[2:3]), words)
    copy.run("seqproof", "run", *sorted(targets))
    for words in others.values():
        copy.run(*words)
