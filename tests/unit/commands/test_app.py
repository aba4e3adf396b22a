"""The command line: version, help, and the texts of `predict` and `translate`."""

import io
import sys

import pytest
from typer.testing import CliRunner

from commands import app as command_line
from commands import predict, translate
from commands.app import app
from commands.inputs import texts
from pipelines.errors import UserError


def _set_stdin(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))


def test_arguments_take_precedence_over_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    _set_stdin(monkeypatch, b"other\n")
    assert texts(["one", "- two"]) == ["one", "- two"]


@pytest.mark.parametrize("arguments", [None, []])
def test_each_line_of_standard_input_is_a_text(
    monkeypatch: pytest.MonkeyPatch, arguments: list[str] | None
) -> None:
    _set_stdin(monkeypatch, "Ein Mann\r\n-Müll und mehr\nohne Ende".encode())
    assert texts(arguments) == ["Ein Mann", "-Müll und mehr", "ohne Ende"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "There is no text.*standard input"),
        (b"ab\xff\n", "Standard input is not valid UTF-8 in line 1, at byte 3"),
    ],
)
def test_empty_or_invalid_standard_input_is_an_error(
    monkeypatch: pytest.MonkeyPatch, content: bytes, message: str
) -> None:
    _set_stdin(monkeypatch, content)
    with pytest.raises(UserError, match=message):
        texts(None)


def test_a_terminal_is_not_read_but_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    _set_stdin(monkeypatch, b"one\n")
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    assert texts(None) is None
    assert texts(["one"]) == ["one"]


def test_invalid_utf8_arguments_are_an_error() -> None:
    with pytest.raises(UserError, match="Text 2 is not valid UTF-8 at character 3"):
        texts(["fine", "ab\udcff"])
    result = CliRunner().invoke(app, ["generate", "a-model", "--beginning", "\udcff"])
    assert "--beginning is not valid UTF-8 at character 1" in str(result.exception)


def test_predict_and_translate_read_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    monkeypatch.setattr(
        predict, "predict", lambda name, texts, *options: calls.append((name, texts))
    )
    monkeypatch.setattr(
        translate, "translate", lambda name, texts, *options: calls.append((name, texts))
    )
    for command in ("predict", "translate"):
        result = CliRunner().invoke(app, [command, "a-model"], input="one\ntwo\n")
        assert result.exit_code == 0, result.output
    assert calls == [("a-model", ["one", "two"])] * 2


def test_version_and_help() -> None:
    version = CliRunner().invoke(app, ["--version"])
    assert version.exit_code == 0
    assert version.output.startswith("seqproof 0.")
    without_arguments, help_text = CliRunner().invoke(app, []), CliRunner().invoke(app, ["--help"])
    assert without_arguments.exit_code == help_text.exit_code == 0
    assert "translate" in without_arguments.output
    assert without_arguments.output.split() == help_text.output.split()


def test_output_that_the_locale_cannot_encode_is_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="iso-8859-1"))
    monkeypatch.setattr(command_line.signal, "signal", lambda *_: None)
    monkeypatch.setattr(command_line.console, "run_app", lambda _: sys.stdout.write("Müll \u2191"))
    command_line.main()
    sys.stdout.flush()
    assert written.getvalue() == "Müll \\u2191".encode("iso-8859-1")


def test_merge_lock_needs_three_versions() -> None:
    result = CliRunner().invoke(app, ["merge-lock"])
    assert "Name three versions of dvc.lock" in str(result.exception)
