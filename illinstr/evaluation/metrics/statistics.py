"""How sure a number is: bootstrap intervals over articles, and paired comparisons on the same goals.

Images of one article share a goal, a style and often a mistake, so they are no independent samples. The article is
the unit everywhere: an article's items are averaged first, then whole articles are resampled.

Sources: Efron 1987, "Better Bootstrap Confidence Intervals" (BCa); Gaffke 2005, "Three test statistics for a
nonparametric one-sided hypothesis on the mean of a nonnegative variable", and Learned-Miller and Thomas 2019, "A New
Confidence Interval for the Mean of a Bounded Random Variable" (limits of bounded values); Fisher 1935 (randomisation
test); Holm 1979 (several comparisons).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
IntervalMethod = Literal["bca", "percentile", "gaffke", "multiplier", "exact", "jackknife", "none"]

CHUNK_CELLS = 4_000_000
SWAPS, EXACT_SWAPS = 9_999, 12
MIN_ARTICLES = 5  # an interval over fewer would be a guess about their spread


@dataclass(frozen=True)
class Interval:
    """A confidence interval, and how it was found. ``method`` is "none" where articles are too few."""

    low: float | None
    high: float | None
    method: IntervalMethod


def replicate_means(values: Floats, replicates: int, seed: int) -> Floats:
    """Column means of ``replicates`` bootstrap resamples of the rows.

    Args:
        values: (n, k), one row an article.
        replicates: how many resamples.
        seed: of the resampling alone.

    Returns:
        (replicates, k).
    """
    count = len(values)
    generator = np.random.default_rng(seed)
    chunk = max(1, CHUNK_CELLS // count)
    parts = []
    for start in range(0, replicates, chunk):
        size = min(chunk, replicates - start)
        # How often each article is drawn is all a mean depends on: multinomial counts, not index lists.
        draws = generator.multinomial(count, np.full(count, 1 / count), size=size)
        parts.append(draws @ values / count)
    return np.concatenate(parts)


def mean_interval(
    values: Floats,
    *,
    replicates: int,
    seed: int,
    confidence: float = 0.95,
    bounds: tuple[float, float] | None = None,
) -> Interval:
    """The interval of the mean over articles; none under ``MIN_ARTICLES``.

    Without ``bounds``: the BCa bootstrap (Efron 1987, equations 2.3 and 6.6). With them: Gaffke's limits. Near a bound
    a bootstrap sees little spread or none and claims far too much; Gaffke's limits add one unseen article at the bound
    and weigh all by Dirichlet(1, ..., 1). For values of 0 and 1 they are Clopper and Pearson's exact binomial limits; a
    lower value never moves either limit up.

    Args:
        values: (n,), one value an article.
        replicates: bootstrap resamples.
        seed: of the resampling.
        confidence: of the interval, 0.95 by default.
        bounds: the least and greatest value there can be: (0, 1) for shares, (-1, 1) for their differences.
    """
    count, alpha = len(values), 1 - confidence
    if count < MIN_ARTICLES:
        return Interval(None, None, "none")
    if bounds is not None:
        low, high = _bounded_limits(values, bounds, alpha, replicates, seed)
        return Interval(low, high, "gaffke")
    mean = float(values.mean())
    if np.ptp(values) == 0:
        return Interval(mean, mean, "bca")
    means = replicate_means(values[:, None], replicates, seed)[:, 0]
    low, high = np.quantile(means, _bca_levels(values, means, mean, alpha))
    return Interval(float(low), float(high), "bca")


def _bounded_limits(
    values: Floats, bounds: tuple[float, float], alpha: float, replicates: int, seed: int
) -> tuple[float, float]:
    """Gaffke's limits by simulation: quantiles of w_0 bound + sum w_i value_i, w from Dirichlet(1, ..., 1)."""
    count, generator = len(values), np.random.default_rng(seed)
    # What the unseen article weighs, Beta(1, count), is drawn in equal strata: the exact limits come out exactly.
    strata = (generator.permutation(replicates) + 0.5) / replicates
    unseen = 1 - (1 - strata) ** (1 / count)
    sums = np.empty(replicates)
    chunk = max(1, CHUNK_CELLS // count)
    for start in range(0, replicates, chunk):
        weights = generator.exponential(size=(min(chunk, replicates - start), count))
        sums[start : start + chunk] = (weights @ values) / weights.sum(axis=1)
    seen = (1 - unseen) * sums
    low = np.quantile(seen + unseen * bounds[0], alpha / 2)
    high = np.quantile(seen + unseen * bounds[1], 1 - alpha / 2)
    return max(float(low), bounds[0]), min(float(high), bounds[1])


def _bca_levels(values: Floats, means: Floats, mean: float, alpha: float) -> tuple[float, float]:
    """The two quantile levels that correct the percentile interval for bias and skew."""
    from scipy.special import ndtr, ndtri

    below = (np.count_nonzero(means < mean) + np.count_nonzero(means == mean) / 2) / len(means)
    bias = ndtri(np.clip(below, 0.5 / len(means), 1 - 0.5 / len(means)))
    # The jackknife means differ from the mean by (mean - value) / (n - 1); the factor cancels in the skewness.
    deviation = values - mean
    acceleration = (deviation**3).sum() / (6 * (deviation**2).sum() ** 1.5)

    def level(quantile: float) -> float:
        shifted = bias + ndtri(quantile)
        return float(ndtr(bias + shifted / (1 - acceleration * shifted)))

    return level(alpha / 2), level(1 - alpha / 2)


def absolute_interval(interval: Interval) -> Interval:
    """The interval of |x| that follows from an interval of x: it reaches down to 0 where x may be 0."""
    if interval.low is None or interval.high is None:
        return interval
    low, high = sorted((abs(interval.low), abs(interval.high)))
    return Interval(0.0 if interval.low <= 0 <= interval.high else low, high, interval.method)


def statistic_interval(
    values: Floats, statistic: Callable[[Floats], Floats], *, replicates: int, seed: int, confidence: float = 0.95
) -> Interval:
    """Percentile bootstrap interval of any function of column means.

    Args:
        values: (n, k), one row an article.
        statistic: takes column means (replicates, k) and returns one number a replicate.
        replicates: bootstrap resamples.
        seed: of the resampling.
        confidence: of the interval.
    """
    if len(values) < MIN_ARTICLES:
        return Interval(None, None, "none")
    alpha = 1 - confidence
    low, high = np.quantile(statistic(replicate_means(values, replicates, seed)), [alpha / 2, 1 - alpha / 2])
    return Interval(float(low), float(high), "percentile")


def swap_test(
    pairs: Floats, statistic: Callable[[Floats], Floats], *, replicates: int = SWAPS, seed: int, chunk: int = 1000
) -> float:
    """Two-sided randomisation test: were A and B the same, each article's two values might as well be swapped.

    Up to ``EXACT_SWAPS`` articles every swapping is tried; with more, ``replicates`` random ones, and the observed one
    counts among them so that p is never 0.

    Args:
        pairs: (n, 2), the values of A and B on one article a row.
        statistic: takes column means (m, 2) and returns one number a row that swapping all articles negates.
        replicates: random swappings.
        seed: of the swappings.
        chunk: swappings held in memory at a time.

    Returns:
        p, the share of swappings with a statistic at least as far from 0.
    """
    count = len(pairs)
    observed = abs(float(statistic(pairs.mean(axis=0, keepdims=True))[0]))
    bar = observed - 1e-12 * max(1.0, observed)
    differences = pairs[:, 1] - pairs[:, 0]
    first, second = float(pairs[:, 0].sum()), float(pairs[:, 1].sum())

    def extreme(swapped: NDArray[np.bool_]) -> int:
        moved = swapped.astype(np.float64) @ differences
        means = np.stack([first + moved, second - moved], axis=1) / count
        return int(np.count_nonzero(np.abs(statistic(means)) >= bar))

    if count <= EXACT_SWAPS:
        everything = np.arange(2**count)[:, None] >> np.arange(count) & 1
        return float(extreme(everything.astype(bool)) / 2**count)
    generator = np.random.default_rng(seed)
    found = sum(
        extreme(generator.random((min(chunk, replicates - start), count)) < 0.5)
        for start in range(0, replicates, chunk)
    )
    return float((found + 1) / (replicates + 1))


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values that hold for all comparisons together (Holm 1979), in the order given."""
    order = sorted(range(len(p_values)), key=lambda place: p_values[place])
    adjusted = [0.0] * len(p_values)
    highest = 0.0
    for rank, place in enumerate(order):
        highest = max(highest, min(1.0, (len(order) - rank) * p_values[place]))
        adjusted[place] = highest
    return adjusted


def standardised_difference(a: Floats, b: Floats) -> float | None:
    """Cohen's d of paired values: mean difference over the standard deviation of differences; None without spread."""
    spread = float((a - b).std(ddof=1)) if len(a) > 1 else 0.0
    return float((a - b).mean()) / spread if spread > 0 else None


def win_share(a: Floats, b: Floats) -> float:
    """Share of articles on which A is higher than B, ties counted half: 0.5 when neither tends to be."""
    return float(np.mean(np.where(a == b, 0.5, a > b)))


def student_limits(value: float, error: float, freedom: int, confidence: float) -> tuple[float, float]:
    """``value`` -/+ Student's t with ``freedom`` degrees times ``error``."""
    from scipy.stats import t

    reach = float(t.ppf(0.5 + confidence / 2, freedom)) * error
    return value - reach, value + reach


def student_p(value: float, error: float, freedom: int) -> float:
    """Two-sided p of ``value`` against 0; 1 where there is no spread to judge by."""
    from scipy.stats import t

    return float(2 * t.sf(abs(value) / error, freedom)) if error > 0 else 1.0
