"""The comparison of winner and starting point, corrected for the number of trials."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipelines.config import params
from pipelines.config.params import Corpus
from pipelines.config.sweeps import Range, Sweep
from pipelines.console import LiveTable
from pipelines.errors import UserError
from pipelines.evaluation import significance
from pipelines.scheduling.children import StopSignals
from pipelines.scheduling.jobs import LockedOuts, StageJob
from pipelines.sweeps import confirmation
from pipelines.sweeps.comparison import Confirmation
from pipelines.sweeps.confirmation import GroupTraining
from pipelines.sweeps.job_pool import JobPool
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
    sweep = Sweep(
        model="m",
        parameters={"units": Range(low=1, high=2)},
        trials=30,
        metric=metric,
        seed=1,
        confirm_seeds=SEEDS,
    )
    return confirmation.compare(frames, corpus, sweep, trials, {"start": [], "winner": []})


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


def test_the_run_of_the_sweep_has_the_numbers(corpus: Corpus) -> None:
    comparison = compare(corpus, 0.70, 0.72, 25)
    numbers = confirmation.metrics(comparison)
    assert numbers["start_test_macro_f1"] == comparison.metrics[0].start
    assert numbers["corrected_p_test_macro_f1"] == comparison.metrics[0].corrected_p
    assert len(numbers) == 6


class FakeExecutor:
    """Ends each job at the first call of `wait` after its start."""

    def __init__(self, folder: Path, failing: str = "") -> None:
        self.folder, self.failing = folder, failing
        self.started: list[tuple[str, StageJob]] = []
        self.running: list[str] = []
        self.most = 0

    def start(self, name: str, job: StageJob, variables: Mapping[str, str]) -> None:
        self.started.append((name, job))
        self.running.append(name)
        self.most = max(self.most, len(self.running))

    def wait(self, seconds: float) -> Iterator[tuple[str, list[str], int | None]]:
        running, self.running = self.running, []
        for name in running:
            if name == self.failing:
                self.log(name).write_text("a line\nseqproof: The disk is full.\n")
                yield name, ["failed"], None
            else:
                outs = LockedOuts({"outs": [{"path": name, "md5": "a"}]})
                yield name, ['epoch {"epoch": 1, "seed": 11}', outs.message(), "ran"], None
            yield name, [], 0

    def send_signal(self, number: int, name: str | None = None) -> None:
        self.running.clear()

    def log(self, name: str) -> Path:
        return self.folder / f"{name}.log"


def train(executor: FakeExecutor, jobs: int = 2, stop: StopSignals | None = None) -> Any:
    pool = JobPool(executor, stop or StopSignals(), {})
    texts = {"start": "text of start", "winner": "text of winner"}
    stages = ("train_lstm@m", "evaluate_lstm@m")
    return GroupTraining("tuning-m", stages, texts, pool, jobs, LiveTable()).run()


@pytest.mark.parametrize("jobs", [1, 2])
def test_both_groups_are_trained_and_evaluated(
    jobs: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    executor = FakeExecutor(tmp_path)
    outs = train(executor, jobs)
    assert {group: len(both) for group, both in outs.items()} == {"start": 2, "winner": 2}
    assert executor.most == jobs
    started = dict(executor.started)
    assert len(started) == 4
    training, evaluation = started["tuning-m-start-training"], started["tuning-m-start-evaluation"]
    assert training == StageJob("train_lstm@m", "text of start")
    entry = {"outs": [{"path": "tuning-m-start-training", "md5": "a"}]}
    assert evaluation == StageJob("evaluate_lstm@m", "text of start", {"train_lstm@m": entry})
    lines = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"the starting point: training ran in \d+:\d\d \(1 of 4\)", lines[0])
    assert "the winner: evaluation ran in " in "\n".join(lines)
    assert [line[-8:] for line in lines] == [f"({number} of 4)" for number in range(1, 5)]


def test_a_failure_is_one_sentence(tmp_path: Path) -> None:
    executor = FakeExecutor(tmp_path, failing="tuning-m-winner-evaluation")
    with pytest.raises(UserError, match=r"^The evaluation of the winner .*: The disk is full\.$"):
        train(executor)


def test_nothing_starts_after_a_signal(tmp_path: Path) -> None:
    executor, stop = FakeExecutor(tmp_path), StopSignals()
    stop.numbers.append(2)
    assert train(executor, stop=stop) is None
    assert executor.started == []
