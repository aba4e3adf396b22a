"""`seqproof translate`: which search it asks for, what it prints, what it refuses."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from typer.testing import CliRunner

from commands import app, translate
from pipelines.config import params
from pipelines.errors import UserError
from pipelines.inference import predictor
from pipelines.lineage import dvc_project

ROOT = Path(__file__).parents[3]
OPTIONS = ("beam", "length_penalty", "coverage_penalty", "replace_unknown")
PLAIN = dict.fromkeys(OPTIONS)


@pytest.fixture
def asked(monkeypatch, tmp_path):
    """The project's own params.yaml, its verses with a search; what is loaded writes it down."""
    tree = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    tree["corpora"]["verses"]["search"] = {"beam": 3, "length_penalty": 0.6}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(tree), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        dvc_project, "command", lambda stage, name: f"--model m --vocabulary v {name}".split()
    )
    searches = []

    def load(model, vocabulary, samples=None, search=None):
        def translated(prepared, n_best):
            searches.append((search.model_dump(exclude_none=True), n_best))
            return [[SimpleNamespace(score=-0.5 - k) for k in range(n_best)] for _ in prepared]

        assert (model, vocabulary) == (Path("m"), Path("v"))
        return SimpleNamespace(
            prepared=lambda texts: [text.lower() for text in texts],
            translate=translated,
            text=lambda hypothesis, source: f"[b]{source}",
        )

    monkeypatch.setattr(predictor, "load", load)
    return searches


def test_one_translation_a_line_with_the_search_of_the_corpus(asked, capsys):
    translate.translate("verses-attention", ["A b", "C"], None, PLAIN)
    assert capsys.readouterr().out == "[b]a b\n[b]c\n"
    translate.translate("dates-attention", ["A"], None, PLAIN)
    assert asked == [({"beam": 3, "length_penalty": 0.6}, 1), ({"beam": 1}, 1)]


def test_what_is_given_comes_first_and_n_best_have_their_scores(asked):
    options = ["--beam", "4", "--n-best", "2", "--coverage-penalty", "0.2", "--replace-unknown"]
    done = CliRunner().invoke(app.app, ["translate", "verses-attention", "A b", "C", *options])
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines() == [
        "-0.5000 [b]a b",
        "-1.5000 [b]a b",
        "-0.5000 [b]c",
        "-1.5000 [b]c",
    ]
    ((search, n_best),) = asked
    assert n_best == 2
    assert search == {
        "beam": 4,
        "length_penalty": 0.6,
        "coverage_penalty": 0.2,
        "replace_unknown": True,
    }


@pytest.mark.parametrize(
    ("name", "n_best", "given", "sentence"),
    [
        ("verses-lstm", None, {}, "no model called 'verses-lstm'"),
        ("opinions-lstm", None, {}, "'opinions-lstm' is a classifier, and only a seq2seq"),
        ("shakespeare-markov", None, {}, "is a ngram.*known: .*verses-attention"),
        ("verses-attention", 4, {}, "--n-best is 4, and a beam of 3 finds no more.*--beam 4"),
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
def test_what_cannot_be_is_refused_in_one_sentence(asked, name, n_best, given, sentence):
    with pytest.raises(UserError, match=sentence) as refused:
        translate.translate(name, ["a"], n_best, PLAIN | given)
    assert len(str(refused.value).splitlines()) == 1
    assert asked == []


@pytest.mark.parametrize("option", ["--beam", "--n-best"])
def test_a_beam_of_0_is_refused_by_the_option(asked, option):
    done = CliRunner().invoke(app.app, ["translate", "verses-attention", "a", option, "0"])
    assert done.exit_code == 2
    assert asked == []


def test_a_beam_of_0_is_refused_by_params(asked):
    tree = yaml.safe_load(Path("params.yaml").read_text(encoding="utf-8"))
    tree["corpora"]["verses"]["search"]["beam"] = 0
    Path("params.yaml").write_text(yaml.safe_dump(tree), encoding="utf-8")
    with pytest.raises(UserError, match=r"corpora\.verses\.search\.beam is 0: it must be"):
        params.load(Path("params.yaml"))
