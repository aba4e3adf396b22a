"""The comparison of winner and starting point, corrected for the number of trials."""

import numpy as np
import pandas as pd
import pytest

from pipelines.config import params
from pipelines.config.params import Corpus
from pipelines.evaluation import significance
from pipelines.sweeps import confirmation
from pipelines.sweeps.comparison import Confirmation
from tests.unit.config.shipped import PATH

SEEDS = (11, 12, 13)
LABELS = ("negative", "neutral", "positive")


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return params.load(PATH).corpora["opinions"]


def predictions(accuracy: float, items: int = 400) -> pd.DataFrame:
    """Return predictions of three seeds, of which a share is right."""
    label = np.array([LABELS[item % 3] for item in range(items)])
    frames = []
    for seed in SEEDS:
        generator = np.random.default_rng(1000 * seed + int(1000 * accuracy))
        right = generator.random(items) < accuracy
        wrong = np.array([LABELS[(item + 1) % 3] for item in range(items)])
        frame = pd.DataFrame({"text": np.arange(items).astype(str), "label": label, "seed": seed})
        frame["predicted"] = np.where(right, label, wrong)
        frame["nats"], frame["tokens"], frame["right"] = 1.0, 1, right
        frames.append(frame)
    return pd.concat(frames, ignore_index=True)


def compare(
    corpus: Corpus, start: float, winner: float, trials: int, metric: str = "valid_macro_f1"
) -> Confirmation:
    frames = {"start": predictions(start), "winner": predictions(winner)}
    return confirmation.compare(frames, corpus, metric, SEEDS, trials, {"start": [], "winner": []})


def test_p_is_corrected_for_the_number_of_trials(corpus: Corpus) -> None:
    alone, many = compare(corpus, 0.70, 0.72, 1), compare(corpus, 0.70, 0.72, 25)
    first, last = alone.metrics[0], many.metrics[0]
    assert first.p == last.p == first.corrected_p
    assert first.p < significance.LEVEL < last.corrected_p == pytest.approx(25 * last.p)
    assert (first.verdict, last.verdict) == ("better", "not significant")
    assert alone.is_better
    assert not many.is_better
    assert last.low < 0 < first.low  # the interval agrees with the verdict
    assert first.high < last.high


def test_a_corrected_p_is_at_most_one(corpus: Corpus) -> None:
    assert compare(corpus, 0.70, 0.701, 25).metrics[0].corrected_p == 1.0


def test_a_winner_may_be_worse(corpus: Corpus) -> None:
    metric = compare(corpus, 0.9, 0.5, 25).metrics[0]
    assert metric.verdict == "worse"
    assert metric.winner < metric.start
    assert metric.winner == pytest.approx(np.mean(metric.winner_seeds))


def test_the_metric_of_the_sweep_decides(corpus: Corpus) -> None:
    by_score = compare(corpus, 0.7, 0.8, 2)
    by_loss = compare(corpus, 0.7, 0.8, 2, metric="valid_loss")
    assert [metric.key for metric in by_score.metrics] == ["test_macro_f1", "test_accuracy"]
    assert [metric.key for metric in by_loss.metrics] == ["test_accuracy", "test_macro_f1"]
    assert (by_score.items, by_score.seeds, by_score.trials) == (400, SEEDS, 2)
