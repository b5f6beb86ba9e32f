"""Surrogate maps without hexagonal order: what grid scores chance would give.

Every surrogate keeps the unit's unvisited bins and its own set of rates (the bins' values are dealt out anew), hence
its sparseness, peak and mean; what differs is how much spatial structure it keeps.

Shapes: maps ``(unit, bin_y, bin_x)``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import lru_cache

import numpy as np
import scipy
from numpy.typing import NDArray

from topogrid.analysis.cores import with_each
from topogrid.analysis.inputs import MapsLike, as_maps
from topogrid.analysis.levels import levelled
from topogrid.analysis.options import as_generator

__all__ = ["NULLS", "field_shuffle", "low_pass_noise", "ring_noise", "ring_radius", "spectrum_noise"]

Float = NDArray[np.float64]

# Noise is made on a periodic canvas this many boxes wide and cut out, so that the box's own walls are not periodic.
_CANVAS = 4
_UNITS_AT_ONCE = 128
_CANVASES_AT_ONCE = 16  # those of one thread stay within the cache of its core
_RING_WIDTH = 0.25  # sd of the spectral ring, cycles per box: about what one box can resolve
_RING_REACH = 6.0  # sd beyond which nothing of a ring is left in single precision
_LOW_PASS_WIDTH = 0.075  # sd of the low-pass filter, shares of the box
_MAX_FIELDS = 40
_FEWEST_BINS = 3  # below, there is no period shorter than the box to find


def low_pass_noise(rate_maps: MapsLike, rng: np.random.Generator) -> Float:
    """Return smooth noise of one length scale for all units: white noise blurred over 7.5 % of the box.

    Parameters
    ----------
    rate_maps : array_like, ``(unit, bin_y, bin_x)``
        Maps to replace; NaN or masked where unvisited.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    ndarray, ``(unit, bin_y, bin_x)``
        Surrogates with each unit's own rates and unvisited bins.

    Raises
    ------
    TypeError
        If the maps are not real numbers, or ``rng`` is no generator.
    ValueError
        If the maps are malformed.
    """
    maps = as_maps(rate_maps)
    frequency = _frequencies(maps.shape[1:])
    response = np.exp(-((2 * np.pi * frequency * _LOW_PASS_WIDTH) ** 2) / 2)
    return _filtered_noise(maps, lambda block: response, as_generator(rng))


def ring_noise(rate_maps: MapsLike, rng: np.random.Generator) -> Float:
    """Return noise with the unit's own spatial period but no preferred direction.

    Its spectrum is a ring at the radius where the unit's radially averaged power spectrum peaks. The hardest null for
    a grid score: hexagonal order is the one thing it lacks. Parameters and result as for `low_pass_noise`.
    """
    maps = as_maps(rate_maps)
    return noise_on_rings(maps, ring_radius(maps), as_generator(rng))


def noise_on_rings(maps: Float, radius: Float, rng: np.random.Generator) -> Float:
    """Return `ring_noise` of checked maps whose radii ``(unit,)`` of `ring_radius` are known; maps may come again."""
    frequency = _frequencies(maps.shape[1:])
    upper = frequency[: len(frequency) // 2 + 1]  # the rows below them repeat them

    def response(block: slice) -> NDArray[np.float32]:
        columns = np.searchsorted(frequency[0], radius[block].max() + _RING_REACH * _RING_WIDTH, side="right")
        distance = upper[:, :columns] - radius[block, None, None]
        ring = np.exp(-(distance**2) / (2 * _RING_WIDTH**2)).astype(np.float32)
        return np.concatenate([ring, ring[:, -2:0:-1]], axis=1)

    return _filtered_noise(maps, response, rng)


def spectrum_noise(rate_maps: MapsLike, rng: np.random.Generator) -> Float:
    """Return noise with the unit's whole radially averaged power spectrum and random phases.

    The average over directions is essential: random phases alone would keep a lattice's six spectral peaks, and with
    them the hexagon. Parameters and result as for `low_pass_noise`.
    """
    maps = as_maps(rate_maps)

    def response(block: slice) -> Float:
        amplitude: Float = np.sqrt(_radial_power(maps[block]))[:, _radius_index(maps.shape[1:])]
        return amplitude

    return _filtered_noise(maps, response, as_generator(rng))


def field_shuffle(rate_maps: MapsLike, rng: np.random.Generator) -> Float:
    """Return maps with each unit's own firing fields moved to random places.

    A field is a local maximum and the bins nearer to it than to any other. New centres are drawn one after another,
    where possible no closer together than the unit's closest two fields were. Parameters and result as for
    `low_pass_noise`.
    """
    maps, rng = as_maps(rate_maps), as_generator(rng)
    out = np.empty(maps.shape)
    for start in range(0, len(maps), _UNITS_AT_ONCE):
        block = maps[start : start + _UNITS_AT_ONCE]
        out[start : start + _UNITS_AT_ONCE] = _deal_out(_moved_fields(levelled(block, beyond=1.0), rng), block)
    return out


NULLS: dict[str, Callable[[MapsLike, np.random.Generator], Float]] = {
    "ring": ring_noise,
    "fields": field_shuffle,
    "spectrum": spectrum_noise,
    "low_pass": low_pass_noise,
}
"""Every null by its name; a new one is a function and a line here."""


def ring_radius(rate_maps: MapsLike) -> Float:
    """Return where each map's radially averaged power spectrum peaks, in cycles per (shorter) box side, at least 1.

    Errors as for `low_pass_noise`.
    """
    maps = as_maps(rate_maps)
    if min(maps.shape[1:]) < _FEWEST_BINS:
        raise ValueError(
            f"a map's period needs at least {_FEWEST_BINS} bins a side, got {maps.shape[1]} x {maps.shape[2]}: "
            "use finer bins"
        )
    radius = np.empty(len(maps))
    for start in range(0, len(maps), _UNITS_AT_ONCE):
        power = _radial_power(maps[start : start + _UNITS_AT_ONCE])
        peak = _CANVAS + power[:, _CANVAS:-1].argmax(axis=1)
        rows = np.arange(len(power))
        below, at, above = (power[rows, peak + step] for step in (-1, 0, 1))
        bend = below - 2 * at + above
        shift = np.divide(below - above, 2 * bend, out=np.zeros(len(power)), where=bend < 0)
        radius[start : start + _UNITS_AT_ONCE] = (peak + np.clip(shift, -0.5, 0.5)) / _CANVAS
    return np.maximum(radius, 1.0)


@lru_cache(maxsize=8)
def _frequencies(shape: tuple[int, int]) -> Float:
    """Return |k| of a canvas's half-spectrum (``rfft2``), in cycles per shorter box side."""
    height, width = (_CANVAS * n for n in shape)
    frequency: Float = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None, :]) * min(shape)
    return frequency


@lru_cache(maxsize=8)
def _radial_mean(shape: tuple[int, int]) -> scipy.sparse.csr_array:
    """Return the matrix that averages a half-spectrum over directions, in steps of ``1 / _CANVAS`` cycles per box."""
    radius = _radius_index(shape).ravel()
    counts = np.bincount(radius)
    size = (counts.size, radius.size)
    return scipy.sparse.coo_array((1 / counts[radius], (radius, np.arange(radius.size))), shape=size).tocsr()


def _radius_index(shape: tuple[int, int]) -> NDArray[np.intp]:
    """Return the radial step each frequency of a half-spectrum falls in; the corners count with the last whole ring."""
    steps = np.rint(_frequencies(shape) * _CANVAS).astype(np.intp)
    return np.minimum(steps, _CANVAS * min(shape) // 2)


def _radial_power(maps: Float) -> Float:
    """Return the power spectrum averaged over directions, ``(unit, radius)``; the mean rate is taken off first."""
    height, width = maps.shape[1:]
    maps = levelled(maps, beyond=1.0)
    visited = np.isfinite(maps)
    rates = np.where(visited, maps, 0.0)
    mean = rates.sum(axis=(1, 2), keepdims=True) / np.maximum(visited.sum(axis=(1, 2), keepdims=True), 1)
    rates = np.where(visited, rates - mean, 0.0)
    spectrum = scipy.fft.rfft2(rates, (_CANVAS * height, _CANVAS * width))
    power = (np.abs(spectrum) ** 2).reshape(len(maps), -1)
    averaged: Float = (_radial_mean((height, width)) @ power.T).T
    return averaged


def _filtered_noise(maps: Float, response: Callable[[slice], NDArray[np.floating]], rng: np.random.Generator) -> Float:
    """Filter white noise, deal rates out by its ranks.

    ``response`` is told which of the maps are meant and answers ``(unit, frequency_y, frequency_x)``, where the last
    frequencies along x may be left out: nothing passes there.
    """
    units, height, width = maps.shape
    out = np.empty(maps.shape)
    canvas = (_CANVAS * height, _CANVAS * width)

    def drawn() -> Iterator[tuple[slice, NDArray[np.float32]]]:
        for start in range(0, units, _CANVASES_AT_ONCE):
            block = slice(start, min(start + _CANVASES_AT_ONCE, units))
            yield block, rng.standard_normal((block.stop - start, *canvas), dtype=np.float32)

    def fill(piece: tuple[slice, NDArray[np.float32]]) -> None:
        block, white = piece
        passing = response(block).astype(np.float32, copy=False)
        spectrum = scipy.fft.rfft(white, axis=2)[:, :, : passing.shape[-1]]
        spectrum = scipy.fft.fft(spectrum, axis=1)
        spectrum *= passing
        # As `irfft2`, to the bit, but without the rows that the box is cut out of.
        rows = scipy.fft.ifft(spectrum, axis=1, norm="forward", overwrite_x=True)[:, :height]
        noise = scipy.fft.irfft(rows, canvas[1], axis=2, norm="forward")[:, :, :width] * np.float32(
            1 / math.prod(canvas)
        )
        out[block] = _deal_out(noise, maps[block])

    with_each(fill, drawn())
    return out


def _deal_out(priority: NDArray[np.floating], maps: Float) -> Float:
    """Give each unit's highest rate to the visited bin of highest priority, and so on down."""
    units = len(maps)
    visited = np.isfinite(maps)
    ranked = priority if visited.all() else np.where(visited, priority, np.inf)
    rank = ranked.reshape(units, -1).argsort(axis=1)
    out = np.empty(rank.shape)
    # NaN sorts last, onto unvisited bins.
    out[np.arange(units)[:, None], rank] = np.sort(maps.reshape(units, -1), axis=1)
    return out.reshape(maps.shape)


def _moved_fields(maps: Float, rng: np.random.Generator) -> Float:
    """Return, for every bin, the rate that a field moved there brings along; below all rates where none reaches."""
    units, height, width = maps.shape
    visited = np.isfinite(maps).reshape(units, -1)
    rates = np.where(visited, maps.reshape(units, -1), -np.inf)
    centres, exists = _field_centres(maps)
    y, x = (axis.ravel() for axis in np.indices((height, width)))

    def distance(to: NDArray[np.intp]) -> Float:
        """Distance of every bin from each unit's ``(unit,)`` flat bin index, ``(unit, bin)``."""
        apart: Float = np.hypot(y - (to // width)[:, None], x - (to % width)[:, None])
        return apart

    nearest, owner = np.full(visited.shape, np.inf), np.zeros(visited.shape, dtype=np.intp)
    for field in range(centres.shape[1]):
        apart = np.where(exists[:, field, None], distance(centres[:, field]), np.inf)
        owner[apart < nearest] = field
        nearest = np.minimum(nearest, apart)

    moved = _new_centres(centres, exists, visited, width, rng)
    brought, reach = np.full(visited.shape, -np.inf), np.full(visited.shape, np.inf)
    for field in range(centres.shape[1]):
        old, new = centres[:, field, None], moved[:, field, None]
        from_y, from_x = y + old // width - new // width, x + old % width - new % width
        within = (from_y >= 0) & (from_y < height) & (from_x >= 0) & (from_x < width) & exists[:, field, None]
        source = np.where(within, from_y * width + from_x, 0)
        within &= np.take_along_axis(owner, source, axis=1) == field
        brought = np.maximum(brought, np.where(within, np.take_along_axis(rates, source, axis=1), -np.inf))
        reach = np.minimum(reach, np.where(exists[:, field, None], distance(moved[:, field]), np.inf))
    lowest = np.where(visited, rates, np.inf).min(axis=1, keepdims=True)
    lowest[~visited.any(axis=1)] = 0.0  # of a unit without a single bin nothing is used
    return np.where(np.isfinite(brought), brought, lowest - reach).reshape(maps.shape)


def _field_centres(maps: Float) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Return flat bin indices of the firing fields, ``(unit, field)`` from strongest to weakest, and which exist.

    Fields are local maxima of the slightly blurred map above a fifth of its range, at most `_MAX_FIELDS`.
    """
    units = len(maps)
    lowest = np.where(np.isfinite(maps), maps, np.inf).min(axis=(1, 2), keepdims=True)
    filled = np.where(np.isfinite(maps), maps, np.where(np.isfinite(lowest), lowest, 0.0))
    smooth = scipy.ndimage.gaussian_filter(filled, (0, 1, 1))
    low, high = smooth.min(axis=(1, 2), keepdims=True), smooth.max(axis=(1, 2), keepdims=True)
    peak = (smooth == scipy.ndimage.maximum_filter(smooth, (1, 3, 3))) & (smooth > low + 0.2 * (high - low))
    height = np.where(peak, smooth, -np.inf).reshape(units, -1)
    n_fields = min(int(peak.sum(axis=(1, 2)).max(initial=1)), _MAX_FIELDS)
    centres = np.argsort(-height, axis=1, kind="stable")[:, :n_fields]
    return centres, np.isfinite(np.take_along_axis(height, centres, axis=1))


def _new_centres(
    centres: NDArray[np.intp],
    exists: NDArray[np.bool_],
    visited: NDArray[np.bool_],
    width: int,
    rng: np.random.Generator,
) -> NDArray[np.intp]:
    """Draw new field centres in turn: the first of eight random bins that is far enough from those before it."""
    units, n_fields = centres.shape
    place = np.stack(np.divmod(centres, width), axis=-1).astype(np.float64)
    pairs = exists[:, :, None] & exists[:, None, :] & ~np.eye(n_fields, dtype=bool)
    apart = np.hypot(*np.moveaxis(place[:, :, None] - place[:, None, :], -1, 0))
    spacing = np.where(pairs, apart, np.inf).min(axis=(1, 2))
    spacing = np.where(np.isfinite(spacing), spacing, 0.0)[:, None]
    visited_first = np.argsort(~visited, axis=1, kind="stable")
    n_visited = visited.sum(axis=1)[:, None]

    moved = np.zeros_like(centres)
    clearance = np.full(visited.shape, np.inf)  # of every bin from the centres placed so far
    y, x = np.divmod(np.arange(visited.shape[1]), width)
    for field in range(n_fields):
        candidates = np.take_along_axis(visited_first, (rng.random((units, 8)) * n_visited).astype(np.intp), axis=1)
        room = np.take_along_axis(clearance, candidates, axis=1)
        choice = np.where((room >= spacing).any(axis=1), (room >= spacing).argmax(axis=1), room.argmax(axis=1))
        moved[:, field] = candidates[np.arange(units), choice]
        apart = np.hypot(y - (moved[:, field] // width)[:, None], x - (moved[:, field] % width)[:, None])
        clearance = np.where(exists[:, field, None], np.minimum(clearance, apart), clearance)
    return moved
