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
    for _ in range(_STEPS):
        left, step = _gauss_newton(data, now)
        better = left < least
        best, least = np.where(better[:, None, None], now, best), np.where(better, left, least)
        now = _stepped(now, step)
    left = _gauss_newton(data, now)[0]
    best = np.where((left < least)[:, None, None], now, best)
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

    position: Float  # (bin, 2): metres from the centre of the box
    rate: Float  # (unit, bin): 0 where unvisited
    visited: Float  # (unit, bin): 1 or 0


class _Waves(NamedTuple):
    """Least-squares fit of plane waves to rate maps."""

    design: Float  # (unit, bin, 1 + 2 wave): a constant, cosines, sines; 0 where unvisited
    gram: Float  # its products with itself
    amplitude: NDArray[np.complex128]  # (unit, wave): Re(amplitude * exp(1j * angle)) is the fitted wave
    residual: Float  # (unit, bin)


def _bins(maps: Float, bin_size: Float) -> _Bins:
    units, height, width = maps.shape
    y, x = np.meshgrid(*((np.arange(n) - (n - 1) / 2) for n in (height, width)), indexing="ij")
    position = np.stack([x.ravel(), y.ravel()], axis=1) * bin_size
    flat = maps.reshape(units, height * width)
    visited = np.isfinite(flat)
    return _Bins(position, np.where(visited, flat, 0.0), visited.astype(np.float64))


def _waves(data: _Bins, axes: Float, shells: Float) -> _Waves:
    """Fit the plane waves ``shells`` ``(wave, 2)`` (whole cycles per cell) of the lattice with these axes."""
    angle = 2 * np.pi * (data.position @ np.linalg.inv(axes[:, :2]) @ shells.T)
    design = np.concatenate([np.ones((*angle.shape[:2], 1)), np.cos(angle), np.sin(angle)], axis=2)
    design *= data.visited[..., None]
    gram = design.transpose(0, 2, 1) @ design
    # Waves that one box cannot tell apart share their amplitude instead of blowing up.
    gram += 1e-9 * np.trace(gram, axis1=1, axis2=2)[:, None, None] * np.eye(gram.shape[1])
    fit = np.linalg.solve(gram, design.transpose(0, 2, 1) @ data.rate[..., None])
    cosine, sine = fit[:, 1 : 1 + len(shells), 0], fit[:, 1 + len(shells) :, 0]
    return _Waves(design, gram, cosine - 1j * sine, data.rate - (design @ fit)[..., 0])


def _gauss_newton(data: _Bins, axes: Float) -> tuple[Float, Float]:
    """Return what the waves leave unexplained, ``(unit,)``, and the step of the wave vectors, ``(unit, 2, 2)``."""
    waves = _waves(data, axes, _TWO_SHELLS)
    count = len(_TWO_SHELLS)
    cosine, sine = waves.design[..., 1 : 1 + count], waves.design[..., 1 + count :]
    amplitude = waves.amplitude[:, None, :]
    slope = -2 * np.pi * (sine * amplitude.real + cosine * amplitude.imag) @ _TWO_SHELLS  # per cycle of each coordinate
    jacobian = (data.position[:, :, None] * slope[:, :, None, :]).reshape(*slope.shape[:2], 4)
    # What a change of the amplitudes could do as well is not the lattice's to explain.
    shared = np.linalg.solve(waves.gram, waves.design.transpose(0, 2, 1) @ jacobian)
    jacobian -= waves.design @ shared
    curvature = jacobian.transpose(0, 2, 1) @ jacobian
    curvature += (1e-6 * np.trace(curvature, axis1=1, axis2=2)[:, None, None] + 1e-12) * np.eye(4)
    step = np.linalg.solve(curvature, jacobian.transpose(0, 2, 1) @ waves.residual[..., None])
    left: Float = (waves.residual**2).sum(axis=1)
    return left, np.asarray(step.reshape(-1, 2, 2), dtype=np.float64)


def _stepped(axes: Float, step: Float) -> Float:
    """Return the axes of wave vectors moved by a step, which is shortened to a tenth of their length where longer."""
    wave_vectors = np.linalg.inv(axes[:, :2])
    length, longest = (np.linalg.norm(matrix, axis=(1, 2)) for matrix in (step, 0.1 * wave_vectors))
    step = step * np.minimum(1.0, longest / np.maximum(length, 1e-12))[:, None, None]
    first, middle = np.moveaxis(np.linalg.inv(wave_vectors + step), 1, 0)
    return np.stack([first, middle, middle - first], axis=1)
