"""How far two unit properties share their layout on the cortical sheet, and the slope of one on the other.

Shapes: sheet maps ``(row, col)``, NaN for units without a value (dead, or without a lattice). The sheet is not
periodic.

One network is one sample: everything here describes the layout inside one network. Intervals that speak about a
population of networks come from repeating the measurement over seeds.
"""

from typing import Literal, NamedTuple

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from topogrid.analysis.inputs import as_pair
from topogrid.analysis.options import as_choice, as_count, as_generator

__all__ = ["ScalingSlope", "SheetCorrelation", "scaling_slope", "sheet_correlation"]

Float = NDArray[np.float64]

FEWEST_SHIFTS = 19
"""Comparable shifts without which a map correlation gets no p-value: with fewer, none could be below 0.05."""

_NULLS = ("shift", "phase", "permutation")


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
        Two properties; units without both values are left out of the correlation.
    null : {"shift", "phase", "permutation"}
        ``shift`` slides ``map_a`` over a torus made of ``map_b`` and its reflections, by every possible step that
        leaves enough units with both values; p is NaN where fewer than `FEWEST_SHIFTS` do;
        ``phase`` compares with maps of the same power spectrum and values as the one that has a value in every unit
        (``map_b`` if both have); p is NaN if none has. ``permutation`` scatters the values of ``map_b`` and is valid
        only for maps without spatial order.
    rng : numpy.random.Generator
        Source of the surrogates; ``shift`` is exhaustive and draws nothing.
    n_surrogates : int
        Number of surrogates for ``phase`` and ``permutation``.

    Returns
    -------
    SheetCorrelation

    Raises
    ------
    TypeError
        If the maps are not made of real numbers, or ``rng`` is no generator.
    ValueError
        If the null is unknown, the maps are not two-dimensional or differ in shape, or there are no surrogates.

    Notes
    -----
    ``shift`` is for maps whose order is local. Of independent pairs of maps that are gradients over the whole sheet, 28
    to 37 % have p up to 0.05: they are next to two samples, and shifts keep their directions.

    The sheet has edges. Shifting a map round itself puts a seam where they meet, which makes the shifted maps rougher
    than the real one and the test too eager (size 0.08 to 0.15 at 0.05 for smooth maps cut from larger ones);
    reflections leave no seam (0.05 to 0.06).
    """
    as_choice(null, "null", _NULLS)
    n_surrogates, rng = as_count(n_surrogates, "n_surrogates"), as_generator(rng)
    a, b = as_pair(map_a, map_b)
    both = np.isfinite(a) & np.isfinite(b)
    n_units = int(both.sum())
    ranks_a, ranks_b = (_centred_ranks(np.where(both, values, np.nan)) for values in (a, b))
    rho = _correlation(ranks_a[both], ranks_b[both][None])[0]
    if n_units < 3 or not np.isfinite(rho):
        return SheetCorrelation(np.nan, np.nan, n_units, null)
    if null == "shift":
        reached, surrogates = _by_shift(a, b)
    elif null == "phase":
        reached, surrogates = _by_phase(a, b, rng, n_surrogates)
    else:
        reached, surrogates = float(rho), _by_permutation(ranks_a[both], ranks_b[both], rng, n_surrogates)
    surrogates = surrogates[np.isfinite(surrogates)]
    fewest = FEWEST_SHIFTS if null == "shift" else 1
    if not np.isfinite(reached) or surrogates.size < fewest:
        return SheetCorrelation(float(rho), np.nan, n_units, null)
    # A tolerance, so that a surrogate which equals the map up to rounding counts as reaching it.
    p_value = (1 + int((np.abs(surrogates) >= abs(reached) - 1e-12).sum())) / (1 + surrogates.size)
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
    TypeError
        If the maps are not made of real numbers, a count is not a whole number or ``rng`` is no generator.
    ValueError
        If the maps are malformed or hold values that are not positive, or a count is below 1.
    """
    tau_sheet, spacing_sheet = as_pair(tau, spacing)
    block, n_resamples, rng = as_count(block, "block"), as_count(n_resamples, "n_resamples"), as_generator(rng)
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


def _centred_ranks(values: Float) -> Float:
    """Return ranks about their mean, zero where there is no value."""
    valid = np.isfinite(values)
    ranks = np.zeros(values.shape)
    ranks[valid] = _ranks(values[valid]) - (valid.sum() + 1) / 2
    return ranks


def _ranks(values: Float) -> Float:
    """Return ranks from 1, equal values sharing the mean of theirs; `scipy.stats` takes over a second to import."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks: Float = ((2 * last - counts + 1) / 2)[place]
    return ranks


def _correlation(a: Float, b: Float) -> Float:
    """Correlate centred ranks ``(unit,)`` with every row of ``(arrangement, unit)``; NaN if one is constant."""
    scale = np.sqrt((a @ a) * (b**2).sum(axis=1))
    rho: Float = np.divide(b @ a, scale, out=np.full(len(b), np.nan), where=scale > 0)
    return rho


def _mirrored(sheet: Float) -> Float:
    """Return the sheet and its three reflections as one periodic map without jumps."""
    return np.block([[sheet, sheet[:, ::-1]], [sheet[::-1], sheet[::-1, ::-1]]])


def _by_shift(a: Float, b: Float) -> tuple[float, Float]:
    """Correlate ranks of ``a`` with every window of mirrored ``b``, over the units that have both; own place first.

    Each map is ranked over all of its own values, and slides with them: where few units have a spacing, every shift
    still finds a time constant under each.
    """
    shape = (2 * a.shape[0], 2 * a.shape[1])

    def over_shifts(window: Float, torus: Float) -> Float:
        """Sum the product of a window and every part of a torus that it can be laid on."""
        sums: Float = scipy.fft.irfft2(scipy.fft.rfft2(torus) * scipy.fft.rfft2(window, shape).conj(), shape).ravel()
        return sums

    mask_a, mask_b = (np.isfinite(values).astype(np.float64) for values in (a, b))
    a, torus, torus_mask = _centred_ranks(a), _mirrored(_centred_ranks(b)), _mirrored(mask_b)
    n = np.rint(over_shifts(mask_a, torus_mask))
    per_unit = 1 / np.maximum(n, 1)
    mean_a, mean_b = over_shifts(a, torus_mask) * per_unit, over_shifts(mask_a, torus) * per_unit
    variance_a = over_shifts(a**2, torus_mask) * per_unit - mean_a**2
    variance_b = over_shifts(mask_a, torus**2) * per_unit - mean_b**2
    covariance = over_shifts(a, torus) * per_unit - mean_a * mean_b
    # Far below the variance of ranks, far above rounding.
    flat_a, flat_b = (1e-9 * mask.sum() ** 2 for mask in (mask_a, mask_b))
    enough = (n >= max(3, 0.2 * n[0])) & (variance_a > flat_a) & (variance_b > flat_b)
    spread = np.sqrt(np.abs(variance_a * variance_b))
    rho: Float = np.divide(covariance, spread, out=np.full(n.shape, np.nan), where=enough)
    return float(rho[0]), rho[1:]


def _by_phase(a: Float, b: Float, rng: np.random.Generator, n_surrogates: int) -> tuple[float, Float]:
    """Correlate one map with surrogates of the other, which has no gaps; the correlation of the two maps first.

    Gaps would put power into scales that a map does not hold, and its surrogates would be too rough.
    """
    whole, other = (b, a) if np.isfinite(b).all() else (a, b)
    if not np.isfinite(whole).all():
        return np.nan, np.empty(0)
    ranks, valid = _centred_ranks(whole), np.isfinite(other)
    # Mirrored, the map has no jump at its edges that would do the same.
    shape = (2 * whole.shape[0], 2 * whole.shape[1])
    amplitude = np.abs(scipy.fft.rfft2(_mirrored(ranks)))
    ordered = np.sort(ranks, axis=None)
    maps = np.empty((1 + n_surrogates, valid.sum()))
    maps[0] = ranks[valid]
    for surrogate in maps[1:]:
        noise = scipy.fft.rfft2(rng.standard_normal(shape))
        noise *= amplitude / np.maximum(np.abs(noise), np.finfo(np.float64).tiny)
        smooth = scipy.fft.irfft2(noise, shape)[: whole.shape[0], : whole.shape[1]]
        dealt = np.empty(ordered.size)
        dealt[smooth.argsort(axis=None)] = ordered
        surrogate[:] = dealt[valid.ravel()]
    rho = _correlation(_centred_ranks(other)[valid], maps - maps.mean(axis=1, keepdims=True))
    return float(rho[0]), rho[1:]


def _by_permutation(a: Float, b: Float, rng: np.random.Generator, n_surrogates: int) -> Float:
    """Correlate ranks ``(unit,)`` with scattered ones."""
    return _correlation(a, rng.permuted(np.tile(b, (n_surrogates, 1)), axis=1))
