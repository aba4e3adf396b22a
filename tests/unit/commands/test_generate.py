"""`seqproof generate`: which samples it asks for, what it prints, what it refuses."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from typer.testing import CliRunner

from commands import app, generate
from pipelines.errors import UserError
from pipelines.inference import predictor
from pipelines.lineage import dvc_project

ROOT = Path(__file__).parents[3]
LENGTH = {"length": 3}


@pytest.fixture
def written(monkeypatch, tmp_path):
    """The project's own params.yaml; what is loaded writes down what it was asked."""
    (tmp_path / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        dvc_project, "command", lambda stage, name: f"--model m --vocabulary v {name}".split()
    )
    asked = []

    def load(model, vocabulary, samples):
        def write(beginning, advance):
            asked.append((samples, beginning))
            return f"{beginning}|:smile: [b]"

        def prepared(texts):
            return [text.strip().lower() for text in texts]

        assert (model, vocabulary) == (Path("m"), Path("v"))
        return SimpleNamespace(write=write, prepared=prepared)

    monkeypatch.setattr(predictor, "load", load)
    return asked


def test_what_is_not_given_is_as_params_say(written, capsys):
    generate.generate("shakespeare-lstm", dict.fromkeys(("beginning", "seed", "top_k")))
    ((samples, beginning),) = written
    tree = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    known = tree["corpora"]["shakespeare"]["samples"]
    assert samples.model_dump(exclude_none=True) == known
    assert beginning == known["beginning"]  # as `evaluate` takes it, a line's end and all
    assert capsys.readouterr().out == f"{beginning}|:smile: [b]\n"


def test_what_is_given_comes_first_and_text_is_prepared(written):
    options = ["--beginning", " The King ", "--length", "7", "--temperature", "0.5"]
    options += ["--top-k", "3", "--top-p", "0.9", "--seed", "0"]
    done = CliRunner().invoke(app.app, ["generate", "shakespeare-markov", *options])
    assert done.exit_code == 0, done.output
    ((samples, beginning),) = written
    assert beginning == "the king"
    assert samples.model_dump() == {
        "beginning": " The King ",
        "length": 7,
        "temperature": 0.5,
        "top_k": 3,
        "top_p": 0.9,
        "seed": 0,
    }


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"temperature": 0.0}, r"--temperature is 0: give one near 0, such as 0\.01, or --top-k 1"),
        ({"temperature": -1.0}, r"--temperature is -1\.0: it must be greater than 0\."),
        ({"temperature": float("nan")}, r"--temperature is nan: it must be a finite number\."),
        ({"top_k": 0}, r"--top-k is 0: it must be greater than or equal to 1\."),
        ({"top_p": 1.5}, r"--top-p is 1\.5: it must be less than or equal to 1\."),
        ({"length": 0}, r"--length is 0: it must be"),
        ({"beginning": ""}, r"--beginning is ''"),
    ],
)
def test_impossible_options_are_refused_before_anything_is_loaded(written, options, sentence):
    with pytest.raises(UserError, match=f"^{sentence}"):
        generate.generate("shakespeare-lstm", options)
    assert written == []


def test_a_model_that_does_not_write_is_refused(written):
    with pytest.raises(
        UserError, match="'opinions-lstm' is a classifier, and only a language model"
    ):
        generate.generate("opinions-lstm", LENGTH)
    with pytest.raises(UserError, match="no model called 'shakespear-lstm'; did you mean"):
        generate.generate("shakespear-lstm", LENGTH)
    assert written == []
