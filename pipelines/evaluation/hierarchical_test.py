"""Hierarchical test of differences between models: over seeds, and over test items.

The score of a seed varies with the seed and with the items, which all seeds and models share: the
design of readers and cases in diagnostic studies. As there, the variance of a difference is a sum
of components, and the difference is referred to Student's t with Satterthwaite's (1946) degrees of
freedom (Obuchowski and Rockette 1995; Hillis 2007):

- items: the variance of the difference of the means over seeds, by the bootstrap over the items;
- seeds: the variance of the seeds' scores, less the part that is due to the items.

Resampling the seeds instead would find too many differences: a bootstrap of 2 to 5 seeds has 50 to
80 % of their variance, and no tails.

M models, S trained models (seeds of all models), P pairs, R resamples.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from pipelines.evaluation.resampling import MAX_CELLS, Interval, ScoredItems, Scores

Matrix = npt.NDArray[np.float64]
Pair = tuple[int, int]  # positions of two models

POWER = 0.8  # of the detectable difference
ROUNDING = 1e-12  # share of a score below which variances are rounding errors


@dataclass(frozen=True)
class ScoreEstimates:
    """Scores of M models by one metric, and the components of their variance.

    Attributes:
        scores: mean score (M,) over the seeds.
        seeds: score of each seed of each model.
        item_covariance: covariance (M, M) of the scores over samples of items.
        seed_variance: variance (M,) of the scores over samples of seeds; 0 for a single seed.
        item_share: the part (M,) of it that is due to the items.
        blocks: number of items, or of blocks of items, that were resampled.
        different_items: number (M, M) of items on which two models differ.
        resampled: score (R, M) of each resample of the items.
    """

    scores: Scores
    seeds: tuple[tuple[float, ...], ...]
    item_covariance: Matrix
    seed_variance: Scores
    item_share: Scores
    blocks: int
    different_items: npt.NDArray[np.int64]
    resampled: Matrix

    @property
    def seed_excess(self) -> Scores:
        """The variance (M,) over seeds that the items do not explain."""
        return np.maximum(0.0, self.seed_variance - self.item_share)


@dataclass(frozen=True)
class Difference:
    """Test of the difference between the scores of two models, second - first.

    Attributes:
        value: the difference.
        interval: its confidence interval.
        p: two-sided p of the hypothesis that there is no difference.
        detectable: the smallest difference that the test finds with a probability of `POWER`.
        over_seeds: True if the seeds are a sample, too: both models have several. Otherwise the
            test is about the trained models as they are.
    """

    value: float
    interval: Interval
    p: float
    detectable: float
    over_seeds: bool


def estimate(
    items: ScoredItems, sample: ScoredItems, resampled: Matrix, seed_counts: Sequence[int]
) -> ScoreEstimates:
    """Estimate the components of variance.

    Args:
        items: statistics of S trained models, in the order of the M models.
        sample: the same in B blocks, or the same.
        resampled: their scores (R, S) on resamples of the blocks.
        seed_counts: number of seeds of each model; S in total.
    """
    ends = np.cumsum(seed_counts)
    members = [slice(end - count, end) for end, count in zip(ends, seed_counts, strict=True)]
    scores = sample.scores()
    blocks = len(sample.statistics[0])
    # A bootstrap over B items has (B - 1) / B of the variance.
    covariance = np.atleast_2d(np.cov(resampled, rowvar=False)) * blocks / (blocks - 1)
    covariance[np.abs(covariance) < (ROUNDING * np.abs(scores).max()) ** 2] = 0
    averages = np.zeros((len(members), len(scores)))
    for model, part in enumerate(members):
        averages[model, part] = 1 / seed_counts[model]
    seed_variance, item_share = (np.zeros(len(members)) for _ in range(2))
    for model, (part, count) in enumerate(zip(members, seed_counts, strict=True)):
        if count > 1:
            own = covariance[part, part]
            seed_variance[model] = scores[part].var(ddof=1) / count
            item_share[model] = (np.trace(own) - own.sum() / count) / (count - 1) / count
    means = [np.mean(items.statistics[part], axis=0) for part in members]
    return ScoreEstimates(
        scores=averages @ scores,
        seeds=tuple(tuple(map(float, scores[part])) for part in members),
        item_covariance=averages @ covariance @ averages.T,
        seed_variance=seed_variance,
        item_share=item_share,
        blocks=blocks,
        different_items=np.array(
            [[(first != second).any(axis=1).sum() for second in means] for first in means]
        ),
        resampled=resampled @ averages.T,
    )


def score_intervals(
    estimates: ScoreEstimates, confidence: float, generator: np.random.Generator
) -> list[Interval]:
    """Return an interval of the score of each model.

    It is the percentile interval of the bootstrap, expanded for small samples (Hesterberg 2015,
    section 5.2), over the items and the seeds, whose mean varies by Student's t.
    """
    from scipy import special

    blocks = estimates.blocks
    quantile = special.stdtrit(blocks - 1, (1 - confidence) / 2) * np.sqrt(blocks / (blocks - 1))
    tail = float(special.ndtr(quantile))
    intervals = []
    for model, seeds in enumerate(estimates.seeds):
        draws = estimates.resampled[:, model]
        if estimates.seed_excess[model]:
            deviations = generator.standard_t(len(seeds) - 1, len(draws))
            draws = draws + np.sqrt(estimates.seed_excess[model]) * deviations
        low, high = np.quantile(draws, [tail, 1 - tail])
        intervals.append(Interval(float(low), float(high)))
    return intervals


def compare_pairs(
    estimates: ScoreEstimates,
    pairs: Sequence[Pair],
    level: float,
    resamples: int,
    generator: np.random.Generator,
) -> list[Difference]:
    """Test the differences of several pairs of models, with one level for all of them.

    A single pair has Student's t. With several, the largest of their statistics is referred to the
    distribution of the largest of P correlated normal numbers, of which each is the normal quantile
    that corresponds to t (Dunnett 1955; Tukey 1953; Hothorn, Bretz and Westfall 2008). So the
    chance of any wrong verdict is `level`, also for a pair that was picked for its difference.

    Args:
        estimates: scores of M models.
        pairs: positions of P pairs.
        level: significance level of all pairs together.
        resamples: number of samples of the largest statistic.
        generator: of these samples.

    Returns:
        The test of each pair. The interval excludes 0 if p is below `level`.
    """
    from scipy import special

    if len(pairs) > 1:
        estimates = _with_pooled_seeds(estimates)
    contrasts = _contrasts(estimates, pairs)
    values = contrasts.values
    p = 2 * special.stdtr(contrasts.degrees, -contrasts.statistics)
    pair_level = level
    if len(pairs) > 1:
        largest = np.sort(_largest_normal(estimates, contrasts, resamples, generator))
        pair_level = 2 * float(special.ndtr(-np.quantile(largest, 1 - level)))
        smaller = np.searchsorted(largest, -special.ndtri(p / 2))
        p = np.maximum(p, (1 + resamples - smaller) / (1 + resamples))
    half_widths = -special.stdtrit(contrasts.degrees, pair_level / 2) * contrasts.errors
    detectable = half_widths + special.stdtrit(contrasts.degrees, POWER) * contrasts.errors
    return [
        Difference(
            float(values[pair]),
            Interval(
                float(values[pair] - half_widths[pair]), float(values[pair] + half_widths[pair])
            ),
            float(min(1.0, p[pair])),
            float(detectable[pair]),
            bool(contrasts.over_seeds[pair]),
        )
        for pair in range(len(pairs))
    ]


@dataclass(frozen=True)
class _Contrasts:
    """Differences of P pairs of models.

    Attributes:
        first: position (P,) of the first model.
        second: position (P,) of the second model.
        over_seeds: whether (P,) the seeds are a sample.
        values: second - first (P,).
        errors: standard error (P,).
        degrees: degrees of freedom (P,).
    """

    first: npt.NDArray[np.int64]
    second: npt.NDArray[np.int64]
    over_seeds: npt.NDArray[np.bool_]
    values: Scores
    errors: Scores
    degrees: Scores

    @property
    def statistics(self) -> Scores:
        """Student's t (P,) without its sign."""
        infinite = np.where(self.values == 0, 0.0, np.inf)
        return np.divide(np.abs(self.values), self.errors, out=infinite, where=self.errors > 0)


def _with_pooled_seeds(estimates: ScoreEstimates) -> ScoreEstimates:
    """Raise the variances over seeds that are below the mean of all models to this mean.

    Of many models some have seeds that are close by chance, and these would win.
    """
    counts = np.array([len(seeds) for seeds in estimates.seeds])
    if counts.max() == 1:
        return estimates
    variance = estimates.seed_variance * counts
    mean = (variance * (counts - 1)).sum() / (counts - 1).sum()
    raised = np.where(counts > 1, np.maximum(variance, mean) / counts, 0.0)
    return replace(estimates, seed_variance=raised)


def _contrasts(estimates: ScoreEstimates, pairs: Sequence[Pair]) -> _Contrasts:
    from scipy import special

    first, second = (np.array(side) for side in zip(*pairs, strict=True))
    values = estimates.scores[second] - estimates.scores[first]
    counts = np.array([len(seeds) for seeds in estimates.seeds])
    over_seeds = (counts[first] > 1) & (counts[second] > 1)
    covariance, own = estimates.item_covariance, np.diag(estimates.item_covariance)
    by_items = np.maximum(0.0, own[first] + own[second] - 2 * covariance[first, second])
    # Satterthwaite: the square of a sum by the sum of each square over its degrees of freedom. Two
    # seeds are too few for the excess of a model to be offset by the lack of it in the other.
    shares, squares = [], np.zeros(len(pairs))
    for side in (first, second):
        observed = np.where(over_seeds, estimates.seed_variance[side], 0.0)
        shares.append(observed - np.where(over_seeds, estimates.item_share[side], 0.0))
        squares += observed**2 / np.maximum(1, counts[side] - 1)
    if len(pairs) > 1:  # both variances have the degrees of freedom of all seeds
        observed = estimates.seed_variance[first] + estimates.seed_variance[second]
        squares = np.where(over_seeds, observed**2 / max(1, (counts - 1).sum()), 0.0)
    separate = sum(np.maximum(0.0, share) for share in shares)
    offset = np.maximum(0.0, sum(shares))
    by_seeds = np.where(np.minimum(counts[first], counts[second]) < 3, separate, offset)
    freedom = estimates.blocks - 1
    variance = by_items + by_seeds
    squares = by_items**2 / freedom + np.where(by_seeds > 0, squares, 0.0)
    degrees = np.full(len(pairs), float(freedom))
    np.divide(variance**2, squares, out=degrees, where=squares > 0)
    degrees = np.maximum(1.0, degrees)
    # p is at least 2 of 2^m, that of exchanging both models on each of the m items where they
    # differ (Fisher 1935, section 21): a few differences of one sign show no variance.
    different = np.maximum(2, estimates.different_items[first, second])
    smallest = np.abs(values / special.stdtrit(degrees, 0.5**different))
    errors = np.maximum(np.sqrt(variance), smallest)
    return _Contrasts(first, second, over_seeds, values, errors, degrees)


def _largest_normal(
    estimates: ScoreEstimates,
    contrasts: _Contrasts,
    resamples: int,
    generator: np.random.Generator,
) -> Scores:
    """Sample (R,) the largest of P normal numbers that correlate as the differences of pairs do."""
    first, second = contrasts.first, contrasts.second
    eigenvalues, vectors = np.linalg.eigh(estimates.item_covariance)
    root = (vectors * np.sqrt(np.maximum(0.0, eigenvalues))).T  # root.T @ root is the covariance
    own, excess = np.diag(estimates.item_covariance), estimates.seed_excess
    variance = own[first] + own[second] - 2 * estimates.item_covariance[first, second]
    variance += np.where(contrasts.over_seeds, excess[first] + excess[second], 0.0)
    scale = np.where(variance > 0, np.sqrt(np.maximum(0.0, variance)), np.inf)
    parts, size = [], max(1, MAX_CELLS // len(first))
    for start in range(0, resamples, size):
        shape = (min(size, resamples - start), len(root))
        items = generator.standard_normal(shape) @ root
        seeds = generator.standard_normal(shape) * np.sqrt(excess)
        deviations = items[:, second] - items[:, first]
        deviations += np.where(contrasts.over_seeds, seeds[:, second] - seeds[:, first], 0.0)
        parts.append((np.abs(deviations) / scale).max(axis=1))
    return np.concatenate(parts)
