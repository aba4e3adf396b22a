"""Two models on the same test items: better, worse, or not significant."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd

from pipelines.config.params import Corpus
from pipelines.evaluation import measures, resampling, seed_tests
from pipelines.evaluation.measures import AdditiveMetric, Better, SacreBleuMetric
from pipelines.evaluation.resampling import Interval
from pipelines.evaluation.seed_tests import SeedTest

Verdict = Literal["better", "worse", "not significant"]

LEVEL = 0.05  # below it a difference is called real
RESAMPLES = 10_000  # of each test
SEED = 12345  # of all resamples; sacreBLEU's own, too


@dataclass(frozen=True)
class TestResult:
    """What the tests say of one measure.

    Attributes:
        key: the measure's, in the metrics file.
        better: which side of it is the good one.
        first: score of the first model.
        second: score of the second.
        first_interval: where the first score lies, by bootstrap over the items.
        second_interval: where the second lies.
        difference: where second - first lies; None where sacreBLEU tests, which does not say.
        test: what `p` was found by.
        p: of the hypothesis that the models are the same, two-sided; of several models that are
            compared with one, corrected.
        p_bootstrap: the same by paired bootstrap, not corrected.
        verdict: what the second model is beside the first; of two groups better or worse only if
            the items and the seeds both say so.
        first_seed: of a group, the seed whose items are compared.
        second_seed: the same of the second.
        seeds: the test over seeds; None unless both are groups.
    """

    key: str
    better: Better
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
        """Its name for people."""
        return self.key.removeprefix("test_").replace("_", " ")

    @property
    def said(self) -> str:
        """Both scores and how likely chance is, in words."""
        said = f"p {format_p(self.p)} by {self.test}"
        if self.seeds is not None:
            said += f", p {format_p(self.seeds.p)} over the seeds by {seed_tests.TEST}"
        return f"{self.measure} {self.second:.4g} beside {self.first:.4g}, {said}"


def format_p(p: float) -> str:
    """A p as it is read."""
    return f"{p:.4f}" if p >= 0.0001 else "< 0.0001"


def compare(
    first: pd.DataFrame,
    second: pd.DataFrame,
    corpus: Corpus,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
) -> list[TestResult]:
    """Each measure of the task, tested; the one that decides comes first. Of a group that model is
    taken whose score is the median, and two groups are tested over their seeds, too.

    Args:
        first: predictions of the first model or group, as `evaluate` wrote them.
        second: of the second.
        corpus: of both.
        level: below it a p is significant.
        resamples: of each test.

    Raises:
        Refusal: they were not tested on the same items.
    """
    (one, mine), (other, theirs) = (
        seed_tests.median_seed(side, corpus) for side in (first, second)
    )
    measures.same_items(mine, theirs, corpus)
    seeds = seed_tests.over_seeds(first, second, corpus)
    found = []
    for measure in measures.of_task(mine, theirs, corpus):
        bare = (
            _sums(measure, resamples)
            if isinstance(measure, AdditiveMetric)
            else _texts(measure, resamples)
        )
        whole = replace(bare, first_seed=one, second_seed=other, seeds=seeds.get(measure.key))
        found.append(_judged(whole, level))
    return found


def holm_corrected(
    several: Sequence[list[TestResult]], level: float = LEVEL
) -> list[list[TestResult]]:
    """What several models were found to be beside the same first one, corrected for their number
    (Holm 1979), each measure for itself."""
    keys = {finding.key for findings in several for finding in findings}
    for key in keys:
        places = [
            (row, column)
            for row, findings in enumerate(several)
            for column, finding in enumerate(findings)
            if finding.key == key
        ]
        values = resampling.holm([several[row][column].p for row, column in places])
        of_seeds = _over_seeds([several[row][column].seeds for row, column in places])
        for (row, column), p, seeds in zip(places, values, of_seeds, strict=True):
            one = replace(several[row][column], p=p, seeds=seeds)
            several[row][column] = _judged(one, level)
    return list(several)


def _over_seeds(several: Sequence[SeedTest | None]) -> list[SeedTest | None]:
    values = iter(resampling.holm([one.p for one in several if one is not None]))
    return [None if one is None else replace(one, p=next(values)) for one in several]


def _judged(found: TestResult, level: float) -> TestResult:
    tests = [(found.second - found.first, found.p)]
    if found.seeds is not None:
        first, second = (float(np.mean(side)) for side in (found.seeds.first, found.seeds.second))
        tests.append((second - first, found.seeds.p))
    said = {_verdict(found.better, difference, p, level) for difference, p in tests}
    return replace(found, verdict=said.pop() if len(said) == 1 else "not significant")


def _verdict(better: Better, difference: float, p: float, level: float) -> Verdict:
    if p >= level or difference == 0:
        return "not significant"
    return "better" if (difference > 0) == (better == "higher") else "worse"


def _sums(measure: AdditiveMetric, resamples: int) -> TestResult:
    one, other, score = measure.first, measure.second, measure.score
    drawn = resampling.bootstrap(one, other, score, resamples, 0.95, SEED)
    if measure.right:
        test, p = "McNemar, exact", resampling.mcnemar(one[:, 0] > 0, other[:, 0] > 0)
    else:
        test = "approximate randomisation"
        p = resampling.randomisation(one, other, score, resamples, SEED)
    return TestResult(
        measure.key,
        measure.better,
        resampling.corpus_score(one, score),
        resampling.corpus_score(other, score),
        drawn.first,
        drawn.second,
        drawn.difference,
        test,
        p,
        drawn.p,
        "not significant",
    )


def _texts(measure: SacreBleuMetric, resamples: int) -> TestResult:
    """By sacreBLEU's own tests (Post 2018), which say p of the second system beside the first."""
    os.environ["SACREBLEU_SEED"] = str(SEED)  # read when a test is made
    from sacrebleu.significance import PairedTest

    logging.getLogger("sacrebleu").setLevel(logging.ERROR)
    systems = [("first", list(measure.first)), ("second", list(measure.second))]
    references = [list(measure.references)]

    def tested(kind: str, times: int) -> tuple[list[Any], float]:
        """Of both systems what it found, and p."""
        _, results = PairedTest(systems, {"it": measure.metric}, references, kind, times)()
        (found,) = (some for name, some in results.items() if name != "System")
        # It calls what never differs the rarest chance of all.
        return found, float(found[1].p_value) if found[0].score != found[1].score else 1.0

    scored, p = tested("ar", resamples)
    # A thousand at most: it keeps every resample of every item in memory.
    drawn, p_bootstrap = tested("bs", min(resamples, 1000))
    first, second = (Interval(float(one.mean - one.ci), float(one.mean + one.ci)) for one in drawn)
    test = "sacreBLEU's approximate randomisation"
    return TestResult(
        measure.key,
        measure.better,
        float(scored[0].score),
        float(scored[1].score),
        first,
        second,
        None,
        test,
        p,
        p_bootstrap,
        "not significant",
    )
