"""Spacing, orientation, phase and ellipse of the hexagonal lattice in a rate map, in metres and degrees.

The six peaks of the autocorrelogram (SAC) that surround its centre are found in two steps. A bank of regular
hexagons, with the troughs that belong to them, gives a first guess that noise on single bins cannot upset; each peak
is then moved, on its own, to the top of a paraboloid fitted around it. The peaks say whether there is a lattice. A fit
to the rate map itself (`topogrid.analysis.maps.lattice_fit`) then says where its axes are, to a fraction of a bin.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy
from numpy.typing import NDArray

from topogrid.analysis.cores import over_chunks
from topogrid.analysis.inputs import MapsLike, as_maps, box_sides
from topogrid.analysis.levels import levelled
from topogrid.analysis.maps.lattice_fit import crest_phase, fit_axes
from topogrid.analysis.maps.scores import (
    UNITS_AT_ONCE,
    GridScores,
    autocorrelograms_of,
    check_scored,
    cubic_taps,
    scores_of_sacs,
)

__all__ = ["Lattice", "measure_lattice"]

Float = NDArray[np.float64]

_MIN_SPACING_BINS = 3.0  # closer peaks are not resolved from the central one
_MIN_OVERLAP = 0.2  # share of the box that must overlap at a peak; limits spacing to 0.75 of a square box's side
_MIN_HEIGHT = 0.15  # correlation averaged over the three axes; the sampling noise of one peak is about 0.07 at 20 bins
_MIN_CONTRAST = 0.3  # peaks over troughs; 1.4 for a perfect lattice of cosines
_MAX_ELLIPSE_RATIO = 1.4  # a square lattice is a hexagonal one stretched by 1.73
_MAX_CLOSURE_ERROR = 0.25  # middle axis against the sum of the outer two, in spacings
_MIN_ROUNDNESS = 0.1  # product over squared sum of a peak's two curvatures: 1/4 when round, 0 on the ridge of a stripe
_MAX_SHIFT = 0.35  # how far, in spacings, a peak may lie from the regular hexagon that led to it
_ORIENTATIONS: Float = np.deg2rad(np.arange(0, 60, 4))
_STANDS_OUT = 0.6  # share of the best contrast that a smaller hexagon needs to be preferred
_CLIMB_RADIUS, _FINISH_RADIUS = 0.2, 0.1  # of the paraboloids, in spacings


class Lattice(NamedTuple):
    """The lattice of every unit; NaN wherever a unit has none.

    Attributes
    ----------
    spacing : ndarray, ``(unit,)``
        Distance between neighbouring fields, metres: the mean over the three axes.
    orientation : ndarray, ``(unit,)``
        Angle of the axes anticlockwise from x, degrees in [0, 60).
    phase : ndarray, ``(unit, 2)``
        Where a field lies in the unit cell, each coordinate in [0, 1): there is one at ``phase[0] * axes[0] +
        phase[1] * axes[1]`` from the centre of the box, give or take whole axes.
    ellipse_ratio : ndarray, ``(unit,)``
        Long over short semi-axis of the ellipse through the six peaks; 1 for a circle.
    n_peaks : ndarray of int, ``(unit,)``
        How many of the six peaks were confirmed: 0, 2, 4 or 6, since peaks come in opposite pairs. A lattice needs
        all six, and they must also form a plausible hexagon.
    axes : ndarray, ``(unit, 3, 2)``
        Three neighbouring peaks as (x, y) in metres, anticlockwise, the middle one the sum of the others; the other
        three peaks are their opposites.
    """

    spacing: Float
    orientation: Float
    phase: Float
    ellipse_ratio: Float
    n_peaks: NDArray[np.int64]
    axes: Float


def measure_lattice(rate_maps: MapsLike, box_size: float | tuple[float, float]) -> Lattice:
    """Measure the hexagonal lattice of every rate map.

    Parameters
    ----------
    rate_maps : array_like, ``(unit, bin_y, bin_x)``
        Firing rates in any unit and from any zero, row 0 at the smallest y; NaN or masked where a bin was not visited.
    box_size : float or (float, float)
        Side of the box, or its width and height, in metres. Bins need not be square.

    Returns
    -------
    Lattice
        Spacings between 3 bins and about 0.75 of the box's side can be measured. A value says that six peaks form a
        hexagon, not that chance could not have made them: see `topogrid.analysis.grid_gate` for that.

    Raises
    ------
    TypeError
        If the maps are not real numbers.
    ValueError
        If the maps are not three-dimensional or hold infinities, or a side of the box is not positive.

    References
    ----------
    Hafting et al., Nature 2005 (six peaks); Stensola et al., Nature 2012 and 2015 (axes, ellipse).
    """
    return _lattice_of(as_maps(rate_maps), box_sides(box_size))


def scores_and_lattice(rate_maps: MapsLike, box_size: float | tuple[float, float]) -> tuple[GridScores, Lattice]:
    """Return `grid_scores` and `measure_lattice` of the same maps, whose autocorrelograms are taken once.

    Parameters, results and errors as for both.
    """
    maps = as_maps(rate_maps, box_size, square=True)
    check_scored(*maps.shape[1:])
    scores = np.full((3, len(maps)), np.nan)
    lattice = _lattice_of(maps, box_sides(box_size), scores)
    return GridScores(*scores), lattice


def _lattice_of(maps: Float, sides: tuple[float, float], scores: Float | None = None) -> Lattice:
    """Measure checked maps, and fill in their scores ``(3, unit)`` where there is a place for them."""
    maps = levelled(maps, beyond=1.0)
    bank = _hexagon_bank(maps, sides)
    lattice = _no_lattice(len(maps))
    possible = bank.allowed.any()  # not if the maps are too coarse, or too little of the box was visited

    def fill(chunk: slice) -> None:
        sacs = autocorrelograms_of(maps[chunk])
        if scores is not None:
            scores[:, chunk] = scores_of_sacs(sacs)
        if possible:
            for whole, part in zip(lattice, _measure(maps[chunk], sacs, bank), strict=True):
                whole[chunk] = part

    if possible or scores is not None:
        over_chunks(fill, len(maps), UNITS_AT_ONCE)
    return lattice


class _Bank(NamedTuple):
    """Regular hexagons to compare SACs with, ordered by spacing and then orientation, and the geometry of the maps."""

    spacing: Float  # (hexagon,), metres
    orientation: Float  # (hexagon,), radians
    allowed: NDArray[np.bool_]  # (hexagon,): its peaks lie where enough of the box overlaps
    contrast: scipy.sparse.csr_array  # (hexagon, lag): mean over the peaks minus mean over the troughs between them
    bin_size: Float  # (2,): x, y, metres
    overlap: Float  # (lag_y, lag_x): share of the visited bins that overlap at each lag


def _hexagon_bank(maps: Float, sides: tuple[float, float]) -> _Bank:
    """Prepare regular hexagons of every resolvable spacing, in steps of 4 %, and every orientation."""
    _, height, width = maps.shape
    bin_size = np.array([sides[0] / width, sides[1] / height])
    overlap = _overlap(np.asarray(np.isfinite(maps).any(axis=0)))
    radii = np.exp(np.arange(np.log(_MIN_SPACING_BINS * bin_size.max()), np.log(max(sides)), 0.04))
    spacing, orientation = np.repeat(radii, _ORIENTATIONS.size), np.tile(_ORIENTATIONS, radii.size)
    peaks = _hexagon(spacing, orientation)
    allowed = (_sample(overlap[None], peaks[None], bin_size)[0] >= _MIN_OVERLAP).all(axis=1)

    # Troughs lie half-way to the peaks and in the middle of the triangles. The first kind rejects the hexagon of twice
    # the spacing, the second the one of sqrt(3) times the spacing, which would otherwise fit a lattice as well.
    between = _hexagon(spacing / np.sqrt(3), orientation + np.pi / 6)
    points = np.concatenate([peaks, peaks / 2, between], axis=1)
    weights = np.repeat([1 / 3, -1 / 6, -1 / 6], 3)
    contrast = _sampler(points, weights, overlap.shape, bin_size)
    return _Bank(spacing, orientation, allowed, contrast, bin_size, overlap)


def _overlap(visited: NDArray[np.bool_]) -> Float:
    """Return, for every lag, the share of visited bins that are still visited a lag away."""
    shape = tuple(2 * n - 1 for n in visited.shape)
    spectrum = scipy.fft.rfft2(visited.astype(np.float64), shape)
    share: Float = scipy.fft.fftshift(scipy.fft.irfft2(np.abs(spectrum) ** 2, shape)) / max(int(visited.sum()), 1)
    return share


def _hexagon(spacing: Float, orientation: Float) -> Float:
    """Return three neighbouring corners ``(..., 3, 2)`` as (x, y); the other three are their opposites."""
    angle = orientation[..., None] + np.deg2rad([0, 60, 120])
    corners: Float = spacing[..., None, None] * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    return corners


def _taps(points: Float, shape: tuple[int, ...], bin_size: Float) -> tuple[NDArray[np.intp], Float]:
    """Return flat lag indices and weights, ``(points, 16)``, that read a SAC at flattened (x, y) lags in metres.

    The SAC's values serve as spline coefficients, without the usual prefilter: that smooths by 0.6 bins, which takes
    off noise and moves no peak.
    """
    height, width = shape
    lags = points.reshape(-1, 2) / bin_size + np.array([(width - 1) // 2, (height - 1) // 2])
    lags = np.clip(lags, 0, [width - 1, height - 1])
    index_x, weight_x = cubic_taps(lags[:, 0], width)
    index_y, weight_y = cubic_taps(lags[:, 1], height)
    index = (index_y[:, :, None] * width + index_x[:, None, :]).reshape(-1, 16)
    return index, (weight_y[:, :, None] * weight_x[:, None, :]).reshape(-1, 16)


def _sampler(points: Float, weights: Float, shape: tuple[int, ...], bin_size: Float) -> scipy.sparse.csr_array:
    """Return the matrix that sums a SAC over ``points`` (hexagon, point, 2) with one weight per point."""
    index, taps = _taps(points, shape, bin_size)
    values = taps * np.tile(weights, len(points))[:, None]
    rows = np.repeat(np.arange(len(points)), points.shape[1] * 16)
    size = (len(points), int(np.prod(shape)))
    return scipy.sparse.coo_array((values.ravel(), (rows, index.ravel())), shape=size).tocsr()


def _sample(sacs: Float, points: Float, bin_size: Float) -> Float:
    """Read each SAC at its own (x, y) lags in metres: ``(unit, ..., 2) -> (unit, ...)``."""
    index, weights = _taps(points, sacs.shape[1:], bin_size)
    units = np.repeat(np.arange(len(sacs)), len(index) // max(len(sacs), 1))
    index += (units * sacs[0].size)[:, None]
    values: Float = np.einsum("pt,pt->p", sacs.reshape(-1)[index], weights)
    return values.reshape(points.shape[:-1])


def _measure(maps: Float, sacs: Float, bank: _Bank) -> Lattice:
    """Measure one chunk of units."""
    units = len(maps)
    contrast = bank.contrast @ sacs.reshape(units, -1).T
    best = _smallest_good(contrast, bank)
    start = _hexagon(bank.spacing[best], bank.orientation[best])
    peaks, confirmed = _climb(sacs, start, bank)
    axes, closure = _close(peaks)
    spacing = np.hypot(axes[..., 0], axes[..., 1]).mean(axis=1)
    height = _sample(sacs, axes, bank.bin_size).mean(axis=1)
    plausible = confirmed.all(axis=1) & (_ellipse_ratio(axes) <= _MAX_ELLIPSE_RATIO) & (height >= _MIN_HEIGHT)
    plausible &= closure <= _MAX_CLOSURE_ERROR * spacing
    plausible &= contrast[best, np.arange(units)] >= _MIN_CONTRAST

    axes[plausible] = fit_axes(maps[plausible], axes[plausible], bank.bin_size)
    spacing, ratio = np.hypot(axes[..., 0], axes[..., 1]).mean(axis=1), _ellipse_ratio(axes)

    found = _no_lattice(units)
    found.n_peaks[:] = 2 * confirmed.sum(axis=1)
    found.spacing[plausible] = spacing[plausible]
    found.orientation[plausible] = _orientation(axes[plausible])
    found.phase[plausible] = crest_phase(maps[plausible], axes[plausible], bank.bin_size)
    found.ellipse_ratio[plausible] = ratio[plausible]
    found.axes[plausible] = axes[plausible]
    return found


def _smallest_good(contrast: Float, bank: _Bank) -> NDArray[np.intp]:
    """Return, for each unit, the smallest hexagon that stands out.

    To stand out is to be the best among similar spacings, with most of the best contrast of all. The smallest,
    because a lattice also fits the hexagon of sqrt(7) times its spacing.
    """
    contrast = np.where(bank.allowed[:, None], contrast, -1.0)
    by_spacing = contrast.reshape(-1, _ORIENTATIONS.size, contrast.shape[1])
    profile = by_spacing.max(axis=1)
    local = profile >= scipy.ndimage.maximum_filter1d(profile, 5, axis=0, mode="nearest")
    chosen = (local & (profile >= _STANDS_OUT * profile.max(axis=0))).argmax(axis=0)
    angle = by_spacing[chosen, :, np.arange(contrast.shape[1])].argmax(axis=1)
    best: NDArray[np.intp] = chosen * _ORIENTATIONS.size + angle
    return best


def _no_lattice(units: int) -> Lattice:
    """Return the result of units that have no lattice."""
    spacing, orientation, ratio = np.full((3, units), np.nan)
    phase, axes = np.full((units, 2), np.nan), np.full((units, 3, 2), np.nan)
    return Lattice(spacing, orientation, phase, ratio, np.zeros(units, np.int64), axes)


def _climb(sacs: Float, start: Float, bank: _Bank) -> tuple[Float, NDArray[np.bool_]]:
    """Move each peak ``(unit, 3, 2)`` to its top, and say which of them are peaks.

    A wide paraboloid climbs, since noise cannot trap it; a narrow one, which sees less of a peak's lopsided flanks,
    finishes unless noise has made it lose the summit.
    """
    scale = np.hypot(*np.moveaxis(start, -1, 0)).mean(axis=1)[:, None, None]
    peaks = start
    for _ in range(6):
        step, summit = _uphill(sacs, peaks, _CLIMB_RADIUS * scale, bank.bin_size)
        peaks = peaks + step
    settled = np.hypot(*np.moveaxis(step, -1, 0)) < 0.25 * _CLIMB_RADIUS * scale[..., 0]
    near = np.hypot(*np.moveaxis(peaks - start, -1, 0)) <= _MAX_SHIFT * scale[..., 0]
    inside = _sample(np.broadcast_to(bank.overlap, sacs.shape), peaks, bank.bin_size) >= _MIN_OVERLAP
    confirmed = summit & settled & near & inside & (_sample(sacs, peaks, bank.bin_size) > 0)

    finer = peaks
    steady = confirmed
    for _ in range(3):
        step, summit = _uphill(sacs, finer, _FINISH_RADIUS * scale, bank.bin_size)
        finer = finer + step
        steady = steady & summit
    steady &= np.hypot(*np.moveaxis(finer - peaks, -1, 0)) < _FINISH_RADIUS * scale[..., 0]
    return np.where(steady[..., None], finer, peaks), confirmed


_ANGLES: Float = np.arange(12) * np.pi / 6
_DISC: Float = np.concatenate([[[0, 0]], *(r * np.stack([np.cos(_ANGLES), np.sin(_ANGLES)], axis=1) for r in (0.5, 1))])
_POWERS: Float = np.array([[0, 0], [1, 0], [0, 1], [2, 0], [1, 1], [0, 2]])  # of x and y in a paraboloid's terms
_FIT: Float = np.linalg.pinv((_DISC[:, None] ** _POWERS).prod(axis=2))  # values on the disc -> the terms' coefficients


def _uphill(sacs: Float, peaks: Float, reach: Float, bin_size: Float) -> tuple[Float, NDArray[np.bool_]]:
    """Return the step to the top of the paraboloid fitted within ``reach``, and whether that paraboloid has a top.

    The disc of the fit is centred on the current guess, so where the steps end a symmetric peak is met without bias.
    """
    values = _sample(sacs, peaks[:, :, None] + reach[:, None] * _DISC, bin_size)
    _, gx, gy, gxx, gxy, gyy = np.moveaxis(values @ _FIT.T, -1, 0)
    determinant = 4 * gxx * gyy - gxy**2
    summit = (gxx < 0) & (determinant > _MIN_ROUNDNESS * 4 * (gxx + gyy) ** 2)
    newton = np.stack([gxy * gy - 2 * gyy * gx, gxy * gx - 2 * gxx * gy], axis=-1)
    newton /= np.where(summit, determinant, 1.0)[..., None]
    step = np.where(summit[..., None], newton, np.stack([gx, gy], axis=-1))
    length = np.hypot(*np.moveaxis(step, -1, 0))[..., None]
    return reach * step / np.maximum(length, 1.0), summit  # never further than the disc


def _close(peaks: Float) -> tuple[Float, Float]:
    """Return the axes nearest to the peaks whose middle one is the sum of the others, and how far it was from it."""
    first, middle, last = np.moveaxis(peaks, 1, 0)
    misfit = first + last - middle
    axes = np.stack([first - misfit / 3, middle + misfit / 3, last - misfit / 3], axis=1)
    return axes, np.hypot(misfit[:, 0], misfit[:, 1])


def _ellipse_ratio(axes: Float) -> Float:
    """Return long over short semi-axis of the ellipse through the axes; infinite if there is none."""
    x, y = axes[..., 0], axes[..., 1]
    design = np.stack([x**2, 2 * x * y, y**2], axis=-1)
    singular = np.abs(np.linalg.det(design)) < 1e-12 * np.hypot(x, y).mean(axis=1) ** 6
    design[singular] = np.eye(3)
    xx, xy, yy = np.moveaxis(np.linalg.solve(design, np.ones((len(axes), 3, 1)))[..., 0], -1, 0)
    values = np.linalg.eigvalsh(np.stack([np.stack([xx, xy], -1), np.stack([xy, yy], -1)], -1))
    ratio = np.full(len(axes), np.inf)
    good = ~singular & (values[:, 0] > 0)
    ratio[good] = np.sqrt(values[good, 1] / values[good, 0])
    return ratio


def _orientation(axes: Float) -> Float:
    """Return the circular mean of the three axes' directions, degrees in [0, 60)."""
    sixfold = np.exp(6j * np.arctan2(axes[..., 1], axes[..., 0])).mean(axis=1)
    degrees: Float = np.rad2deg(np.angle(sixfold)) / 6 % 60
    return np.where(degrees >= 60, 0.0, degrees)  # a tiny negative angle rounds up to 60
