"""Order of one unit property over the cortical sheet: whether neighbours are alike, and how far that reaches.

Shapes: sheet maps ``(row, col)``, or ``(row, col, coordinate)`` for a property of several coordinates, as the phase is;
NaN for units without a value (dead, or without a lattice). The sheet is not periodic. Pass ``period`` for a property
that is an angle or a phase: 60 for orientation in degrees, 1 for the coordinates of the phase.

One network is one sample: everything here describes the layout inside one network.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from topogrid.analysis.inputs import as_pair, as_points
from topogrid.analysis.levels import levelled
from topogrid.analysis.options import as_count, as_generator, as_number

__all__ = ["DistanceSimilarity", "MoransI", "distance_similarity", "morans_i", "partial_morans_i"]

Float = NDArray[np.float64]

_FAR = 1e6  # values so many ranges away from zero are measured from their lowest, as their mean would round too much


class MoransI(NamedTuple):
    """Moran's I of a sheet map; NaN if fewer than three units have a value, no two are neighbours, or all are equal.

    Attributes
    ----------
    value : float
        I: near 1 for a smooth map, near ``-1 / (n_units - 1)`` for a random one; of several coordinates, their mean.
    p_value : float
        One-sided: share of random rearrangements of the values that reach ``value``.
    n_units : int
        Units with a value.
    """

    value: float
    p_value: float
    n_units: int


class DistanceSimilarity(NamedTuple):
    """How alike units are as a function of their distance on the sheet.

    Attributes
    ----------
    distance : ndarray, ``(distance,)``
        Sheet distances in units, rounded to whole ones, from 1.
    similarity : ndarray, ``(distance,)``
        Mean product of the deviations of two units at that distance, over the variance of all: 1 for equal values, 0
        without order; NaN where there is no pair. Far pairs are few and stand in the corners, so that their values may
        lie beyond -1 and 1.
    n_pairs : ndarray of int, ``(distance,)``
        Pairs of units behind each value.
    null_low, null_high : ndarray, ``(distance,)``
        Range of 95 % of random rearrangements of the values over the same units; NaN where none were asked for.
    """

    distance: Float
    similarity: Float
    n_pairs: NDArray[np.int64]
    null_low: Float
    null_high: Float

    @property
    def reach(self) -> float:
        """Distance in units up to which similarity stays above the null's range; 0 if even neighbours are within it."""
        if np.isnan(self.null_high).all():
            return float("nan")
        beyond = np.nan_to_num(self.similarity, nan=-np.inf) > self.null_high
        return float(self.distance[: int(np.argmin(np.append(beyond, False)))].max(initial=0.0))


def morans_i(
    sheet_map: ArrayLike, *, rng: np.random.Generator, n_permutations: int = 999, period: float | None = None
) -> MoransI:
    """Measure whether neighbours on the sheet are alike.

    Parameters
    ----------
    sheet_map : array_like, ``(row, col)`` or ``(row, col, coordinate)``
        One value, or one point, per unit; NaN units are left out, both as units and as neighbours.
    rng : numpy.random.Generator
        Source of the permutations.
    n_permutations : int
        Rearrangements behind the p-value; 0 leaves it NaN.
    period : float, optional
        Period of a circular value, which is then compared as a point on the unit circle.

    Returns
    -------
    MoransI

    Raises
    ------
    TypeError
        If the map is not made of real numbers, or ``rng`` is no generator.
    ValueError
        If the map has another number of axes, the period is not positive or the number of permutations negative.

    Notes
    -----
    Neighbours are the up to eight units around a unit (queen's moves), all with weight 1.

    References
    ----------
    Moran, Biometrika 1950; Cliff & Ord, Spatial Processes 1981.
    """
    n_permutations, rng = as_count(n_permutations, "n_permutations", least=0), as_generator(rng)
    has_value, deviation = _standardised(as_points(sheet_map), period)
    n_units = int(has_value.sum())
    neighbours = _queen_neighbours(has_value)
    if n_units < 3 or neighbours.nnz == 0 or deviation is None:
        return MoransI(np.nan, np.nan, n_units)
    coordinates = deviation.shape[1]

    def statistic(points: NDArray[np.inexact]) -> Float:
        """I of every arrangement ``(unit, arrangement, coordinate)``."""
        flat = points.reshape(n_units, -1)
        products = (flat.conj() * np.asarray(neighbours @ flat)).real.sum(axis=0)
        value: Float = products.reshape(-1, coordinates).mean(axis=1) / neighbours.nnz
        return value

    value = float(statistic(deviation[:, None])[0])
    reached = 0
    for start in range(0, n_permutations, 128):
        count = min(128, n_permutations - start)
        order = rng.permuted(np.broadcast_to(np.arange(n_units), (count, n_units)), axis=1).T
        reached += int((statistic(deviation[order]) >= value).sum())
    p_value = (1 + reached) / (1 + n_permutations) if n_permutations else np.nan
    return MoransI(value, p_value, n_units)


def partial_morans_i(
    sheet_map: ArrayLike, given: ArrayLike, *, rng: np.random.Generator, n_permutations: int = 999
) -> MoransI:
    """Measure the spatial order of one property that another one does not already explain.

    Parameters
    ----------
    sheet_map, given : array_like, ``(row, col)``
        The property and the one to account for, for instance log spacing given log tau. Units without both are left
        out.
    rng : numpy.random.Generator
        Source of the permutations.
    n_permutations : int
        Rearrangements behind the p-value.

    Returns
    -------
    MoransI
        Of the residuals of a straight line through ``sheet_map`` against ``given``.

    Raises
    ------
    TypeError
        If the maps are not made of real numbers, or ``rng`` is no generator.
    ValueError
        If the maps are not two-dimensional or differ in shape.
    """
    sheet, other = as_pair(sheet_map, given)
    both = np.isfinite(sheet) & np.isfinite(other)
    residual = np.full(sheet.shape, np.nan)
    if both.any():
        x, y = (levelled(values[both][None], beyond=_FAR)[0] for values in (other, sheet))
        x, y = x - x.mean(), y - y.mean()
        residual[both] = y - x * ((x @ y) / (x @ x) if x @ x > 0 else 0.0)
        if np.abs(residual[both]).max() <= 1e-12 * np.abs(y).max():
            residual[both] = 0.0  # explained completely: no rounding errors for a pattern
    return morans_i(residual, rng=rng, n_permutations=n_permutations)


def distance_similarity(
    sheet_map: ArrayLike,
    *,
    period: float | None = None,
    max_distance: float | None = None,
    rng: np.random.Generator | None = None,
    n_permutations: int = 199,
) -> DistanceSimilarity:
    """Measure how similarity falls with distance on the sheet, over all pairs of units.

    Parameters
    ----------
    sheet_map : array_like, ``(row, col)`` or ``(row, col, coordinate)``
        One value, or one point, per unit; NaN units are left out.
    period : float, optional
        Period of a circular value.
    max_distance : float, optional
        Largest distance in units, no larger than the sheet; half its longer side by default.
    rng : numpy.random.Generator, optional
        Source of the rearrangements behind the null's range, which is NaN without one.
    n_permutations : int
        How many rearrangements. Shifts of a map over itself would not do: they leave its order as it is.

    Returns
    -------
    DistanceSimilarity

    Raises
    ------
    TypeError
        If the map is not made of real numbers, or ``rng`` is no generator.
    ValueError
        If the map has another number of axes, the period is not positive, the distance is below 1 or larger than the
        sheet, or there are no rearrangements.
    """
    sheet = as_points(sheet_map)
    height, width = sheet.shape[:2]
    reach = max(height, width) / 2 if max_distance is None else as_number(max_distance, "max_distance, units,", least=1)
    longest = float(np.hypot(height - 1, width - 1))
    if max_distance is not None and reach > max(longest, 1.0):
        raise ValueError(f"max_distance must be within the sheet, whose corners are {longest:.3g} apart, got {reach:g}")
    n_permutations = as_count(n_permutations, "n_permutations")
    rng = None if rng is None else as_generator(rng)
    has_value, deviation = _standardised(sheet, period)
    pairs = _PairSums(has_value, reach)
    n_pairs = np.rint(pairs(np.ones((int(has_value.sum()), 1))) / 2).astype(np.int64)
    similarity, low, high = np.full((3, n_pairs.size), np.nan)
    if deviation is not None:

        def similarities(points: NDArray[np.inexact]) -> Float:
            means = np.full(n_pairs.size, np.nan)
            np.divide(pairs(points) / 2 / points.shape[1], n_pairs, out=means, where=n_pairs > 0)
            return means

        similarity = similarities(deviation)
        if rng is not None:
            null = np.stack([similarities(rng.permutation(deviation)) for _ in range(n_permutations)])
            low, high = np.quantile(null, (0.025, 0.975), axis=0)
    return DistanceSimilarity(np.arange(1.0, n_pairs.size + 1), similarity, n_pairs, low, high)


class _PairSums:
    """Sums of products over all ordered pairs of units, by their rounded distance from 1 upwards."""

    def __init__(self, has_value: NDArray[np.bool_], reach: float) -> None:
        self._has_value = has_value
        self._shape = tuple(2 * n for n in has_value.shape)
        lag = np.hypot(*np.meshgrid(*(np.fft.fftfreq(n, 1 / n) for n in self._shape), indexing="ij"))
        self._steps = np.arange(1, int(min(reach, lag.max())) + 1)
        self._whole = np.rint(lag).astype(int).ravel()

    def __call__(self, points: NDArray[np.inexact]) -> Float:
        """Sum over points ``(unit, coordinate)`` of the units that have a value, ``(distance,)``."""
        total = np.zeros(self._steps.size)
        for coordinate in points.T:
            filled = np.zeros(self._has_value.shape, dtype=points.dtype)
            filled[self._has_value] = coordinate
            products = scipy.fft.ifft2(np.abs(scipy.fft.fft2(filled, self._shape)) ** 2).real
            total += np.bincount(self._whole, weights=products.ravel())[self._steps]
        return total


def _standardised(sheet: Float, period: float | None) -> tuple[NDArray[np.bool_], NDArray[np.inexact] | None]:
    """Return which units have a value, and their deviations ``(unit, coordinate)`` from the mean.

    Each coordinate has mean square 1 and is complex if circular. ``None`` where a coordinate does not vary.
    """
    period = None if period is None else as_number(period, "period", above=0)
    has_value = np.asarray(np.isfinite(sheet).all(axis=2))
    values = sheet[has_value]
    if values.size == 0:
        return has_value, None
    points: NDArray[np.inexact]
    points = levelled(values.T, beyond=_FAR).T if period is None else np.exp(2j * np.pi * (values % period) / period)
    deviation = points - points.mean(axis=0)
    size = np.sqrt((np.abs(deviation) ** 2).mean(axis=0))
    varies = (size > 1e-12 * np.abs(points).max(axis=0)).all()
    return has_value, deviation / size if varies else None


def _queen_neighbours(has_value: NDArray[np.bool_]) -> scipy.sparse.csr_array:
    """Return the 0/1 matrix of king's-distance-1 neighbours among the units that have a value."""
    number = np.full(has_value.shape, -1)
    number[has_value] = np.arange(has_value.sum())
    pairs = []
    for here, there in (
        (np.s_[:, :-1], np.s_[:, 1:]),
        (np.s_[:-1, :], np.s_[1:, :]),
        (np.s_[:-1, :-1], np.s_[1:, 1:]),
        (np.s_[:-1, 1:], np.s_[1:, :-1]),
    ):
        pair = np.stack([number[here].ravel(), number[there].ravel()])
        pairs.append(pair[:, (pair >= 0).all(axis=0)])
    first, second = np.concatenate(pairs, axis=1)
    n_units = int(np.count_nonzero(has_value))
    one_way = scipy.sparse.coo_array((np.ones(first.size), (first, second)), shape=(n_units, n_units))
    return (one_way + one_way.T).tocsr()
