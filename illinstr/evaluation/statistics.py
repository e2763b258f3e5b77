"""How sure a number is: bootstrap intervals over articles, and paired comparisons on the same goals.

Pictures of one article share a goal, a style and often a mistake, so they are no independent samples. The article is
the unit everywhere: an article's items are averaged first, then whole articles are resampled.

Sources: Efron 1987, "Better Bootstrap Confidence Intervals" (BCa); Clopper and Pearson 1934 (exact binomial limits).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
IntervalMethod = Literal["bca", "percentile", "exact", "none"]

CHUNK_CELLS = 4_000_000


@dataclass(frozen=True)
class Interval:
    """A confidence interval, and how it was found. ``method`` is "none" where one article cannot give an interval."""

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
    values: Floats, *, replicates: int, seed: int, confidence: float = 0.95, proportion: bool = False
) -> Interval:
    """BCa bootstrap interval of the mean over articles (Efron 1987, equations 2.3 and 6.6).

    Where every article scores exactly 0 or exactly 1 a bootstrap sees no spread and would claim certainty; for a
    ``proportion`` the exact binomial limits over articles are given there instead.

    Args:
        values: (n,), one value an article.
        replicates: bootstrap resamples.
        seed: of the resampling.
        confidence: of the interval, 0.95 by default.
        proportion: the values are shares between 0 and 1.
    """
    count, alpha = len(values), 1 - confidence
    if count < 2:
        return Interval(None, None, "none")
    mean = float(values.mean())
    if np.ptp(values) == 0:
        if proportion and mean in (0.0, 1.0):
            reach = float((alpha / 2) ** (1 / count))
            return Interval(reach, 1.0, "exact") if mean == 1.0 else Interval(0.0, 1 - reach, "exact")
        return Interval(mean, mean, "bca")
    means = replicate_means(values[:, None], replicates, seed)[:, 0]
    low, high = np.quantile(means, _bca_levels(values, means, mean, alpha))
    return Interval(float(low), float(high), "bca")


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
    if len(values) < 2:
        return Interval(None, None, "none")
    alpha = 1 - confidence
    low, high = np.quantile(statistic(replicate_means(values, replicates, seed)), [alpha / 2, 1 - alpha / 2])
    return Interval(float(low), float(high), "percentile")


@dataclass(frozen=True)
class Difference:
    """A minus B on the same articles, with its interval."""

    value: float
    interval: Interval

    @property
    def settled(self) -> bool:
        """The interval leaves out 0: the articles at hand tell A from B."""
        low, high = self.interval.low, self.interval.high
        return low is not None and high is not None and (low > 0 or high < 0)


def paired_difference(a: Floats, b: Floats, *, replicates: int, seed: int, confidence: float = 0.95) -> Difference:
    """Mean of A minus mean of B, bootstrapped over articles with each article's two values kept together.

    Args:
        a: (n,) values of A, one an article.
        b: (n,) values of B on the same articles in the same order.
        replicates: bootstrap resamples.
        seed: of the resampling.
        confidence: of the interval.

    Raises:
        ValueError: ``a`` and ``b`` are not of one length.
    """
    if a.shape != b.shape:
        raise ValueError(f"paired values need one length, not {len(a)} and {len(b)}")
    difference = a - b
    interval = mean_interval(difference, replicates=replicates, seed=seed, confidence=confidence)
    return Difference(float(difference.mean()), interval)
