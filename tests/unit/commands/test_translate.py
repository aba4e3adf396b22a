"""`seqproof translate`: options, output and refusals."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import yaml
from typer.testing import CliRunner

from commands import app, translate
from pipelines import paths
from pipelines.config import params
from pipelines.errors import UserError
from pipelines.inference import predictor
from pipelines.tasks import translation

ROOT = Path(__file__).parents[3]
OPTIONS = ("beam", "length_penalty", "coverage_penalty", "replace_unknown")
NO_OPTIONS = dict.fromkeys(OPTIONS)


@pytest.fixture
def searches(monkeypatch, tmp_path):
    """The project's params.yaml with a search, and a predictor that records searches."""
    tree = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    tree["corpora"]["verses"]["search"] = {"beam": 3, "length_penalty": 0.6}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(tree), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    recorded = []

    def load(model, vocabulary, samples=None, search=None, spec=None):
        def translate(model, prepared, n_best):
            recorded.append((search.model_dump(exclude_none=True), n_best))
            return [[SimpleNamespace(score=-0.5 - k) for k in range(n_best)] for _ in prepared]

        assert model.parent == paths.MODELS
        assert vocabulary.parent == paths.VOCABULARY

        def hypothesis_text(model, hypothesis, source):
            return f"[b]{source}"

        monkeypatch.setattr(translation, "translate", translate)
        monkeypatch.setattr(translation, "hypothesis_text", hypothesis_text)
        return SimpleNamespace(normalize=lambda texts: [text.lower() for text in texts])

    monkeypatch.setattr(predictor, "load", load)
    return recorded


def test_one_translation_a_line_with_the_search_of_the_corpus(searches, capsys):
    translate.translate("verses-attention", ["A b", "C"], None, False, NO_OPTIONS)
    assert capsys.readouterr().out == "[b]a b\n[b]c\n"
    translate.translate("dates-attention", ["A"], None, False, NO_OPTIONS)
    assert searches == [({"beam": 3, "length_penalty": 0.6}, 1), ({"beam": 1}, 1)]


@pytest.mark.parametrize(
    ("content", "answers"),
    [
        ("A\u2028b\u0085c\fd\ve\rf\n\nG\r\n", ["[b]a\u2028b\u0085cdef", "", "[b]g"]),
        ("\ufeffA\n \n\n", ["[b]a", "", ""]),
        ("A", ["[b]a"]),
    ],
)
def test_standard_input_has_an_output_line_for_each_line(searches, content, answers):
    result = CliRunner().invoke(app.app, ["translate", "verses-attention"], content.encode())
    assert result.exit_code == 0, result.output
    assert result.stdout == "".join(f"{answer}\n" for answer in answers)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\n \n", "There is no text"),
        (b"", "There is no text"),
        (b"a\n\xff", "not valid UTF-8 in line 2, at byte 3"),
    ],
)
def test_standard_input_without_text_is_refused(searches, content, message):
    result = CliRunner().invoke(app.app, ["translate", "verses-attention"], content)
    assert result.exit_code == 1
    assert message in str(result.exception)
    result = CliRunner().invoke(app.app, ["translate", "verses-attention", "a", " "])
    assert "Text 2 is empty" in str(result.exception)


def test_options_replace_params_yaml_and_n_best_print_scores(searches):
    options = ["--beam", "4", "--n-best", "2", "--coverage-penalty", "0.2", "--replace-unknown"]
    result = CliRunner().invoke(app.app, ["translate", "verses-attention", "A b", "C", *options])
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines() == [
        "score     translation    "
        "(score: log probability in nats with the penalties of Wu et al. 2016)",
        "-0.5000   [b]a b",
        "-1.5000   [b]a b",
        "-0.5000   [b]c",
        "-1.5000   [b]c",
    ]
    ((search, n_best),) = searches
    assert n_best == 2
    assert search == {
        "beam": 4,
        "length_penalty": 0.6,
        "coverage_penalty": 0.2,
        "replace_unknown": True,
    }


def test_the_score_without_penalties_is_the_log_probability(searches, capsys):
    translate.translate("dates-attention", ["A"], 1, False, NO_OPTIONS)
    header, line = capsys.readouterr().out.splitlines()
    assert header == "score     translation    (score: log probability in nats)"
    assert line == "-0.5000   [b]a"


def test_attention_of_a_sentence_of_the_user(make, monkeypatch, capsys, searches):
    spec = make.spec("seq2seq", attention="general")
    vocabularies = make.vocabularies("seq2seq")
    trained = predictor.Predictor(None, spec, vocabularies)
    source = " ".join(vocabularies.columns["source"].tokens[4:6])
    first, second = source.split(" ")
    (target,) = vocabularies.columns["target"].tokens[4:5]
    weights = np.array([[0.05, 0.95], [0.6, 0.4]])
    ids = vocabularies.columns["target"].encode(f"{target} {target}")
    hypothesis = SimpleNamespace(score=-1.0, ids=ids, weights=weights)
    monkeypatch.setattr(predictor, "load", lambda *arguments, **options: trained)
    monkeypatch.setattr(translation, "translate", lambda *arguments: [[hypothesis]])
    result = CliRunner().invoke(app.app, ["translate", "verses-attention", source, "--attention"])
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines() == [
        "attention of at least ░ 0.1, ▒ 0.25, ▓ 0.5, █ 0.75",
        f"{target} {target}",
        f"    {' ' * len(target)} {first:<2} {second}",
        f"    {target} {'  '} {'██'}",
        f"    {target} {'▓▓'} {'▒▒'}",
    ]
    options = [source, "--attention", "--json"]
    result = CliRunner().invoke(app.app, ["translate", "verses-attention", *options])
    content = json.loads(result.stdout)
    assert content == {
        "model": "verses-attention",
        "score": "score: log probability in nats with the penalties of Wu et al. 2016",
        "answers": [
            {
                "text": source,
                "answer": f"{target} {target}",
                "translations": [
                    {
                        "text": f"{target} {target}",
                        "score": -1.0,
                        "attention": {
                            "source": [first, second],
                            "target": [target, target],
                            "weights": weights.tolist(),
                        },
                    }
                ],
            }
        ],
    }
    with pytest.raises(UserError, match=r"--attention needs .*'verses-fixed' has 'attention: none"):
        translate.translate("verses-fixed", ["a"], None, True, NO_OPTIONS)


@pytest.mark.parametrize(
    ("name", "n_best", "options", "message"),
    [
        ("verses-lstm", None, {}, "no model 'verses-lstm'"),
        ("opinions-lstm", None, {}, "'opinions-lstm' has 'model: classifier'.*seq2seq"),
        ("shakespeare-markov", None, {}, "model: ngram.*known: .*verses-attention"),
        ("verses-attention", 4, {}, "--n-best is 4.*beam of 3.*--beam"),
        ("verses-attention", None, {"beam": 0}, "--beam is 0: it must be greater than"),
        ("verses-attention", None, {"length_penalty": -1.0}, "--length-penalty is -1.0: it must"),
        (
            "verses-attention",
            None,
            {"coverage_penalty": float("nan")},
            "--coverage-penalty is nan: it must be",
        ),
    ],
)
def test_invalid_arguments_are_refused_in_one_line(searches, name, n_best, options, message):
    with pytest.raises(UserError, match=message) as error:
        translate.translate(name, ["a"], n_best, False, NO_OPTIONS | options)
    assert len(str(error.value).splitlines()) == 1
    assert searches == []


@pytest.mark.parametrize("option", ["--beam", "--n-best"])
def test_a_beam_of_0_is_refused_on_the_command_line(searches, option):
    result = CliRunner().invoke(app.app, ["translate", "verses-attention", "a", option, "0"])
    assert result.exit_code == 2
    assert searches == []


def test_a_beam_of_0_is_refused_in_params_yaml(searches):
    tree = yaml.safe_load(Path("params.yaml").read_text(encoding="utf-8"))
    tree["corpora"]["verses"]["search"]["beam"] = 0
    Path("params.yaml").write_text(yaml.safe_dump(tree), encoding="utf-8")
    with pytest.raises(UserError, match=r"corpora\.verses\.search\.beam is 0: it must be"):
        params.load(Path("params.yaml"))
