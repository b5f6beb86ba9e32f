"""Order of a unit property over the cortical sheet, and how far two properties share their layout.

Shapes: sheet maps ``(row, col)``, NaN for units without a value (dead, or without a lattice). The sheet is not
periodic. Pass
``period`` for a property that is an angle or a phase: 60 for orientation in degrees, 1 for one coordinate of the phase.

One network is one sample: everything here describes the layout inside one network. Intervals that speak about a
population of networks come from repeating the measurement over seeds.
"""

from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import fft, sparse, stats

__all__ = [
    "DistanceSimilarity",
    "MoransI",
    "ScalingSlope",
    "SheetCorrelation",
    "distance_similarity",
    "morans_i",
    "partial_morans_i",
    "scaling_slope",
    "sheet_correlation",
]

Float = NDArray[np.float64]


class MoransI(NamedTuple):
    """Moran's I of a sheet map; NaN if fewer than three units have a value, no two are neighbours, or all are equal.

    Attributes
    ----------
    value : float
        I: near 1 for a smooth map, near ``expectation`` for a random one.
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


class SheetCorrelation(NamedTuple):
    """Correlation of two sheet maps; NaN if they share fewer than three units or one is constant.

    Attributes
    ----------
    rho : float
        Spearman's rank correlation over the units that have both values.
    p_value : float
        Two-sided, against the chosen null.
    n_units : int
        Units with both values.
    null : str
        Name of the null.
    """

    rho: float
    p_value: float
    n_units: int
    null: str


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
    """

    distance: Float
    similarity: Float
    n_pairs: NDArray[np.int64]


class ScalingSlope(NamedTuple):
    """Slope of log spacing on log tau within one network; NaN without enough units.

    Attributes
    ----------
    beta : float
        Spacing grows as ``tau ** beta``; 0 says that tau does not set spacing.
    low, high : float
        95 % interval from resampling blocks of the sheet, which respects that neighbours are alike.
    n_units : int
        Units with both values.
    """

    beta: float
    low: float
    high: float
    n_units: int


def morans_i(
    sheet_map: ArrayLike, *, rng: np.random.Generator, n_permutations: int = 999, period: float | None = None
) -> MoransI:
    """Measure whether neighbours on the sheet are alike.

    Parameters
    ----------
    sheet_map : array_like, ``(row, col)``
        One value per unit; NaN units are left out, both as units and as neighbours.
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
        If the map is not two-dimensional, the period not positive or the number of permutations negative.

    Notes
    -----
    Neighbours are the up to eight units around a unit (queen's moves), all with weight 1.

    References
    ----------
    Moran, Biometrika 1950; Cliff & Ord, Spatial Processes 1981.
    """
    if n_permutations < 0:
        raise ValueError(f"n_permutations must not be negative, got {n_permutations}")
    sheet = _checked_sheet(sheet_map)
    has_value = np.isfinite(sheet)
    n_units = int(has_value.sum())
    expectation = -1 / (n_units - 1) if n_units > 1 else np.nan
    neighbours = _queen_neighbours(has_value)
    deviation = _standardised(sheet[has_value], period)
    if n_units < 3 or neighbours.nnz == 0 or deviation is None:
        return MoransI(np.nan, expectation, np.nan, n_units)

    def statistic(values: NDArray[np.inexact]) -> Float:
        """I of each column of ``(unit, arrangement)``."""
        around = np.asarray(neighbours @ values)
        products: Float = (values.conj() * around).real.sum(axis=0) / neighbours.nnz
        return products

    value = float(statistic(deviation[:, None])[0])
    reached = 0
    for start in range(0, n_permutations, 128):
        columns = min(128, n_permutations - start)
        arrangements = rng.permuted(np.broadcast_to(deviation, (columns, n_units)), axis=1).T
        reached += int((statistic(np.ascontiguousarray(arrangements)) >= value).sum())
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
    sheet, other = _checked_pair(sheet_map, given)
    both = np.isfinite(sheet) & np.isfinite(other)
    residual = np.full(sheet.shape, np.nan)
    if both.any():
        x, y = other[both] - other[both].mean(), sheet[both] - sheet[both].mean()
        residual[both] = y - x * ((x @ y) / (x @ x) if x @ x > 0 else 0.0)
        if np.abs(residual[both]).max() <= 1e-12 * np.abs(y).max():
            residual[both] = 0.0  # explained completely: no rounding errors for a pattern
    return morans_i(residual, rng=rng, n_permutations=n_permutations)


def distance_similarity(
    sheet_map: ArrayLike, *, period: float | None = None, max_distance: float | None = None
) -> DistanceSimilarity:
    """Measure how similarity falls with distance on the sheet, over all pairs of units.

    Parameters
    ----------
    sheet_map : array_like, ``(row, col)``
        One value per unit; NaN units are left out.
    period : float, optional
        Period of a circular value.
    max_distance : float, optional
        Largest distance in units; half the longer side of the sheet by default.

    Returns
    -------
    DistanceSimilarity

    Raises
    ------
    ValueError
        If the map is not two-dimensional, or period or distance are not positive.
    """
    sheet = _checked_sheet(sheet_map)
    reach = max(sheet.shape) / 2 if max_distance is None else max_distance
    if not reach >= 1:
        raise ValueError(f"max_distance must be at least 1 unit of the sheet, got {max_distance}")
    has_value = np.isfinite(sheet)
    deviation = _standardised(sheet[has_value], period)
    shape = tuple(2 * n for n in sheet.shape)
    lag = np.hypot(*np.meshgrid(*(np.fft.fftfreq(n, 1 / n) for n in shape), indexing="ij"))
    steps = np.arange(1, int(min(reach, lag.max())) + 1)
    whole = np.rint(lag).astype(int).ravel()

    def by_distance(values: NDArray[np.inexact]) -> Float:
        """Sum products of values over all ordered pairs, by rounded distance."""
        pairs = fft.ifft2(np.abs(fft.fft2(values, shape)) ** 2).real
        sums = np.bincount(whole, weights=pairs.ravel())[steps]
        return sums.astype(np.float64)

    n_pairs = np.rint(by_distance(has_value.astype(np.float64)) / 2).astype(np.int64)
    similarity = np.full(steps.size, np.nan)
    if deviation is not None:
        filled = np.zeros(sheet.shape, dtype=deviation.dtype)
        filled[has_value] = deviation
        np.divide(by_distance(filled) / 2, n_pairs, out=similarity, where=n_pairs > 0)
    return DistanceSimilarity(steps.astype(np.float64), similarity, n_pairs)


def sheet_correlation(
    map_a: ArrayLike,
    map_b: ArrayLike,
    *,
    null: Literal["shift", "phase", "permutation"] = "shift",
    rng: np.random.Generator,
    n_surrogates: int = 999,
) -> SheetCorrelation:
    """Correlate two sheet maps, with a p-value that allows for both being smooth.

    Neighbouring units are not independent samples: of two unrelated smooth maps of 64 x 64 units, more than half are
    "significantly" correlated if every unit counts as one.

    Parameters
    ----------
    map_a, map_b : array_like, ``(row, col)``
        Two properties; units without both values are left out.
    null : {"shift", "phase", "permutation"}
        ``shift`` slides ``map_a`` over a torus made of ``map_b`` and its reflections, by every possible step;
        ``phase`` compares with maps of the same power spectrum and values as ``map_b``; ``permutation`` scatters its
        values and is valid only for maps without spatial order.
    rng : numpy.random.Generator
        Source of the surrogates; ``shift`` is exhaustive and draws nothing.
    n_surrogates : int
        Number of surrogates for ``phase`` and ``permutation``.

    Returns
    -------
    SheetCorrelation

    Raises
    ------
    ValueError
        If the null is unknown, the maps are not two-dimensional or differ in shape, or there are no surrogates.

    Notes
    -----
    The sheet has edges. Shifting a map round itself puts a seam where they meet, which makes the shifted maps rougher
    than the real one and the test too eager (size 0.08 to 0.15 at 0.05 for smooth maps cut from larger ones);
    reflections leave no seam (0.05 to 0.06).
    """
    if null not in _NULLS:
        raise ValueError(f"null must be one of {', '.join(_NULLS)}, got {null!r}")
    if n_surrogates < 1:
        raise ValueError(f"n_surrogates must be at least 1, got {n_surrogates}")
    a, b = _checked_pair(map_a, map_b)
    both = np.isfinite(a) & np.isfinite(b)
    n_units = int(both.sum())
    a, b = _centred_ranks(np.where(both, a, np.nan)), _centred_ranks(np.where(both, b, np.nan))
    rho = _correlation(a[both], b[both][None])[0]
    if n_units < 3 or not np.isfinite(rho):
        return SheetCorrelation(np.nan, np.nan, n_units, null)
    surrogates = _NULLS[null](a, b, both, rng, n_surrogates)
    surrogates = surrogates[np.isfinite(surrogates)]
    # A tolerance, so that a surrogate which equals the map up to rounding counts as reaching it.
    p_value = (1 + int((np.abs(surrogates) >= abs(rho) - 1e-12).sum())) / (1 + surrogates.size)
    return SheetCorrelation(float(rho), p_value, n_units, null)


def scaling_slope(
    tau: ArrayLike, spacing: ArrayLike, *, rng: np.random.Generator, block: int = 8, n_resamples: int = 1000
) -> ScalingSlope:
    """Fit ``log(spacing) = beta log(tau) + c`` within one network.

    Parameters
    ----------
    tau, spacing : array_like, ``(row, col)``
        Time constants and grid spacings of the sheet, both positive; units without both are left out.
    rng : numpy.random.Generator
        Source of the resamples.
    block : int
        Side of the square blocks of units that are resampled together; larger than the patches that look alike.
    n_resamples : int
        Bootstrap resamples behind the interval.

    Returns
    -------
    ScalingSlope
        NaN if tau does not vary. The interval says how well this network's slope is known; only seeds say how well it
        holds.

    Raises
    ------
    ValueError
        If the maps are malformed or hold values that are not positive, or a count is below 1.
    """
    tau_sheet, spacing_sheet = _checked_pair(tau, spacing)
    if block < 1 or n_resamples < 1:
        raise ValueError(f"block and n_resamples must be at least 1, got {block} and {n_resamples}")
    both = np.isfinite(tau_sheet) & np.isfinite(spacing_sheet)
    n_units = int(both.sum())
    if (tau_sheet[both] <= 0).any() or (spacing_sheet[both] <= 0).any():
        raise ValueError("tau and spacing must be positive to take logarithms: mark units without a value as NaN")
    x, y = np.log(tau_sheet[both]), np.log(spacing_sheet[both])
    if n_units < 3 or np.ptp(x) == 0:
        return ScalingSlope(np.nan, np.nan, np.nan, n_units)
    x, y = x - x.mean(), y - y.mean()  # for precision; the slope does not depend on it
    row, col = np.nonzero(both)
    _, member = np.unique(row // block * both.shape[1] + col // block, return_inverse=True)
    moments: Float = np.stack([np.bincount(member, weights=w) for w in (np.ones_like(x), x, y, x * x, x * y)], axis=1)
    n_blocks = len(moments)
    drawn = rng.multinomial(n_blocks, np.full(n_blocks, 1 / n_blocks), size=n_resamples)
    slopes = _slope(drawn @ moments)
    slopes = slopes[np.isfinite(slopes)]
    low, high = np.quantile(slopes, [0.025, 0.975]) if n_blocks > 1 and slopes.size else (np.nan, np.nan)
    return ScalingSlope(float(_slope(moments.sum(axis=0))), float(low), float(high), n_units)


def _slope(moments: Float) -> Float:
    """Return the least-squares slope from sums of 1, x, y, x*x, x*y along the last axis; NaN if x does not vary."""
    n, x, y, xx, xy = np.moveaxis(moments, -1, 0)
    spread = n * xx - x**2
    varies = spread > 1e-12 * n * xx
    slope: Float = np.where(varies, (n * xy - x * y) / np.where(varies, spread, 1.0), np.nan)
    return slope


def _checked_sheet(sheet_map: ArrayLike) -> Float:
    """Return the map as floats, or say what is wrong with it."""
    sheet = np.asarray(sheet_map, dtype=np.float64)
    if sheet.ndim != 2:
        raise ValueError(f"a sheet map must be (row, col), got shape {sheet.shape}: reshape units to (side, side)")
    if np.isinf(sheet).any():
        raise ValueError("a sheet map must be finite, or NaN for units without a value, got infinities")
    return sheet


def _checked_pair(map_a: ArrayLike, map_b: ArrayLike) -> tuple[Float, Float]:
    """Return two maps of one sheet."""
    a, b = _checked_sheet(map_a), _checked_sheet(map_b)
    if a.shape != b.shape:
        raise ValueError(f"two maps of one sheet must have one shape, got {a.shape} and {b.shape}")
    return a, b


def _standardised(values: Float, period: float | None) -> NDArray[np.inexact] | None:
    """Return deviations from the mean, mean square 1, complex if circular; None if the values do not vary."""
    if period is not None and not period > 0:
        raise ValueError(f"period must be positive, got {period}")
    if values.size == 0:
        return None
    points: NDArray[np.inexact] = values if period is None else np.exp(2j * np.pi * values / period)
    deviation = points - points.mean()
    size = np.sqrt((np.abs(deviation) ** 2).mean())
    return deviation / size if size > 1e-12 * np.abs(points).max() else None


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


def _centred_ranks(values: Float) -> Float:
    """Return ranks about their mean, zero where there is no value."""
    valid = np.isfinite(values)
    ranks = np.zeros(values.shape)
    ranks[valid] = stats.rankdata(values[valid]) - (valid.sum() + 1) / 2
    return ranks


def _correlation(a: Float, b: Float) -> Float:
    """Correlate centred ranks ``(unit,)`` with every row of ``(arrangement, unit)``; NaN if one is constant."""
    scale = np.sqrt((a @ a) * (b**2).sum(axis=1))
    rho: Float = np.divide(b @ a, scale, out=np.full(len(b), np.nan), where=scale > 0)
    return rho


def _mirrored(sheet: Float) -> Float:
    """Return the sheet and its three reflections as one periodic map without jumps."""
    return np.block([[sheet, sheet[:, ::-1]], [sheet[::-1], sheet[::-1, ::-1]]])


def _by_shift(a: Float, b: Float, valid: NDArray[np.bool_], rng: np.random.Generator, n_surrogates: int) -> Float:
    """Correlate with every window of mirrored ``b`` but the original, over the units that overlap."""
    height, width = a.shape
    shape = (2 * height, 2 * width)

    def over_shifts(window: Float, torus: Float) -> Float:
        """Sum the product of a window and every part of a torus that it can be laid on, except its own place."""
        full = fft.irfft2(fft.rfft2(torus) * fft.rfft2(window, shape).conj(), shape)
        sums: Float = full.ravel()[1:]
        return sums

    mask = valid.astype(np.float64)
    torus, torus_mask = _mirrored(b), _mirrored(mask)
    n = np.rint(over_shifts(mask, torus_mask))
    per_unit = 1 / np.maximum(n, 1)
    mean_a, mean_b = over_shifts(a, torus_mask) * per_unit, over_shifts(mask, torus) * per_unit
    variance_a = over_shifts(a**2, torus_mask) * per_unit - mean_a**2
    variance_b = over_shifts(mask, torus**2) * per_unit - mean_b**2
    covariance = over_shifts(a, torus) * per_unit - mean_a * mean_b
    flat = 1e-9 * valid.sum() ** 2  # far below the variance of ranks, far above rounding
    enough = (n >= max(3, 0.2 * valid.sum())) & (variance_a > flat) & (variance_b > flat)
    spread = np.sqrt(np.abs(variance_a * variance_b))
    rho: Float = np.divide(covariance, spread, out=np.full(n.shape, np.nan), where=enough)
    return rho


def _by_phase(a: Float, b: Float, valid: NDArray[np.bool_], rng: np.random.Generator, n_surrogates: int) -> Float:
    """Correlate with maps that have the power spectrum of ``b`` on the sheet and exactly its ranks."""
    # Mirrored, the map has no jump at its edges that would put power into scales it does not hold.
    shape = (2 * b.shape[0], 2 * b.shape[1])
    amplitude = np.abs(fft.rfft2(_mirrored(b)))
    ordered = np.sort(b[valid])
    surrogates = np.empty((n_surrogates, ordered.size))
    for surrogate in surrogates:
        noise = fft.rfft2(rng.standard_normal(shape))
        noise *= amplitude / np.maximum(np.abs(noise), np.finfo(np.float64).tiny)
        smooth = fft.irfft2(noise, shape)[: b.shape[0], : b.shape[1]][valid]
        surrogate[smooth.argsort()] = ordered
    return _correlation(a[valid], surrogates)


def _by_permutation(a: Float, b: Float, valid: NDArray[np.bool_], rng: np.random.Generator, n_surrogates: int) -> Float:
    """Correlate with scattered values of ``b``."""
    return _correlation(a[valid], rng.permuted(np.tile(b[valid], (n_surrogates, 1)), axis=1))


_NULLS: dict[str, Callable[[Float, Float, NDArray[np.bool_], np.random.Generator, int], Float]] = {
    "shift": _by_shift,
    "phase": _by_phase,
    "permutation": _by_permutation,
}
