"""The results of several seeds as one, against numbers worked out by hand."""

import pandas as pd
import pytest

from pipelines.evaluation import seed_aggregation, seed_statistics
from pipelines.evaluation.length_buckets import ByLength
from pipelines.tasks.evaluation import Evaluation

LENGTHS = ByLength("tokens", "accuracy", [1], [1], [1.0])


def _evaluation(accuracy: float, said: str) -> Evaluation:
    metrics = {"test_accuracy": accuracy, "test_tokens": 45, "search": "greedy"}
    predictions = pd.DataFrame({"text": ["a", "b"], "predicted": [said] * 2})
    return Evaluation(metrics, predictions, LENGTHS, sample=said)


def test_mean_deviation_and_interval_by_hand() -> None:
    """Deviations -1, 0, 1 of the mean: sd 1; Student's t of 2 degrees at 97.5 % is 4.303."""
    found = seed_aggregation.means([_evaluation(value, "").metrics for value in (4.0, 5.0, 6.0)])
    assert found["test_accuracy"] == 5
    assert found["test_accuracy_sd"] == pytest.approx(1)
    assert found["test_accuracy_high"] == pytest.approx(5 + 4.30265 / 3**0.5, rel=1e-5)
    assert found["test_accuracy_low"] == pytest.approx(5 - 4.30265 / 3**0.5, rel=1e-5)
    assert (found["test_tokens"], found["search"], found["seeds"]) == (45, "greedy", 3)
    assert len(found) == 7


def test_seeds_that_do_not_scatter_have_an_interval_of_no_width() -> None:
    found = seed_aggregation.means([_evaluation(0.3, "").metrics] * 2)
    assert seed_statistics.of(found, "test_accuracy") == (0.0, 0.3, 0.3)


def test_predictions_stand_below_each_other_and_the_first_is_shown() -> None:
    found = seed_aggregation.aggregate(
        {5: _evaluation(0.5, "first"), 2: _evaluation(0.6, "second")}
    )
    assert found.predictions["seed"].tolist() == [5, 5, 2, 2]
    assert found.predictions["predicted"].tolist() == ["first"] * 2 + ["second"] * 2
    assert list(found.predictions) == ["seed", "text", "predicted"]
    assert found.sample == "first"


def test_results_are_named_without_their_spread() -> None:
    found = seed_aggregation.means([_evaluation(value, "").metrics for value in (0.1, 0.2)])
    assert seed_statistics.results(found) == ["test_accuracy", "test_tokens"]
    alone = {"test_low": 1.0, "test_high": 2.0}  # whatever a result is called
    assert seed_statistics.results(alone) == ["test_low", "test_high"]
    assert seed_statistics.of(alone, "test") is None
