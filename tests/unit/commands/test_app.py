"""What `seqproof` says of itself, and where the texts of `predict` and `translate` come from."""

import io
import sys

import pytest
from typer.testing import CliRunner

from commands import predict, translate
from commands.app import app
from commands.inputs import texts
from pipelines.errors import UserError


def _typed(monkeypatch: pytest.MonkeyPatch, written: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(written)))


def test_texts_given_win_over_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    _typed(monkeypatch, b"other\n")
    assert texts(["one", "- two"]) == ["one", "- two"]


@pytest.mark.parametrize("given", [None, []])
def test_each_line_of_standard_input_is_a_text(
    monkeypatch: pytest.MonkeyPatch, given: list[str] | None
) -> None:
    _typed(monkeypatch, "Ein Mann\r\n-Müll und mehr\nohne Ende".encode())
    assert texts(given) == ["Ein Mann", "-Müll und mehr", "ohne Ende"]


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (b"", "There is no text.*standard input"),
        (b"ab\xff\n", "Standard input is not valid UTF-8 at byte 3"),
    ],
)
def test_no_text_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, written: bytes, said: str
) -> None:
    _typed(monkeypatch, written)
    with pytest.raises(UserError, match=said):
        texts(None)


def test_half_characters_are_refused() -> None:
    with pytest.raises(UserError, match="Text 2 is not valid UTF-8 at character 3"):
        texts(["fine", "ab\udcff"])
    done = CliRunner().invoke(app, ["generate", "a-model", "--beginning", "\udcff"])
    assert "--beginning is not valid UTF-8 at character 1" in str(done.exception)


def test_predict_and_translate_read_them(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(predict, "predict", lambda name, texts: asked.append((name, texts)))
    monkeypatch.setattr(
        translate, "translate", lambda name, texts, n_best, search: asked.append((name, texts))
    )
    for verb in ("predict", "translate"):
        done = CliRunner().invoke(app, [verb, "a-model"], input="one\ntwo\n")
        assert done.exit_code == 0, done.output
    assert asked == [("a-model", ["one", "two"])] * 2


def test_it_says_its_version_and_what_it_can_do() -> None:
    said = CliRunner().invoke(app, ["--version"])
    assert said.exit_code == 0
    assert said.output.startswith("seqproof 0.")
    alone, asked = CliRunner().invoke(app, []), CliRunner().invoke(app, ["--help"])
    assert alone.exit_code == asked.exit_code == 0
    assert "translate" in alone.output
    assert alone.output.split() == asked.output.split()
