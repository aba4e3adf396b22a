"""Shells complete commands, options, and the names of the project."""

import shutil

import pytest

from commands.app import app
from tests.contract.imports import ROOT


@pytest.fixture
def complete(tmp_path, monkeypatch, capsys):
    """A function that completes the last word of a line, in a folder with the default project."""
    for name in ("params.yaml", "dvc.yaml"):
        shutil.copy(ROOT / name, tmp_path / name)
    monkeypatch.chdir(tmp_path)

    def complete(line):
        monkeypatch.setenv("_SEQPROOF_COMPLETE", "complete_bash")
        monkeypatch.setenv("COMP_WORDS", line)
        monkeypatch.setenv("COMP_CWORD", str(len(line.split(" ")) - 1))
        with pytest.raises(SystemExit):
            app(prog_name="seqproof")
        output = capsys.readouterr()
        assert output.err == ""
        return output.out.split()

    return complete


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("seqproof pred", ["predict"]),
        ("seqproof data pro", ["profile"]),
        ("seqproof compare --le", ["--level"]),
        ("seqproof predict opinions-l", ["opinions-logistic", "opinions-lstm"]),
        ("seqproof translate verses", ["verses-fixed", "verses-attention"]),
        ("seqproof translate opin", []),
        ("seqproof generate shakespeare-l", ["shakespeare-lstm"]),
        ("seqproof generate verses", []),
        ("seqproof compare verses-fixed verses-a", ["verses-attention"]),
        ("seqproof data profile cont", ["contrasts"]),
        ("seqproof run evaluate_ls", ["evaluate_lstm"]),
        ("seqproof backpropagation x", ["xor"]),
        ("seqproof memory rec", ["recall"]),
        ("seqproof new d --template multi30k-", ["multi30k-best"]),
    ],
)
def test_names_are_completed(complete, line, names):
    assert complete(line) == names


@pytest.mark.parametrize("content", ["", "[", "models: {lstm: [1]}\ncorpora: 3", "\udcff"])
def test_a_damaged_project_completes_nothing(complete, tmp_path, content):
    (tmp_path / "params.yaml").write_bytes(content.encode("utf-8", "surrogateescape"))
    assert complete("seqproof translate ") == []
    (tmp_path / "params.yaml").unlink()
    assert complete("seqproof predict ") == []
