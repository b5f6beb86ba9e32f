"""What a few networks say about all networks like them: one number a network, never one a unit.

Units of one network share its weights, so thousands of them are one sample. Everything here takes one value per
network (per seed) and counts networks.
"""

import math
import warnings
from types import ModuleType
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from topogrid.analysis.levels import power_of_two
from topogrid.analysis.options import as_generator, as_number, as_reals

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
    TypeError
        If the values or the level are not real numbers.
    ValueError
        If ``level`` is not between 0 and 1.

    Examples
    --------
    >>> mean_interval([1.0, 2.0, 3.0]).mean
    2.0
    """
    level = as_number(level, "the level of an interval", above=0, below=1)
    there = _finite(values)
    if there.size == 0:
        return MeanInterval(math.nan, math.nan, math.nan, 0)
    power = power_of_two(there)
    scaled = np.ldexp(there, power)
    low, high = math.nan, math.nan
    if there.size > 1 and np.ptp(scaled) > 0:
        with warnings.catch_warnings(category=RuntimeWarning, action="ignore"):  # networks may be nearly alike
            low, high = map(float, _stats().ttest_1samp(scaled, 0.0).confidence_interval(level))
    mean, low, high = (float(np.ldexp(end, -power)) for end in (float(scaled.mean()), low, high))
    return MeanInterval(mean, low, high, there.size)


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

    Raises
    ------
    TypeError
        If the values or the level are not real numbers, or ``rng`` is no generator.
    ValueError
        If ``level`` is not between 0 and 1.

    References
    ----------
    Welch, Biometrika 34, 28 (1947). Ernst, Statistical Science 19, 676 (2004) on exact permutation tests.
    """
    level, rng = as_number(level, "the level of an interval", above=0, below=1), as_generator(rng)
    a, b = _finite(first), _finite(second)
    if a.size == 0 or b.size == 0:
        nan = math.nan
        return Difference(nan, nan, nan, nan, nan, nan, a.size, b.size)
    power = power_of_two(np.concatenate([a, b]))
    a, b = np.ldexp(a, power), np.ldexp(b, power)
    low, high, welch_p = _welch(a, b, level)
    permutation_p, smallest_p = _permutation(a, b, rng)
    value, low, high = (float(np.ldexp(end, -power)) for end in (b.mean() - a.mean(), low, high))
    return Difference(value, low, high, welch_p, permutation_p, smallest_p, a.size, b.size)


def _finite(values: ArrayLike) -> Float:
    flat = as_reals(values, "values of networks").ravel()
    return flat[np.isfinite(flat)]


def _stats() -> ModuleType:
    """Import SciPy's tests where they are needed: that takes over a second, which every start would pay."""
    from scipy import stats

    return stats


def _welch(a: Float, b: Float, level: float) -> tuple[float, float, float]:
    """Return the interval of the difference and the p-value of no difference."""
    if a.size < 2 or b.size < 2 or np.ptp(a) == np.ptp(b) == 0:
        return math.nan, math.nan, math.nan
    with warnings.catch_warnings(category=RuntimeWarning, action="ignore"):  # one group may be constant
        test = _stats().ttest_ind(b, a, equal_var=False)
        low, high = test.confidence_interval(level)
    return float(low), float(high), float(test.pvalue)


def _permutation(a: Float, b: Float, rng: np.random.Generator) -> tuple[float, float]:
    """Return the share of ways to deal the networks out that differ as much, and the smallest share there can be."""
    n_ways = math.comb(a.size + b.size, a.size)
    counted = n_ways <= MOST_SPLITS
    smallest = min(1.0, (2 if a.size == b.size else 1) / n_ways) if counted else 1 / MOST_SPLITS
    # Ties differ by rounding only, and SciPy's own margin is a share of the difference, which may be far below it.
    everything = np.concatenate([a, b])
    margin = 1e-9 * float(np.ptp(everything)) + 8 * np.finfo(np.float64).eps * float(np.abs(everything).max())
    if 1 in (a.size, b.size):  # one network against the rest, which SciPy does not deal out
        pooled = np.concatenate([a, b] if a.size == 1 else [b, a])
        apart = np.abs(pooled - (pooled.sum() - pooled) / (pooled.size - 1))
        return float((apart >= apart[0] - margin).mean()), smallest
    dealt = _stats().permutation_test(
        (a, b),
        lambda x, y, axis: np.abs(y.mean(axis=axis) - x.mean(axis=axis)),
        vectorized=True,
        alternative="greater",
        n_resamples=n_ways if counted else MOST_SPLITS - 1,  # what was seen counts as one way
        rng=rng,
    )
    as_large = int((dealt.null_distribution >= dealt.statistic - margin).sum())
    return (as_large / n_ways if counted else (1 + as_large) / MOST_SPLITS), smallest
