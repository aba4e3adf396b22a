"""`seqproof generate`: options, output and refusals."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from typer.testing import CliRunner

from commands import app, generate
from pipelines import console, paths
from pipelines.errors import UserError
from pipelines.inference import predictor
from pipelines.tasks import language_modelling

ROOT = Path(__file__).parents[3]
LENGTH = {"length": 3}


@pytest.fixture
def requests(monkeypatch, tmp_path):
    """The project's params.yaml and a predictor that records samples and beginnings."""
    (tmp_path / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
    monkeypatch.chdir(tmp_path)
    recorded = []

    def load(model, vocabulary, samples, search, spec):
        def write(model, beginning, advance=None):
            recorded.append((samples, beginning))
            return f"{beginning}|:smile: [b]"

        def prepare(texts):
            return [text.strip().lower() for text in texts]

        assert model.parent == paths.MODELS
        assert vocabulary == paths.vocabulary("shakespeare")
        monkeypatch.setattr(language_modelling, "write", write)
        return SimpleNamespace(prepare=prepare)

    monkeypatch.setattr(predictor, "load", load)
    return recorded


def test_omitted_options_are_those_of_params_yaml(requests, capsys):
    generate.generate("shakespeare-lstm", dict.fromkeys(("beginning", "seed", "top_k")))
    ((samples, beginning),) = requests
    tree = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    expected = tree["corpora"]["shakespeare"]["samples"]
    assert samples.model_dump(exclude_none=True) == expected
    assert beginning == expected["beginning"]  # unchanged, with its line break, as in `evaluate`
    assert capsys.readouterr().out == f"{beginning}|:smile: [b]\n"


def test_json_and_a_prompt(requests, monkeypatch, capsys):
    generate.generate("shakespeare-lstm", {}, as_json=True)
    (answer,) = json.loads(capsys.readouterr().out)["answers"]
    assert answer["answer"] == f"{answer['text']}|:smile: [b]"
    lines = iter(["One", "Two", None])
    monkeypatch.setattr(console, "read_line", lambda prompt: next(lines))
    generate.generate("shakespeare-lstm", {"length": 7}, interactive=True)
    assert capsys.readouterr().out.splitlines()[-2:] == ["one|:smile: [b]", "two|:smile: [b]"]
    assert requests[-1][0].length == 7
    for options, name in (({"beginning": "a"}, "--beginning"), ({}, "--json")):
        with pytest.raises(UserError, match=f"--interactive cannot be combined with {name}"):
            generate.generate("shakespeare-lstm", options, interactive=True, as_json=not options)


def test_options_replace_params_yaml_and_text_is_prepared(requests):
    options = ["--beginning", " The King ", "--length", "7", "--temperature", "0.5"]
    options += ["--top-k", "3", "--top-p", "0.9", "--seed", "0"]
    result = CliRunner().invoke(app.app, ["generate", "shakespeare-markov", *options])
    assert result.exit_code == 0, result.output
    ((samples, beginning),) = requests
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
    ("options", "message"),
    [
        ({"temperature": 0.0}, r"--temperature is 0: .* 0\.01, or --top-k 1"),
        ({"temperature": -1.0}, r"--temperature is -1\.0: it must be greater than 0\."),
        ({"temperature": float("nan")}, r"--temperature is nan: it must be a finite number\."),
        ({"top_k": 0}, r"--top-k is 0: it must be greater than or equal to 1\."),
        ({"top_p": 1.5}, r"--top-p is 1\.5: it must be less than or equal to 1\."),
        ({"length": 0}, r"--length is 0: it must be"),
        ({"beginning": ""}, r"--beginning is ''"),
    ],
)
def test_invalid_options_are_refused_before_anything_is_loaded(requests, options, message):
    with pytest.raises(UserError, match=f"^{message}"):
        generate.generate("shakespeare-lstm", options)
    assert requests == []


def test_a_model_that_generates_no_text_is_refused(requests):
    with pytest.raises(UserError, match=r"'opinions-lstm' has 'model: classifier'.*language model"):
        generate.generate("opinions-lstm", LENGTH)
    with pytest.raises(UserError, match="no model 'shakespear-lstm'; did you mean"):
        generate.generate("shakespear-lstm", LENGTH)
    assert requests == []
