"""The first sentence of a corpus: true of any outcome."""

import re
from collections.abc import Collection
from dataclasses import dataclass

import pytest

from pipelines.evaluation import metrics
from pipelines.reporting.comparison import CorpusTable, ModelRow, TableCell
from pipelines.reporting.leader import leader_sentence

NAMES = ("logistic", "rnn", "lstm")  # the simplest first
SIZES = ("27 k parameters", "0.6 M parameters", "2.1 M parameters")


@dataclass(frozen=True)
class Comparison:
    """A comparison in which some models are as good as the best."""

    as_good: Collection[str]

    def as_good_as_best(self, model: str) -> bool:
        """Return True for these models."""
        return model in self.as_good


def table(*scores: float, key: str = "test_accuracy") -> CorpusTable:
    metric = metrics.get(key)
    best = metric.best(scores)
    rows = tuple(
        ModelRow(name, "", size, score, (TableCell(metric.format(score), score == best),))
        for name, size, score in zip(NAMES, SIZES, scores, strict=False)
    )
    return CorpusTable("opinions", "classification", (metric,), rows, (), ())


@pytest.mark.parametrize(
    ("scores", "as_good", "sentence"),
    [
        (
            (0.695, 0.61, 0.687),
            "logistic",
            "The simplest model, logistic (27 k parameters), wins: accuracy 0.695 against 0.687 of "
            "lstm (2.1 M parameters), the best larger model.",
        ),
        (
            (0.695, 0.61, 0.687),
            "logistic lstm",
            "The simplest model, logistic (27 k parameters), leads: accuracy 0.695 against 0.687 "
            "of lstm (2.1 M parameters), the best larger model; the difference is not significant.",
        ),
        (
            (0.687, 0.61, 0.695),
            "logistic lstm",
            "The simplest model, logistic (27 k parameters), is not significantly worse than lstm "
            "(2.1 M parameters), which leads: accuracy 0.687 against 0.695.",
        ),
        (
            (0.61, 0.687, 0.695),
            "rnn lstm",
            "A simpler model, rnn (0.6 M parameters), is not significantly worse than lstm (2.1 M "
            "parameters), which leads: accuracy 0.687 against 0.695.",
        ),
        (
            (0.687, 0.61, 0.75),
            "lstm",
            "lstm (2.1 M parameters) leads: accuracy 0.750 against 0.687 of logistic (27 k "
            "parameters), the best simpler model.",
        ),
        (
            (0.61, 0.75, 0.687),
            "rnn",
            "A simpler model, rnn (0.6 M parameters), wins: accuracy 0.750 against 0.687 of lstm "
            "(2.1 M parameters), the best larger model.",
        ),
        (
            (0.695, 0.61, 0.695),
            "logistic lstm",
            "The simplest model, logistic (27 k parameters), has the same score as lstm (2.1 M "
            "parameters): accuracy 0.695.",
        ),
        ((0.695,), "logistic", "logistic (27 k parameters) is the only model: accuracy 0.695."),
    ],
)
def test_the_sentence_follows_the_outcome(
    scores: tuple[float, ...], as_good: str, sentence: str
) -> None:
    assert leader_sentence(table(*scores), Comparison(as_good.split())) == sentence


def test_of_a_loss_lower_is_better() -> None:
    losses = table(2.9, 2.4, 2.1, key="test_bits_per_character")
    text = leader_sentence(losses, Comparison(["lstm"]))
    assert text.startswith("lstm (2.1 M parameters) leads: bits per character 2.100 against 2.400")
    reverse = table(2.1, 2.4, 2.9, key="test_bits_per_character")
    text = leader_sentence(reverse, Comparison(["logistic"]))
    assert text.startswith("The simplest model, logistic (27 k parameters), wins:")


@pytest.mark.parametrize("scores", [(0.7, 0.6, 0.5), (0.5, 0.6, 0.7), (0.6, 0.7, 0.5)])
def test_without_tests_nothing_is_said_about_significance(scores: tuple[float, ...]) -> None:
    text = leader_sentence(table(*scores))
    assert "leads:" in text
    assert not re.search(r"significant|wins|same score", text)


def test_without_models_there_is_no_sentence() -> None:
    assert leader_sentence(CorpusTable("opinions", "classification", (), (), (), ())) == ""
