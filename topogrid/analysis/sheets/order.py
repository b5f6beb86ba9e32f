"""Order of one unit property over the cortical sheet: whether neighbours are alike, and how far that reaches.

Shapes: sheet maps ``(row, col)``, or ``(row, col, coordinate)`` for a property of several coordinates, as the phase is;
NaN for units without a value (dead, or without a lattice). The sheet is not periodic. Pass ``period`` for a property
that is an angle or a phase: 60 for orientation in degrees, 1 for the coordinates of the phase.

One network is one sample: everything here describes the layout inside one network.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import fft, sparse

__all__ = ["DistanceSimilarity", "MoransI", "distance_similarity", "morans_i", "partial_morans_i"]

Float = NDArray[np.float64]


class MoransI(NamedTuple):
    """Moran's I of a sheet map; NaN if fewer than three units have a value, no two are neighbours, or all are equal.

    Attributes
    ----------
    value : float
        I: near 1 for a smooth map, near ``expectation`` for a random one; of several coordinates, their mean.
    expectation : float
        Expected I without spatial order, ``-1 / (n_units - 1)``.
    p_value : float
        One-sided: share of random rearrangements of the values that reach ``value``.
    n_units : int
        Units with a value.
    """

    value: float
    expectation: float
    p_value: float
    n_units: int


class DistanceSimilarity(NamedTuple):
    """How alike units are as a function of their distance on the sheet.

    Attributes
    ----------
    distance : ndarray, ``(distance,)``
        Sheet distances in units, rounded to whole ones, from 1.
    similarity : ndarray, ``(distance,)``
        Correlation between units at that distance: 1 for equal values, 0 without order; NaN where there is no pair.
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
    ValueError
        If the map has another number of axes, the period is not positive or the number of permutations negative.

    Notes
    -----
    Neighbours are the up to eight units around a unit (queen's moves), all with weight 1.

    References
    ----------
    Moran, Biometrika 1950; Cliff & Ord, Spatial Processes 1981.
    """
    if n_permutations < 0:
        raise ValueError(f"n_permutations must not be negative, got {n_permutations}")
    has_value, deviation = _standardised(_checked_points(sheet_map), period)
    n_units = int(has_value.sum())
    expectation = -1 / (n_units - 1) if n_units > 1 else np.nan
    neighbours = _queen_neighbours(has_value)
    if n_units < 3 or neighbours.nnz == 0 or deviation is None:
        return MoransI(np.nan, expectation, np.nan, n_units)
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
    return MoransI(value, expectation, p_value, n_units)


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
    ValueError
        If the maps are not two-dimensional or differ in shape.
    """
    sheet, other = checked_pair(sheet_map, given)
    both = np.isfinite(sheet) & np.isfinite(other)
    residual = np.full(sheet.shape, np.nan)
    if both.any():
        x, y = other[both] - other[both].mean(), sheet[both] - sheet[both].mean()
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
        Largest distance in units; half the longer side of the sheet by default.
    rng : numpy.random.Generator, optional
        Source of the rearrangements behind the null's range, which is NaN without one.
    n_permutations : int
        How many rearrangements. Shifts of a map over itself would not do: they leave its order as it is.

    Returns
    -------
    DistanceSimilarity

    Raises
    ------
    ValueError
        If the map has another number of axes, or period, distance or the number of rearrangements are not positive.
    """
    sheet = _checked_points(sheet_map)
    height, width = sheet.shape[:2]
    reach = max(height, width) / 2 if max_distance is None else max_distance
    if not reach >= 1:
        raise ValueError(f"max_distance must be at least 1 unit of the sheet, got {max_distance}")
    if n_permutations < 1:
        raise ValueError(f"n_permutations must be at least 1, got {n_permutations}")
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
            products = fft.ifft2(np.abs(fft.fft2(filled, self._shape)) ** 2).real
            total += np.bincount(self._whole, weights=products.ravel())[self._steps]
        return total


def checked_pair(map_a: ArrayLike, map_b: ArrayLike) -> tuple[Float, Float]:
    """Return two maps of one sheet as floats, or say what is wrong with them."""
    a, b = _checked_sheet(map_a), _checked_sheet(map_b)
    if a.shape != b.shape:
        raise ValueError(f"two maps of one sheet must have one shape, got {a.shape} and {b.shape}")
    return a, b


def _checked_sheet(sheet_map: ArrayLike) -> Float:
    sheet = np.asarray(sheet_map, dtype=np.float64)
    if sheet.ndim != 2:
        raise ValueError(f"a sheet map must be (row, col), got shape {sheet.shape}: reshape units to (side, side)")
    if np.isinf(sheet).any():
        raise ValueError("a sheet map must be finite, or NaN for units without a value, got infinities")
    return sheet


def _checked_points(sheet_map: ArrayLike) -> Float:
    """Return a map of one or several coordinates as ``(row, col, coordinate)``."""
    sheet = np.asarray(sheet_map, dtype=np.float64)
    if sheet.ndim != 3:
        return _checked_sheet(sheet)[..., None]
    return np.stack([_checked_sheet(coordinate) for coordinate in np.moveaxis(sheet, -1, 0)], axis=-1)


def _standardised(sheet: Float, period: float | None) -> tuple[NDArray[np.bool_], NDArray[np.inexact] | None]:
    """Return which units have a value, and their deviations ``(unit, coordinate)`` from the mean.

    Each coordinate has mean square 1 and is complex if circular. ``None`` where a coordinate does not vary.
    """
    if period is not None and not period > 0:
        raise ValueError(f"period must be positive, got {period}")
    has_value = np.asarray(np.isfinite(sheet).all(axis=2))
    values = sheet[has_value]
    if values.size == 0:
        return has_value, None
    points: NDArray[np.inexact] = values if period is None else np.exp(2j * np.pi * values / period)
    deviation = points - points.mean(axis=0)
    size = np.sqrt((np.abs(deviation) ** 2).mean(axis=0))
    varies = (size > 1e-12 * np.abs(points).max(axis=0)).all()
    return has_value, deviation / size if varies else None


def _queen_neighbours(has_value: NDArray[np.bool_]) -> sparse.csr_array:
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
    one_way = sparse.coo_array((np.ones(first.size), (first, second)), shape=(n_units, n_units))
    return (one_way + one_way.T).tocsr()
