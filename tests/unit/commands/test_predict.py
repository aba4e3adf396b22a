"""`seqproof predict`: a classifier prints the probabilities of all labels."""

from pathlib import Path

import numpy as np
import pytest

from commands import predict
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
    predict.predict("opinions-lstm", ["So good", "[b]not BAD"])
    header, *rows = capsys.readouterr().out.splitlines()
    labels = list(classifier)
    assert header.split() == ["label", *(f"p({label})" for label in labels), "text"]
    assert len(rows) == 2
    total = sum(range(1, len(labels) + 1))
    expected = [f"{number / total:.3f}" for number in range(1, len(labels) + 1)]
    assert rows[0].split() == [labels[-1], *expected, "so", "good"]
    assert rows[1].split()[:2] == [labels[0], expected[-1]]
    assert len({row.index("0.") for row in rows}) == 1, "columns are aligned"
    assert rows[0].index(expected[0]) == header.index("p(")
