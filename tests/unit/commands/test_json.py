"""Every command that prints facts has `--json`: one object on standard output, and nothing else."""

import json
import sys

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from commands.app import app
from commands.groups.stages import STAGES
from pipelines import console
from tests.unit.tiny_project import EXPERIMENT, MODEL

# Commands that print no facts: they run until they are stopped, or write files.
WITHOUT = {*STAGES, "data add", "demo", "merge-lock", "new", "publish", "serve", "ui", "upgrade"}
# Commands that read the tiny project, and the keys of their objects.
READING = {
    "compare": ((MODEL, EXPERIMENT), {"comparisons", "level"}),
    "data profile": (("mine",), {"corpora"}),
    "promote": (
        (MODEL, "--as", "champion"),
        {"alias", "model", "registered_model", "run", "uri", "version"},
    ),
    "results": ((), {"corpora", "report", "stages"}),
    "seal": ((), {"existing", "findings", "missing", "new", "ok"}),
    "sync": (
        (),
        {"busy", "failure", "ok", "other_servers", "rejected", "server", "uploaded"},
    ),
    "trace": ((MODEL,), {"location", "path", "problems", "stages", "target"}),
    "verify": ((MODEL,), {"ok", "verdicts"}),
}
# Their objects are tested beside their texts, that of `run` in tests/faults/test_run.py.
ELSEWHERE = {
    "predict",
    "translate",
    "generate",
    "export",
    "data docs",
    "doctor",
    "figure",
    "run",
    "sweep",
}


def _commands():
    for name, command in get_command(app).commands.items():
        for child, leaf in getattr(command, "commands", {"": command}).items():
            yield f"{name} {child}".strip(), {flag for p in leaf.params for flag in p.opts}


def test_every_command_that_prints_facts_has_the_option():
    assert {name for name, flags in _commands() if "--json" in flags} == {*READING, *ELSEWHERE}
    assert {name for name, flags in _commands() if "--json" not in flags} <= WITHOUT


def test_standard_output_has_one_json_object_alone(project):
    """One test for all, since each would need a project of its own."""
    for name, (arguments, keys) in READING.items():
        result = CliRunner().invoke(app, [*name.split(), *arguments, "--json"])
        content = json.loads(result.stdout)
        assert set(content) == keys, name
        assert result.exit_code == (content.get("ok", True) is False), (name, result.output)


def test_errors_leave_standard_output_empty(project, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["seqproof", "trace", "nonsense", "--json"])
    with pytest.raises(SystemExit) as end:
        console.run_app(app)
    output = capsys.readouterr()
    assert (end.value.code, output.out) == (1, "")
    assert output.err.startswith("seqproof: ")


def test_messages_go_to_standard_error_and_odd_numbers_are_null(capsys):
    with console.only_json(True):
        console.echo("a message")
    console.print_json({"a": [float("nan"), 1.5], "b": {"c": (float("inf"), "\x1b[31mé\u2028")}})
    output = capsys.readouterr()
    assert output.err == "a message\n"
    assert json.loads(output.out) == {"a": [None, 1.5], "b": {"c": [None, "\x1b[31mé\u2028"]}}
    assert "\x1b" not in output.out
