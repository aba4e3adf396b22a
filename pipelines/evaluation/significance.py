"""Significance of the difference between two models on the same test items."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd

from pipelines.config.params import Corpus
from pipelines.evaluation import paired_metrics, resampling, seed_tests
from pipelines.evaluation.metrics import Direction
from pipelines.evaluation.paired_metrics import PairedItems, PairedTranslations
from pipelines.evaluation.resampling import Interval
from pipelines.evaluation.seed_tests import SeedTest

Verdict = Literal["better", "worse", "not significant"]

LEVEL = 0.05  # significance level
RESAMPLES = 10_000  # of each test
SEED = 12345  # of all resamples; sacreBLEU's default


@dataclass(frozen=True)
class TestResult:
    """Comparison of two models by one metric.

    Attributes:
        key: key of the metric.
        direction: the better side of the metric.
        first: score of the first model.
        second: score of the second model.
        first_interval: bootstrap interval of the first score over the items.
        second_interval: the same for the second score.
        difference: interval of second - first; None for tests of sacreBLEU, which has none.
        test: name of the test that `p` is from.
        p: two-sided p of the hypothesis that both models are the same; corrected where several
            models are compared with the same first model.
        p_bootstrap: p by paired bootstrap, not corrected.
        verdict: the second model compared with the first. Two groups of seeds differ only if the
            tests over items and over seeds agree.
        first_seed: the seed of the first group whose items are compared.
        second_seed: the seed of the second group.
        seeds: the test over seeds; None unless both are groups.
    """

    __test__ = False  # pytest must not collect it

    key: str
    direction: Direction
    first: float
    second: float
    first_interval: Interval
    second_interval: Interval
    difference: Interval | None
    test: str
    p: float
    p_bootstrap: float
    verdict: Verdict
    first_seed: int | None = None
    second_seed: int | None = None
    seeds: SeedTest | None = None

    @property
    def measure(self) -> str:
        """The name of the metric."""
        return self.key.removeprefix("test_").replace("_", " ")

    @property
    def summary(self) -> str:
        """Both scores and p, as text."""
        text = f"p {format_p(self.p)} by {self.test}"
        if self.seeds is not None:
            text += f", p {format_p(self.seeds.p)} over the seeds by {seed_tests.TEST}"
        return f"{self.measure} {self.second:.4g} beside {self.first:.4g}, {text}"


def format_p(p: float) -> str:
    """Return a p with four decimals."""
    return f"{p:.4f}" if p >= 0.0001 else "< 0.0001"


def compare(
    first: pd.DataFrame,
    second: pd.DataFrame,
    corpus: Corpus,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
) -> list[TestResult]:
    """Compare two models by each metric of their task, the deciding metric first.

    A group of seeds is represented by the seed with the median score; two groups are tested over
    their seeds, too.

    Args:
        first: predictions of the first model or group, as `evaluate` wrote them.
        second: predictions of the second.
        corpus: the corpus of both.
        level: significance level.
        resamples: number of resamples of each test.

    Raises:
        UserError: the models were not tested on the same items.
    """
    first_seed, first_items = seed_tests.median_seed(first, corpus)
    second_seed, second_items = seed_tests.median_seed(second, corpus)
    paired_metrics.check_same_items(first_items, second_items, corpus)
    seeds = seed_tests.compare_seeds(first, second, corpus)
    results = []
    for paired in paired_metrics.pair(first_items, second_items, corpus):
        if isinstance(paired, PairedItems):
            result = _test_items(paired, resamples)
        else:
            result = _test_translations(paired, resamples)
        result = replace(
            result,
            first_seed=first_seed,
            second_seed=second_seed,
            seeds=seeds.get(paired.metric.key),
        )
        results.append(_with_verdict(result, level))
    return results


def holm_corrected(
    comparisons: Sequence[list[TestResult]], level: float = LEVEL
) -> list[list[TestResult]]:
    """Correct the comparisons of several models with the same first model (Holm 1979).

    Each metric is corrected by itself.

    Args:
        comparisons: the results of each model, as `compare` returns them.
        level: significance level.
    """
    corrected = [list(results) for results in comparisons]
    for key in {result.key for results in comparisons for result in results}:
        places = [
            (row, column)
            for row, results in enumerate(comparisons)
            for column, result in enumerate(results)
            if result.key == key
        ]
        values = resampling.holm([corrected[row][column].p for row, column in places])
        seeds = _holm_corrected_seeds([corrected[row][column].seeds for row, column in places])
        for (row, column), p, seed_test in zip(places, values, seeds, strict=True):
            result = replace(corrected[row][column], p=p, seeds=seed_test)
            corrected[row][column] = _with_verdict(result, level)
    return corrected


def _holm_corrected_seeds(tests: Sequence[SeedTest | None]) -> list[SeedTest | None]:
    values = iter(resampling.holm([test.p for test in tests if test is not None]))
    return [None if test is None else replace(test, p=next(values)) for test in tests]


def _with_verdict(result: TestResult, level: float) -> TestResult:
    tests = [(result.second - result.first, result.p)]
    if result.seeds is not None:
        first, second = (float(np.mean(side)) for side in (result.seeds.first, result.seeds.second))
        tests.append((second - first, result.seeds.p))
    verdicts = {_verdict(result.direction, difference, p, level) for difference, p in tests}
    return replace(result, verdict=verdicts.pop() if len(verdicts) == 1 else "not significant")


def _verdict(direction: Direction, difference: float, p: float, level: float) -> Verdict:
    if p >= level or difference == 0:
        return "not significant"
    return "better" if (difference > 0) == (direction == "higher") else "worse"


def _direction(paired: PairedItems | PairedTranslations) -> Direction:
    direction = paired.metric.direction
    if direction is None:
        raise ValueError(f"'{paired.metric.key}' has no better side.")
    return direction


def _test_items(paired: PairedItems, resamples: int) -> TestResult:
    """Test by McNemar's test or approximate randomisation."""
    first, second, score = paired.first, paired.second, paired.score
    intervals = resampling.bootstrap(first, second, score, resamples, 0.95, SEED)
    if paired.binary:
        test, p = "McNemar, exact", resampling.mcnemar(first[:, 0] > 0, second[:, 0] > 0)
    else:
        test = "approximate randomisation"
        p = resampling.randomisation(first, second, score, resamples, SEED)
    return TestResult(
        paired.metric.key,
        _direction(paired),
        resampling.corpus_score(first, score),
        resampling.corpus_score(second, score),
        intervals.first,
        intervals.second,
        intervals.difference,
        test,
        p,
        intervals.p,
        "not significant",
    )


def _test_translations(paired: PairedTranslations, resamples: int) -> TestResult:
    """Test by sacreBLEU's own tests (Post 2018)."""
    os.environ["SACREBLEU_SEED"] = str(SEED)  # read when a test is created
    from sacrebleu.significance import PairedTest

    logging.getLogger("sacrebleu").setLevel(logging.ERROR)
    systems = [("first", list(paired.first)), ("second", list(paired.second))]
    references = [list(paired.references)]

    def run(kind: str, count: int) -> tuple[list[Any], float]:
        """Return the results of both systems, and p."""
        _, columns = PairedTest(systems, {"metric": paired.scorer}, references, kind, count)()
        (results,) = (values for name, values in columns.items() if name != "System")
        # sacreBLEU reports the smallest possible p for two equal systems.
        return results, float(results[1].p_value) if results[0].score != results[1].score else 1.0

    scores, p = run("ar", resamples)
    # At most a thousand: sacreBLEU keeps every resample of every item in memory.
    intervals, p_bootstrap = run("bs", min(resamples, 1000))
    first, second = (
        Interval(float(result.mean - result.ci), float(result.mean + result.ci))
        for result in intervals
    )
    return TestResult(
        paired.metric.key,
        _direction(paired),
        float(scores[0].score),
        float(scores[1].score),
        first,
        second,
        None,
        "sacreBLEU's approximate randomisation",
        p,
        p_bootstrap,
        "not significant",
    )
