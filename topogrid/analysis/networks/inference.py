"""What a few networks say about all networks like them: one number a network, never one a unit.

Units of one network share its weights, so thousands of them are one sample. Everything here takes one value per
network (per seed) and counts networks.
"""

import math
from itertools import combinations, islice
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtr, stdtrit

Float = NDArray[np.float64]

LEVEL = 0.95
MOST_SPLITS = 50_000  # ways to deal networks out beyond which the permutation test draws some of them


class MeanInterval(NamedTuple):
    """Mean over networks, with its confidence interval.

    Attributes
    ----------
    mean : float
        NaN without a value.
    low, high : float
        Ends of Student's t interval; NaN with fewer than two networks, and where all networks agree exactly, because
        equal values say nothing about how much others would differ.
    n : int
        Networks that have a value.
    """

    mean: float
    low: float
    high: float
    n: int


class Difference(NamedTuple):
    """Difference between two groups of networks.

    Attributes
    ----------
    value : float
        Mean of the second group minus mean of the first.
    low, high : float
        Welch's t interval; NaN where a group has fewer than two networks or neither varies.
    welch_p : float
        Two-sided p-value of Welch's t test; NaN likewise.
    permutation_p : float
        Two-sided p-value of the permutation test of the difference of means; NaN where a group is empty.
    smallest_p : float
        Smallest p-value that the permutation test can give with so few networks.
    n_first, n_second : int
        Networks that have a value.
    """

    value: float
    low: float
    high: float
    welch_p: float
    permutation_p: float
    smallest_p: float
    n_first: int
    n_second: int


def mean_interval(values: ArrayLike, level: float = LEVEL) -> MeanInterval:
    """Mean over networks with its t interval.

    Parameters
    ----------
    values : array_like, ``(network,)``
        One number per network; NaN where it has none.
    level : float
        Confidence, between 0 and 1.

    Returns
    -------
    MeanInterval

    Raises
    ------
    ValueError
        If ``level`` is not between 0 and 1.

    Examples
    --------
    >>> mean_interval([1.0, 2.0, 3.0]).mean
    2.0
    """
    if not 0 < level < 1:
        raise ValueError(f"the level of an interval lies between 0 and 1, got {level}")
    there = _finite(values)
    if there.size == 0:
        return MeanInterval(math.nan, math.nan, math.nan, 0)
    mean = float(there.mean())
    if there.size == 1 or np.ptp(there) == 0:
        return MeanInterval(mean, math.nan, math.nan, there.size)
    half = float(stdtrit(there.size - 1, (1 + level) / 2) * there.std(ddof=1) / math.sqrt(there.size))
    return MeanInterval(mean, mean - half, mean + half, there.size)


def compare_groups(
    first: ArrayLike, second: ArrayLike, *, rng: np.random.Generator, level: float = LEVEL
) -> Difference:
    """Compare two groups of networks by Welch's t test and by a permutation test.

    The permutation test assumes nothing about the distribution but can be no smaller than two over the number of ways
    to deal the networks out: 0.1 with three and three. Both treat the groups as independent.

    Parameters
    ----------
    first, second : array_like, ``(network,)``
        One number per network; NaN where it has none.
    rng : numpy.random.Generator
        Draws the permutations where there are more than 50,000; below that all are counted.
    level : float
        Confidence of the interval.

    Returns
    -------
    Difference

    References
    ----------
    Welch, Biometrika 34, 28 (1947). Ernst, Statistical Science 19, 676 (2004) on exact permutation tests.
    """
    a, b = _finite(first), _finite(second)
    if a.size == 0 or b.size == 0:
        nan = math.nan
        return Difference(nan, nan, nan, nan, nan, nan, a.size, b.size)
    value = float(b.mean() - a.mean())
    low, high, welch_p = _welch(a, b, value, level)
    permutation_p, smallest_p = _permutation(a, b, rng)
    return Difference(value, low, high, welch_p, permutation_p, smallest_p, a.size, b.size)


def _finite(values: ArrayLike) -> Float:
    flat = np.asarray(values, dtype=np.float64).ravel()
    return flat[np.isfinite(flat)]


def _welch(a: Float, b: Float, value: float, level: float) -> tuple[float, float, float]:
    """Return the interval of the difference and the p-value of no difference."""
    if a.size < 2 or b.size < 2:
        return math.nan, math.nan, math.nan
    parts = [group.var(ddof=1) / group.size for group in (a, b)]
    variance = sum(parts)
    if variance == 0:
        return math.nan, math.nan, math.nan
    freedom = variance**2 / sum(part**2 / (group.size - 1) for part, group in zip(parts, (a, b), strict=True))
    error = math.sqrt(variance)
    half = float(stdtrit(freedom, (1 + level) / 2)) * error
    return value - half, value + half, float(2 * stdtr(freedom, -abs(value) / error))


def _permutation(a: Float, b: Float, rng: np.random.Generator) -> tuple[float, float]:
    """Return the share of ways to deal the networks out that differ as much, and the smallest share there can be."""
    pooled = np.concatenate([a, b])
    n_ways = math.comb(pooled.size, a.size)
    smallest = min(1.0, (2 if a.size == b.size else 1) / n_ways)
    if n_ways <= MOST_SPLITS:
        chosen = np.array(list(combinations(range(pooled.size), a.size)))
    else:
        drawn = (rng.permutation(pooled.size)[: a.size] for _ in iter(int, 1))
        chosen = np.array([np.arange(a.size), *islice(drawn, MOST_SPLITS - 1)])  # what was seen counts as one way
        smallest = 1 / MOST_SPLITS
    sums = pooled[chosen].sum(axis=1)
    differences = np.abs((pooled.sum() - sums) / b.size - sums / a.size)
    # Ties differ by rounding only.
    as_large = differences >= differences[0] - 1e-9 * max(1.0, float(np.abs(pooled).max()))
    return float(as_large.mean()), smallest
