"""Spatial autocorrelograms and grid scores of many rate maps at once.

The formula is the one the field shares (Banino et al. 2018; Sorscher et al. 2019): rotate the autocorrelogram (SAC),
correlate it with itself inside a ring, compare the angles a hexagon repeats at with those it does not. What differs
is the cost. Rotation by splines is linear, so it is prepared once per map size as a sparse matrix; a SAC is symmetric
through its centre, so half of its pixels say everything; quarter turns only permute pixels, so three spline rotations
serve all seven angles; and nested rings are running sums over pixels sorted by distance.

Shapes: maps ``(unit, bin_y, bin_x)``, SACs ``(unit, lag_y, lag_x)`` with the zero lag in the middle.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import scipy
from numpy.typing import NDArray

from topogrid.analysis.cores import over_chunks
from topogrid.analysis.inputs import MapsLike, as_maps
from topogrid.analysis.levels import levelled

__all__ = ["RING_INNER", "RING_OUTER", "GridScores", "autocorrelograms", "grid_scores"]

Float = NDArray[np.float64]

RING_INNER = 0.2
"""Inner radius of every ring, as a fraction of the box width (Sorscher et al. 2019)."""

RING_OUTER: Float = np.linspace(0.4, 1.0, 10)
"""Outer radii of the ten rings, as fractions of the box width (Sorscher et al. 2019)."""

_RING_VARIANCE_FLOOR = 1e-5  # added to the variance inside a ring by the published scorer
_FLAT_SD = 1e-5  # an overlap that varies less than this share of the peak has no correlation; far above FFT rounding
_FAR = 1.0  # maps further from zero than their own range are measured from their lowest rate
UNITS_AT_ONCE = 32  # scored together: at 32 bins, the working arrays of one thread stay within the cache of its core


class GridScores(NamedTuple):
    """Grid scores of every unit; NaN marks a unit whose map is blank or constant, whatever its level.

    Attributes
    ----------
    score_60, score_90 : ndarray, ``(unit,)``
        Hexagonal and square score, the best of ten rings each.
    ring_60 : ndarray, ``(unit,)``
        Outer radius of the ring that gave the hexagonal score, as a fraction of the (shorter) box side.
    """

    score_60: Float
    score_90: Float
    ring_60: Float


def autocorrelograms(rate_maps: MapsLike) -> Float:
    """Correlate every rate map with shifted copies of itself.

    Each value is Pearson's correlation over the bins that are visited both here and a lag away, so unvisited bins drop
    out instead of counting as zeros.

    Parameters
    ----------
    rate_maps : array_like, ``(unit, bin_y, bin_x)``
        Firing rates in any unit and from any zero; NaN or masked where a bin was not visited.

    Returns
    -------
    ndarray, ``(unit, 2 * bin_y - 1, 2 * bin_x - 1)``
        Correlations in [-1, 1]; 0 where the overlap is empty or flat (varies less than 1e-5 of the unit's peak, or of
        its range where all rates are far from zero), as in the published scorer. A constant map therefore gives zeros,
        not ones.

    Raises
    ------
    TypeError
        If the maps are not real numbers.
    ValueError
        If the maps are not three-dimensional or hold infinities.
    """
    maps = as_maps(rate_maps)
    units, height, width = maps.shape
    out = np.empty((units, 2 * height - 1, 2 * width - 1))

    def fill(chunk: slice) -> None:
        out[chunk] = autocorrelograms_of(maps[chunk])

    over_chunks(fill, units, UNITS_AT_ONCE)
    return out


def grid_scores(rate_maps: MapsLike, box_size: float | tuple[float, float] | None = None) -> GridScores:
    """Score how hexagonal and how square every rate map is.

    With ``c_a`` the correlation, inside a ring, between a SAC and itself turned by ``a`` degrees, the hexagonal score
    is ``(c60 + c120)/2 - (c30 + c90 + c150)/3`` and the square score ``c90 - (c45 + c135)/2``, each the maximum over
    ten rings.

    Parameters
    ----------
    rate_maps : array_like, ``(unit, bin_y, bin_x)``
        Firing rates in any unit and from any zero; NaN or masked where a bin was not visited. Bins must be square in
        metres. Where the box is not, rings reach as far as its shorter side.
    box_size : float or (float, float), optional
        Side of the box, or its width and height, metres. Only to refuse bins that are not square, which a score of
        bins cannot notice.

    Returns
    -------
    GridScores
        NaN for units whose map is blank, constant or never visited: count them, they are dead, not merely ungridded.

    Raises
    ------
    TypeError
        If the maps are not real numbers.
    ValueError
        If the maps are not three-dimensional, are smaller than 4 bins or hold infinities, or bins are not square.

    Notes
    -----
    Equal to turning each SAC with ``scipy.ndimage.rotate(sac, angle, reshape=False)`` (cubic splines) to 1e-6.

    References
    ----------
    Banino et al., Nature 2018; Sorscher et al., NeurIPS 2019 (the scorer); Sargolini et al., Science 2006 (the score).
    """
    maps = as_maps(rate_maps, box_size, square=True)
    units, height, width = maps.shape
    check_scored(height, width)
    out = np.full((3, units), np.nan)

    def fill(chunk: slice) -> None:
        out[:, chunk] = scores_of_sacs(autocorrelograms_of(maps[chunk]))

    over_chunks(fill, units, UNITS_AT_ONCE)
    return GridScores(*out)


def check_scored(height: int, width: int) -> None:
    """Prepare to score maps of so many bins.

    Raises
    ------
    ValueError
        If they are too few.
    """
    side = min(height, width)
    if side < 4:
        raise ValueError(f"rate maps need at least 4 bins a side to be scored, got {height} x {width}: use finer bins")
    _rotation(side)  # once, before several threads ask for it


def scores_of_sacs(sacs: Float) -> Float:
    """Return what `grid_scores` does, ``(3, unit)``, of the SACs of some checked maps."""
    side = (min(sacs.shape[1:]) + 1) // 2
    sacs = _central_square(sacs, side)
    alive = sacs[:, side - 1, side - 1] > 0
    scores = np.full((3, alive.size), np.nan)
    scores[:, alive] = _score(sacs if alive.all() else sacs[alive], _rotation(side))
    return scores


def autocorrelograms_of(maps: Float) -> Float:
    """Compute Pearson SACs of one chunk; the half with ``lag_y >= 0`` is computed, the other half mirrors it."""
    maps = levelled(maps, beyond=_FAR)
    visited = np.isfinite(maps)
    rates = np.where(visited, maps, 0.0)
    peaks = np.abs(rates).max(axis=(1, 2), keepdims=True)
    rates /= np.where(peaks > 0, peaks, 1.0)
    overlap = _overlap_of_all_bins(rates) if visited.all() else _overlap_of_visited_bins(rates, visited)

    # Variances and covariance times the squared number of bins, which a correlation does not see.
    variance = overlap.bins * overlap.squares - overlap.sums**2
    variance_shifted = overlap.bins * overlap.squares_shifted - overlap.sums_shifted**2
    half = overlap.bins * overlap.products
    half -= overlap.sums * overlap.sums_shifted

    flat = (_FLAT_SD * overlap.bins) ** 2
    varies = (variance > flat) & (variance_shifted > flat)
    variance *= variance_shifted
    half /= np.sqrt(np.where(varies, variance, np.inf))
    np.clip(half, -1.0, 1.0, out=half)
    return np.concatenate([half[:, :0:-1, ::-1], half], axis=1)


class _Overlap(NamedTuple):
    """Sums over the bins that are visited both here and a lag away, ``(unit, lag_y, lag_x)`` with ``lag_y >= 0``."""

    bins: Float
    """How many they are; one mask for all units may stand for every unit's."""
    products: Float
    sums: Float
    squares: Float
    sums_shifted: Float
    """Of the shifted copy, which are the sums at the opposite lag."""
    squares_shifted: Float


def _overlap_of_all_bins(rates: Float) -> _Overlap:
    """Sum over rectangles, as the overlap of two full boxes is one: a small matrix for each axis does it."""
    height, width = rates.shape[1:]
    along_y, along_x = _overlap_matrix(height), _overlap_matrix(width)
    bins = np.outer(along_y.sum(axis=1)[height - 1 :], along_x.sum(axis=1))[None]
    products = _half_of_lags_from_power(_spectrum(rates), height, width)
    # A product for each unit: a great one would wake the threads of BLAS, which the cores have no room for.
    totals = [along_y @ (values @ along_x.T) for values in (rates, rates**2)]
    here = [total[:, height - 1 :] for total in totals]
    shifted = [total[:, height - 1 :: -1, ::-1] for total in totals]
    return _Overlap(bins, products, *here, *shifted)


def _overlap_matrix(length: int) -> Float:
    """Return ``(lag, bin)``, 1 where a bin has a neighbour the lag away; lags from ``1 - length`` up."""
    lag, at = np.arange(1 - length, length)[:, None], np.arange(length)
    return ((at - lag >= 0) & (at - lag < length)).astype(np.float64)


def _overlap_of_visited_bins(rates: Float, visited: NDArray[np.bool_]) -> _Overlap:
    """Sum by FFT, whatever shape the visited part of the box has."""
    height, width = rates.shape[1:]
    if (visited == visited[:1]).all():
        visited = visited[:1]  # one walk, one mask: its transform is shared by all units
    mask, once, twice = (_spectrum(values) for values in (visited.astype(np.float64), rates, rates**2))

    def correlate(first: NDArray[np.complex128], second: NDArray[np.complex128]) -> Float:
        return _half_of_lags(first * second.conj(), height, width)

    return _Overlap(
        bins=np.rint(correlate(mask, mask)),
        products=correlate(once, once),
        sums=correlate(once, mask),
        squares=correlate(twice, mask),
        sums_shifted=correlate(mask, once),
        squares_shifted=correlate(mask, twice),
    )


def _padded(height: int, width: int) -> tuple[int, int]:
    """Return a size for transforms in which no lag wraps around."""
    return scipy.fft.next_fast_len(2 * height - 1, real=True), scipy.fft.next_fast_len(2 * width - 1, real=True)


def _spectrum(values: Float) -> NDArray[np.complex128]:
    """Transform one axis after the other: the rows of zeros below a map need no transform along them."""
    padded_height, padded_width = _padded(*values.shape[1:])
    spectrum: NDArray[np.complex128] = scipy.fft.fft(
        scipy.fft.rfft(values, padded_width, axis=2), padded_height, axis=1
    )
    return spectrum


def _half_of_lags(spectrum: NDArray[np.complex128], height: int, width: int) -> Float:
    """Transform back, and put the lags in order: ``lag_y`` from 0, ``lag_x`` from ``1 - width`` up."""
    wrapped = scipy.fft.irfft(scipy.fft.ifft(spectrum, axis=1)[:, :height], _padded(height, width)[1], axis=2)
    return np.concatenate([wrapped[:, :, 1 - width :], wrapped[:, :, :width]], axis=2)


def _half_of_lags_from_power(spectrum: NDArray[np.complex128], height: int, width: int) -> Float:
    """Transform the power of a spectrum back: real and symmetric, products with cosines and sines do it faster."""
    cosine_y, sine_y, cosine_x, sine_x = _inverse_transform(height, width)
    power = spectrum.real**2
    power += spectrum.imag**2
    lags: Float = (cosine_y @ power) @ cosine_x
    lags -= (sine_y @ power) @ sine_x
    return lags


@lru_cache(maxsize=8)
def _inverse_transform(height: int, width: int) -> tuple[Float, Float, Float, Float]:
    """Cosines and sines ``(lag_y, frequency_y)`` and ``(frequency_x, lag_x)`` that turn a power into a correlation."""
    padded_height, padded_width = _padded(height, width)
    frequency_x = np.arange(padded_width // 2 + 1)
    # Frequencies along x that are left out of the spectrum of real values have the power of their opposites.
    weight = np.where((frequency_x == 0) | (2 * frequency_x == padded_width), 1.0, 2.0) / padded_width
    along_y = 2 * np.pi / padded_height * np.outer(np.arange(height), np.arange(padded_height))
    along_x = 2 * np.pi / padded_width * np.outer(frequency_x, np.arange(1 - width, width))
    return (
        np.cos(along_y) / padded_height,
        np.sin(along_y) / padded_height,
        np.cos(along_x) * weight[:, None],
        np.sin(along_x) * weight[:, None],
    )


def _central_square(sacs: Float, side: int) -> Float:
    """Cut SACs of an oblong box down to the lags that fit its shorter side."""
    (top, left) = ((length - (2 * side - 1)) // 2 for length in sacs.shape[1:])
    return sacs[:, top : top + 2 * side - 1, left : left + 2 * side - 1]


class _Rotation(NamedTuple):
    """What scoring SACs of one size needs; ``pixel`` runs over half the largest ring, nearest first."""

    prefilter: Float  # (length, length): values along one axis -> spline coefficients
    plain: NDArray[np.intp]  # (pixel,): flat SAC index of each pixel
    quarter: NDArray[np.intp]  # (pixel,): flat SAC index of each pixel after a quarter turn
    turned: dict[
        int, scipy.sparse.csr_array
    ]  # angle in degrees -> (pixel, side * length), lower half of coefficients -> SAC
    gaps: scipy.sparse.csr_array  # (ring, pixel): sums the pixels of this ring that no smaller ring holds
    ring_sizes: Float  # (ring,): pixels in each nested ring


@lru_cache(maxsize=8)
def _rotation(side: int) -> _Rotation:
    """Prepare the turns by 30, 45 and 60 degrees for maps of ``side`` bins (SACs of ``2 * side - 1``)."""
    length = 2 * side - 1
    y, x = (axis.ravel() for axis in np.indices((length, length)) - (side - 1))
    radius = np.hypot(x, y)
    inside = (radius > RING_INNER * side) & (radius <= RING_OUTER[-1] * side)
    half = (y > 0) | ((y == 0) & (x > 0))  # the other half repeats it, and so does every turned SAC
    pixels = np.flatnonzero(inside & half)
    pixels = pixels[np.argsort(radius[pixels], kind="stable")]
    y, x, radius = y[pixels], x[pixels], radius[pixels]
    ring_sizes = np.searchsorted(radius, RING_OUTER * side, side="right")
    bounds = np.concatenate([[0], ring_sizes])
    return _Rotation(
        prefilter=scipy.ndimage.spline_filter1d(np.eye(length), order=3, axis=0, mode="mirror"),
        plain=pixels,
        quarter=(x + side - 1) * length + (side - 1 - y),
        turned={angle: _spline_turn(x, y, angle, side) for angle in (30, 45, 60)},
        gaps=scipy.sparse.csr_array((np.ones(pixels.size), np.arange(pixels.size), bounds)),
        ring_sizes=ring_sizes.astype(np.float64),
    )


def _spline_turn(x: NDArray[np.intp], y: NDArray[np.intp], angle: int, side: int) -> scipy.sparse.csr_array:
    """Return the matrix that evaluates the cubic spline at the pixels ``(x, y)`` turned by ``angle`` degrees.

    Sixteen weights a pixel, on coefficients with ``lag_y >= 0``: each of the others equals the one opposite. A pixel
    that turns out of the SAC is zero, as with ``mode="constant"`` in SciPy.
    """
    length = 2 * side - 1
    cosine, sine = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
    from_y = cosine * y + sine * x + side - 1
    from_x = cosine * x - sine * y + side - 1
    inside = (np.minimum(from_y, from_x) >= 0) & (np.maximum(from_y, from_x) <= length - 1)
    index_y, weight_y = cubic_taps(from_y, length)
    index_x, weight_x = cubic_taps(from_x, length)
    columns = index_y[:, :, None] * length + index_x[:, None, :]
    upper = columns < (side - 1) * length
    columns = np.where(upper, length**2 - 1 - columns, columns) - (side - 1) * length
    weights = weight_y[:, :, None] * weight_x[:, None, :] * inside[:, None, None]
    rows = np.broadcast_to(np.arange(x.size)[:, None, None], columns.shape)
    matrix = scipy.sparse.coo_array((weights.ravel(), (rows.ravel(), columns.ravel())), shape=(x.size, side * length))
    return matrix.tocsr()


def cubic_taps(at: Float, length: int) -> tuple[NDArray[np.intp], Float]:
    """Return indices and weights ``(pixel, 4)`` of the cubic B-spline at positions ``at``, mirrored at the ends."""
    below = np.floor(at)
    t = at - below
    left, square = 1 - t, t * t  # products: powers are many times slower
    cube = square * t
    weights = np.empty((at.size, 4))
    weights[:, 0], weights[:, 1] = left * left * left, 4 - 6 * square + 3 * cube
    weights[:, 2], weights[:, 3] = 1 + 3 * (t + square - cube), cube
    weights /= 6
    index = np.abs(below.astype(np.intp)[:, None] + np.arange(-1, 3))
    index = np.abs(length - 1 - np.abs(length - 1 - index))
    return index, weights


def _score(sacs: Float, rotation: _Rotation) -> Float:
    """Return both scores and the ring of the hexagonal one, ``(3, unit)`` in the order of `GridScores`."""
    units, length, _ = sacs.shape
    lower = rotation.prefilter[length // 2 :]
    coefficients = ((lower @ sacs) @ rotation.prefilter.T).reshape(units, len(lower) * length).T.copy()
    pixels = sacs.reshape(units, length**2).T
    plain, quarter = pixels[rotation.plain], pixels[rotation.quarter]

    sizes = rotation.ring_sizes[:, None]
    mean = _ring_sums(plain, rotation) / sizes
    variance = _ring_sums(plain**2, rotation) / sizes - mean**2 + _RING_VARIANCE_FLOOR

    def correlation(still: Float, turned: Float, turned_mean: Float) -> Float:
        # sum((s - m)(r - m)) = sum(s r) - m sum(r), because m is the mean of s over the ring.
        return (_ring_sums(still * turned, rotation) / sizes - mean * turned_mean) / variance

    at = {90: correlation(plain, quarter, mean)}
    for angle, matrix in rotation.turned.items():
        turned = matrix @ coefficients
        turned_mean = _ring_sums(turned, rotation) / sizes
        at[angle] = correlation(plain, turned, turned_mean)
        at[angle + 90] = correlation(quarter, turned, turned_mean)

    hexagonal = (at[60] + at[120]) / 2 - (at[30] + at[90] + at[150]) / 3
    square = at[90] - (at[45] + at[135]) / 2
    return np.stack([hexagonal.max(axis=0), square.max(axis=0), RING_OUTER[hexagonal.argmax(axis=0)]])


def _ring_sums(values: Float, rotation: _Rotation) -> Float:
    """Sum ``(pixel, unit)`` values over the nested rings: sums over the gaps between radii, accumulated outwards."""
    sums: Float = np.cumsum(rotation.gaps @ values, axis=0)
    return sums
