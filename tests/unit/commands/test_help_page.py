"""The help fits on a screen and lists every command; a mistyped name is met with the nearest."""

import re
import sys
from functools import partial

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from commands.app import app
from commands.groups.stages import STAGES
from commands.help_page import EXAMPLES, GROUPS, SYNONYMS
from pipelines import console
from pipelines.config import params
from tests.contract.imports import ROOT


def _help(columns: int) -> list[str]:
    result = CliRunner().invoke(
        app, ["--help"], env={"COLUMNS": str(columns)}, prog_name="seqproof"
    )
    assert result.exit_code == 0
    return result.output.splitlines()


def _paths():
    for name, command in get_command(app).commands.items():
        children = getattr(command, "commands", None)
        if command.hidden:
            continue
        yield from [f"{name} {child}" for child in children] if children else [name]


@pytest.mark.parametrize("columns", [80, 100])
def test_the_help_fits_on_a_screen_and_lists_every_command(columns):
    lines = _help(columns)
    assert len(lines) <= 40
    assert max(map(len, lines)) <= columns
    words = re.sub("[,:]", " ", " ".join(line.strip() for line in lines))
    assert [path for path in _paths() if f" {path} " not in words] == []
    titles = [line.split()[0] for line in lines if re.match("  [A-Z][a-z]+ {2}", line)]
    assert titles == [*GROUPS, "Stages", "Options"]
    assert [line for line in lines[1:] if line.endswith("...")] == []


def test_every_command_has_a_group():
    for name, command in get_command(app).commands.items():
        assert command.rich_help_panel in (*GROUPS, "Stages"), name
    assert set(SYNONYMS.values()) <= set(_paths())


def test_every_stage_is_a_command():
    files = {file.stem for file in (ROOT / "stages").glob("*.py")}
    assert {name.replace("-", "_") for name in STAGES} == files - {"__init__", "training"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("predct x", "There is no command 'predct'. Did you mean `seqproof predict`?"),
        ("train_lstm x", "There is no command 'train_lstm'. Did you mean `seqproof train-lstm`?"),
        ("profile", "There is no command 'profile'. Did you mean `seqproof data profile`?"),
        ("repro", "There is no command 'repro'. Did you mean `seqproof run`?"),
        ("xyzzy", "There is no command 'xyzzy'."),
        ("run --job 3", "No such option: --job. Did you mean --jobs?"),
        ("predict", "Missing argument 'NAME'."),
    ],
)
def test_a_mistyped_name_is_met_with_the_nearest(monkeypatch, capsys, words, message):
    monkeypatch.setattr(sys, "argv", ["seqproof", *words.split()])
    with pytest.raises(SystemExit) as end:
        console.run_app(partial(app, prog_name="seqproof"))
    assert end.value.code == 2
    output = capsys.readouterr()
    assert output.out == ""
    (line,) = output.err.splitlines()
    assert line.startswith(f"seqproof: {message} See `seqproof ")
    assert line.endswith(" --help`.")


def test_examples_name_commands_options_and_models_that_exist():
    config = params.load(ROOT / "params.yaml")
    commands = get_command(app).commands
    lines = [line for command in commands.values() for line in (command.help or "").split("\n")]
    examples = [
        line.strip().split("  ")[0] for line in lines if line.strip().startswith("seqproof ")
    ]
    assert len(examples) > 10
    for example in examples + [line.split("  ")[0] for line in EXAMPLES.split("\n")]:
        _, verb, *words = example.split()
        flags = {flag for parameter in commands[verb].params for flag in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= flags, example
        names = {word for word in words if re.fullmatch(r"(verses|opinions|shakespeare)-\w+", word)}
        assert names <= config.models.keys(), example
