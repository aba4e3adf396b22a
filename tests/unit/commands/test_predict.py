"""`seqproof predict`: a classifier prints the probabilities of all labels."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from commands import predict
from pipelines import files, paths
from pipelines.config import params
from pipelines.data import parquet
from pipelines.data.profile import Profile
from pipelines.errors import UserError
from pipelines.inference import predictor
from pipelines.tasks import classification

ROOT = Path(__file__).parents[3]


@pytest.fixture
def classifier(make, monkeypatch):
    """A classifier whose logits are set; its labels."""
    spec, vocabularies = make.spec("classifier"), make.vocabularies("classifier")
    trained = predictor.Predictor(None, spec, vocabularies)

    def predict_logits(_, rows):
        probabilities = np.linspace(1, len(vocabularies.labels), len(vocabularies.labels))
        logits = np.log(probabilities / probabilities.sum())
        return np.array([np.roll(logits, number) for number in range(len(rows))]) + 5.0

    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(predictor, "load", lambda *arguments, **options: trained)
    monkeypatch.setattr(classification, "predict_logits", predict_logits)
    return vocabularies.labels


def test_a_blank_text_has_a_blank_row(classifier, capsys):
    predict.predict("opinions-lstm", ["So good", " \u200b", "bad"])
    lines = capsys.readouterr().out.split("\n")
    assert [bool(line) for line in lines] == [True, True, False, True, False]
    with pytest.raises(UserError, match="Nothing is left of the text"):
        predict.predict("opinions-lstm", ["\u200b"])


def test_a_table_with_a_header_and_a_row_for_each_text(classifier, capsys):
    predict.predict("opinions-lstm", ["So good", "[b]not\x1b BAD"])
    header, *rows = capsys.readouterr().out.splitlines()
    labels = list(classifier)
    assert header.split() == ["label", *(f"p({label})" for label in labels), "text"]
    assert len(rows) == 2
    total = sum(range(1, len(labels) + 1))
    expected = [f"{number / total:.3f}" for number in range(1, len(labels) + 1)]
    assert rows[0].split() == [labels[-1], *expected, "So", "good"]
    assert rows[1].split()[:2] == [labels[0], expected[-1]]
    assert rows[1].endswith("  [b]not  BAD"), "as typed, without escape sequences"
    assert len({row.index("0.") for row in rows}) == 1, "columns are aligned"
    assert rows[0].index(expected[0]) == header.index("p(")


def test_json_has_the_texts_as_typed_and_null_for_a_blank_one(classifier, capsys):
    predict.predict("opinions-lstm", ["So good", " \u200b"], as_json=True)
    content = json.loads(capsys.readouterr().out)
    assert content["model"] == "opinions-lstm"
    answer, blank = content["answers"]
    assert blank == {"text": " \u200b", "answer": None}
    assert (answer["text"], answer["answer"]) == ("So good", classifier[-1])
    assert list(answer["probabilities"]) == sorted(classifier)
    assert sum(answer["probabilities"].values()) == pytest.approx(1)


def test_a_prompt_answers_line_by_line_and_survives_a_bad_one(classifier, monkeypatch, capsys):
    lines = iter(["So good", "", "\u200b", "\udcff", "bad"])

    def read(prompt):
        try:
            return next(lines)
        except StopIteration:
            raise EOFError from None

    monkeypatch.setattr("builtins.input", read)
    predict.predict("opinions-lstm", None)
    output = capsys.readouterr()
    answers = [line.split()[-1] for line in output.out.splitlines() if "0." in line]
    assert answers == ["good", "bad"]
    assert output.err.splitlines() == [
        "Nothing is left of the text after cleaning. Give at least one word.",
        "The text is not valid UTF-8 at character 1. Convert it to UTF-8.",
    ]


@pytest.mark.parametrize("options", [{"check": True}, {"as_json": True}])
def test_options_that_need_all_texts_are_refused_with_a_prompt(classifier, options):
    with pytest.raises(UserError, match=r"^--(check|json) needs the texts at once\."):
        predict.predict("opinions-lstm", None, **options)


ENGLISH = "the food was good and the staff were friendly so we came again last night"


@pytest.fixture
def profiled(classifier, tmp_path, monkeypatch):
    """The profile of English training texts of 5 to 11 words, all of whose words are known."""
    corpus = params.load(ROOT / "params.yaml").corpora["opinions"]
    texts = [" ".join(ENGLISH.split()[: 5 + number % 7]) for number in range(300)]
    profile = Profile(corpus)
    rows = pd.DataFrame({"document": "d", "line": range(300), "text": texts})
    rows["label"] = [classifier[number % len(classifier)] for number in range(300)]
    profile.add(rows.assign(**{"tokens text": rows["text"].str.split().str.len()}))
    files.write_json(tmp_path / "opinions.json", profile.to_json({"text": 1.0}))
    monkeypatch.setattr(paths, "profile", lambda corpus: tmp_path / f"{corpus}.json")
    monkeypatch.setattr(paths, "predictions", lambda model: tmp_path / f"{model}.parquet")
    return texts


def test_check_passes_texts_like_the_training_text(profiled, classifier, capsys):
    texts = profiled[: 20 * len(classifier)]
    predict.predict("opinions-lstm", texts, check=True)
    output = capsys.readouterr()
    assert len(output.out.splitlines()) == 1 + len(texts)
    head, *lines = output.err.splitlines()
    assert head == (
        f"{len(texts)} new texts and the training text of opinions: distances from 0 to 1, at most "
        "0.2 [error]"
    )
    assert [line[2:].partition("  ")[0].strip() for line in lines] == [
        *("lengths of text", "unknown tokens of text", "languages of text", "scripts of text"),
        "labels",
    ]
    assert not any("moved" in line for line in lines)


def test_check_fails_for_another_language_after_the_predictions(profiled, capsys):
    texts = ["le temps était beau et nous avons marché"] * 30
    with pytest.raises(UserError) as error:
        predict.predict("opinions-lstm", texts, check=True)
    message = str(error.value)
    assert message.startswith("The text is unlike the training text (`checks.drift` in params.yam")
    assert (
        "new text: the distance of languages of text from those of the training data is at most "
        "0.2; found: 1 [drift]"
    ) in message
    assert "scripts of text" not in message
    output = capsys.readouterr()
    assert len(output.out.splitlines()) == 1 + len(texts)
    (line,) = [line for line in output.err.splitlines() if line.startswith("  languages")]
    assert line.split()[3:] == ["1.000", "moved", "0.0%", "en,", "in", "training", "100.0%", "en"]


def test_a_warning_prints_what_moved_and_goes_on(profiled, monkeypatch, capsys):
    load = params.load

    def lenient(path):
        config = load(path)
        corpus = config.corpora["opinions"]
        drift = corpus.checks.drift.model_copy(update={"level": "warn"})
        checks = corpus.checks.model_copy(update={"drift": drift})
        corpora = config.corpora | {"opinions": corpus.model_copy(update={"checks": checks})}
        return config.model_copy(update={"corpora": corpora})

    monkeypatch.setattr(params, "load", lenient)
    predict.predict("opinions-lstm", ["le temps était beau et nous avons marché"] * 30, check=True)
    assert "moved" in capsys.readouterr().err


def test_predicted_labels_are_compared_with_those_of_the_test_split(
    profiled, classifier, tmp_path, capsys
):
    predicted = pd.DataFrame({"predicted": [classifier[0]] * 300})
    parquet.write_parquet(predicted, tmp_path / "opinions-lstm.parquet")
    with pytest.raises(UserError, match=r"distance of labels .*found: 0\.") as error:
        predict.predict("opinions-lstm", profiled[: 20 * len(classifier)], check=True)
    assert "lengths" not in str(error.value)
    assert f"in the test split 100.0% {classifier[0]}" in capsys.readouterr().err
