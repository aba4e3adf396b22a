"""Results of several seeds, against numbers worked out by hand."""

import pandas as pd
import pytest

from pipelines.evaluation import parts, seed_aggregation, seed_statistics
from pipelines.evaluation.analysis import Analysis, LengthScores
from pipelines.evaluation.evaluate import EvaluationResult

LENGTHS = LengthScores("tokens", "accuracy", (1,), (1,), (1.0,))


def _result(accuracy, label=""):
    metrics = {"test_accuracy": accuracy, "test_tokens": 45, "search": "greedy"}
    predictions = pd.DataFrame({"text": ["a", "b"], "predicted": [label] * 2})
    return EvaluationResult(metrics, predictions, Analysis(LENGTHS, sample=label))


def _means(*accuracies):
    return seed_aggregation.means([_result(accuracy).metrics for accuracy in accuracies])


def test_mean_deviation_and_interval_by_hand():
    """Deviations -1, 0, 1 from the mean: sd 1; Student's t of 2 degrees at 97.5 % is 4.303."""
    metrics = _means(4.0, 5.0, 6.0)
    assert metrics["test_accuracy"] == 5
    assert metrics["test_accuracy_sd"] == pytest.approx(1)
    assert metrics["test_accuracy_high"] == pytest.approx(5 + 4.30265 / 3**0.5, rel=1e-5)
    assert metrics["test_accuracy_low"] == pytest.approx(5 - 4.30265 / 3**0.5, rel=1e-5)
    assert (metrics["test_tokens"], metrics["search"], metrics["seeds"]) == (45, "greedy", 3)
    assert len(metrics) == 7


def test_members_are_a_part_with_mean_and_interval():
    values = seed_aggregation.member_means([_result(accuracy) for accuracy in (4.0, 5.0, 6.0)])
    assert values["member/test_accuracy"] == 5
    assert values["member/test_accuracy_sd"] == pytest.approx(1)
    assert values["member/seeds"] == 3
    assert "member/test_tokens" not in values
    assert parts.of_part(values, "member")["seeds"] == 3
    assert parts.of_part(values, None) == {}
    assert parts.names(values) == ["member"]


def test_parts_of_several_seeds_have_means_of_their_own():
    metrics = [{"test_x": value, "network/test_x": 2 * value} for value in (1.0, 3.0)]
    values = seed_aggregation.means(metrics)
    assert (values["test_x"], values["network/test_x"]) == (2, 4)
    assert seed_statistics.statistics_of(parts.of_part(values, "network"), "test_x").sd > 0


def test_equal_seeds_have_an_interval_without_width():
    assert seed_statistics.statistics_of(_means(0.3, 0.3), "test_accuracy") == (0.0, 0.3, 0.3)


def test_predictions_are_stacked_and_the_first_seed_is_analysed():
    result = seed_aggregation.aggregate({5: _result(0.5, "first"), 2: _result(0.6, "second")})
    assert result.predictions["seed"].tolist() == [5, 5, 2, 2]
    assert result.predictions["predicted"].tolist() == ["first"] * 2 + ["second"] * 2
    assert list(result.predictions) == ["seed", "text", "predicted"]
    assert result.analysis.sample == "first"


def test_a_key_without_all_its_statistics_has_none():
    metrics = {"test_low": 1.0, "test_high": 2.0}  # results, not statistics of `test`
    assert seed_statistics.statistics_of(metrics, "test") is None
