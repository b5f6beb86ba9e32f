"""Fit a lattice to a rate map itself: its axes to a fraction of a bin, and where its fields lie.

The peaks of an autocorrelogram are read where few bins overlap: two fifths of them for a lattice of 0.64 of the box's
side. A fit to the map uses every bin, which halves the error of spacing on noisy maps. It needs a start within a
fraction of a field, and that is what the peaks are good for.

Shapes: axes ``(unit, 3, 2)``, three neighbouring lattice vectors as (x, y) in metres, the middle one the sum of the
others; ``cell``, positions in coordinates of the first two, ``(unit, bin, 2)``.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["crest_phase", "fit_axes"]

Float = NDArray[np.float64]

_SHELL: Float = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])  # the lattice's three plane waves, in cycles per cell
# The next shell, sqrt(3) times as fine. With it fields may have any size: without, a field narrower than that of three
# cosines pulls at the walls, by up to 1 % of spacing. A third shell changes nothing.
_TWO_SHELLS: Float = np.concatenate([_SHELL, [[2.0, 1.0], [1.0, 2.0], [1.0, -1.0]]])
_STEPS = 4  # Gauss-Newton from within a fraction of a bin: the fourth moves axes by less than 0.1 %
_MAX_CHANGE = 0.15  # share of the spacing that an axis may move; further, the fit has found another pattern


def fit_axes(maps: Float, axes: Float, bin_size: Float) -> Float:
    """Move axes to where a periodic pattern explains most of each map's variance.

    The pattern is any sum of the plane waves of the lattice's two finest shells; its amplitudes are solved for exactly
    at every step (variable projection), so that only the four numbers of the lattice are searched.

    Parameters
    ----------
    maps : ndarray, ``(unit, bin_y, bin_x)``
        Firing rates; NaN where unvisited.
    axes : ndarray, ``(unit, 3, 2)``
        A start close by.
    bin_size : ndarray, ``(2,)``
        Width and height of a bin, metres.

    Returns
    -------
    ndarray, ``(unit, 3, 2)``
        The fitted axes; those of the start where the fit explains no more or has moved an axis by more than 15 %.

    References
    ----------
    Golub & Pereyra, SIAM Journal on Numerical Analysis 1973 (variable projection).
    """
    best, least = axes, np.full(len(axes), np.inf)
    data, now = _bins(maps, bin_size), axes
    for step in range(_STEPS + 1):
        waves = _waves(data, now, _TWO_SHELLS)
        left = _unexplained(waves)
        better = left < least
        best, least = np.where(better[:, None, None], now, best), np.where(better, left, least)
        if step < _STEPS:
            now = _stepped(now, _gauss_newton(data, waves))
    moved = np.hypot(*np.moveaxis(best - axes, -1, 0)).max(axis=1)
    stayed = moved <= _MAX_CHANGE * np.hypot(*np.moveaxis(axes, -1, 0)).mean(axis=1)
    return np.where(stayed[:, None, None], best, axes)


def crest_phase(maps: Float, axes: Float, bin_size: Float) -> Float:
    """Fit the three plane waves of a lattice and return where they crest together, ``(unit, 2)`` in unit-cell shares.

    Parameters as for `fit_axes`.
    """
    waves = _waves(_bins(maps, bin_size), axes, _SHELL).amplitude
    steps = np.arange(24) / 24
    grid = np.stack(np.meshgrid(steps, steps, indexing="ij"), axis=-1).reshape(-1, 2)
    crest = (waves @ np.exp(2j * np.pi * _SHELL @ grid.T)).real
    phase = grid[crest.argmax(axis=1)]
    for _ in range(4):  # Newton, from within a fraction of a wave's crest
        turned = waves * np.exp(2j * np.pi * phase @ _SHELL.T)
        slope = turned.imag @ _SHELL
        bend = np.einsum("uw,wi,wj->uij", np.abs(turned), _SHELL, _SHELL)
        phase = phase - np.linalg.solve(bend, slope[..., None])[..., 0] / (2 * np.pi)
    wrapped: Float = phase % 1.0
    return np.where(wrapped >= 1.0, 0.0, wrapped)  # a tiny negative phase rounds up to 1


class _Bins(NamedTuple):
    """Rate maps as lists of bins."""

    x: Float  # (bin_x,): metres from the centre of the box
    y: Float  # (bin_y,)
    rate: Float  # (unit, bin): 0 where unvisited
    visited: Float | None  # (unit, 1, bin): 1 or 0; None if all are visited


class _Waves(NamedTuple):
    """Least-squares fit of plane waves to rate maps."""

    design: Float  # (unit, 1 + 2 wave, bin): a constant, cosines, sines; 0 where unvisited
    gram: Float  # its products with itself
    amplitude: NDArray[np.complex128]  # (unit, wave): Re(amplitude * exp(1j * angle)) is the fitted wave
    residual: Float  # (unit, bin)


def _bins(maps: Float, bin_size: Float) -> _Bins:
    units, height, width = maps.shape
    y, x = ((np.arange(n) - (n - 1) / 2) * size for n, size in ((height, bin_size[1]), (width, bin_size[0])))
    flat = maps.reshape(units, height * width)
    visited = np.isfinite(flat)
    if visited.all():
        return _Bins(x, y, flat, None)
    return _Bins(x, y, np.where(visited, flat, 0.0), visited.astype(np.float64)[:, None])


def _design(data: _Bins, axes: Float, shells: Float) -> Float:
    """Return a constant, cosines and sines of plane waves in every bin, ``(unit, 1 + 2 wave, bin)``.

    A wave is the product of one along x and one along y, so that few sines are taken.
    """
    waves = len(shells)
    vectors = 2 * np.pi * shells @ np.linalg.inv(axes[:, :2]).swapaxes(1, 2)  # (unit, wave, 2), radians per metre
    along_x, along_y = (np.exp(1j * vectors[..., side, None] * at) for side, at in enumerate((data.x, data.y)))
    wave = (along_y[..., None] * along_x[:, :, None, :]).reshape(len(axes), waves, data.y.size * data.x.size)
    design = np.empty((len(axes), 1 + 2 * waves, wave.shape[2]))
    design[:, 0], design[:, 1 : 1 + waves], design[:, 1 + waves :] = 1.0, wave.real, wave.imag
    if data.visited is not None:
        design *= data.visited
    return design


def _waves(data: _Bins, axes: Float, shells: Float) -> _Waves:
    """Fit the plane waves ``shells`` ``(wave, 2)`` (whole cycles per cell) of the lattice with these axes."""
    design = _design(data, axes, shells)
    gram = design @ design.transpose(0, 2, 1)
    # Waves that one box cannot tell apart share their amplitude instead of blowing up.
    gram += 1e-9 * np.trace(gram, axis1=1, axis2=2)[:, None, None] * np.eye(gram.shape[1])
    fit = np.linalg.solve(gram, design @ data.rate[..., None])[..., 0]
    cosine, sine = fit[:, 1 : 1 + len(shells)], fit[:, 1 + len(shells) :]
    residual: Float = data.rate - (fit[:, None] @ design)[:, 0]
    return _Waves(design, gram, cosine - 1j * sine, residual)


def _unexplained(waves: _Waves) -> Float:
    """Return the squares that waves leave over, ``(unit,)``."""
    squares: Float = np.einsum("ub,ub->u", waves.residual, waves.residual)
    return squares


def _gauss_newton(data: _Bins, waves: _Waves) -> Float:
    """Return the step of the wave vectors, ``(unit, 2, 2)``, from a fit of both shells."""
    # Per cycle of each coordinate of the cell, the waves rise by the same waves, a quarter of a cycle on.
    turned = np.concatenate([waves.amplitude.imag, waves.amplitude.real], axis=1)[:, None, :]
    slope = (turned * (-2 * np.pi * np.tile(_TWO_SHELLS, (2, 1)).T)) @ waves.design[:, 1:]
    slope = slope.reshape(len(slope), 2, data.y.size, data.x.size)
    along = [slope * data.x, slope * data.y[:, None]]
    jacobian = np.stack(along, axis=1).reshape(len(slope), 4, data.y.size * data.x.size)
    # What a change of the amplitudes could do as well is not the lattice's to explain.
    shared = np.linalg.solve(waves.gram, waves.design @ jacobian.transpose(0, 2, 1))
    jacobian -= shared.transpose(0, 2, 1) @ waves.design
    curvature = jacobian @ jacobian.transpose(0, 2, 1)
    curvature += (1e-6 * np.trace(curvature, axis1=1, axis2=2)[:, None, None] + 1e-12) * np.eye(4)
    step = np.linalg.solve(curvature, jacobian @ waves.residual[..., None])
    return np.asarray(step.reshape(-1, 2, 2), dtype=np.float64)


def _stepped(axes: Float, step: Float) -> Float:
    """Return the axes of wave vectors moved by a step, which is shortened to a tenth of their length where longer."""
    wave_vectors = np.linalg.inv(axes[:, :2])
    length, longest = (np.linalg.norm(matrix, axis=(1, 2)) for matrix in (step, 0.1 * wave_vectors))
    step = step * np.minimum(1.0, longest / np.maximum(length, 1e-12))[:, None, None]
    first, middle = np.moveaxis(np.linalg.inv(wave_vectors + step), 1, 0)
    return np.stack([first, middle, middle - first], axis=1)
