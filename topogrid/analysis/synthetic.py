"""Synthetic truth to try measurements on: perfect hexagonal cells of known spacing, orientation and phase, and noise.

Whatever measures a lattice should find in `lattice_map` what was put in, and nothing in `smooth_noise`.
"""

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "bin_centres",
    "cut_noise",
    "field_map",
    "lattice_axes",
    "lattice_map",
    "lattice_spikes",
    "random_lattices",
    "random_track",
    "smooth_noise",
]

Float = NDArray[np.float64]


def bin_centres(n_bins: int | tuple[int, int], box_size: float | tuple[float, float]) -> tuple[Float, Float]:
    """Return x and y of every bin centre, each ``(bin_y, bin_x)``, metres from the centre of the box.

    ``n_bins`` is one number or ``(bins along x, bins along y)``; ``box_size`` one side or ``(width, height)``.
    """
    (nx, ny), (width, height) = np.broadcast_to(n_bins, 2), np.broadcast_to(box_size, 2)
    x = ((np.arange(nx) + 0.5) / nx - 0.5) * width
    y = ((np.arange(ny) + 0.5) / ny - 0.5) * height
    grid_x, grid_y = np.meshgrid(x, y)
    return grid_x, grid_y


def lattice_axes(spacing: float, orientation: float) -> Float:
    """Return the lattice's three axes ``(3, 2)`` in metres: ``orientation`` degrees, and 60 and 120 further."""
    angle = np.deg2rad(orientation + np.array([0.0, 60.0, 120.0]))
    return spacing * np.stack([np.cos(angle), np.sin(angle)], axis=1)


def lattice_map(
    spacing: float,
    orientation: float = 0.0,
    phase: tuple[float, float] = (0.0, 0.0),
    *,
    n_bins: int | tuple[int, int] = 20,
    box_size: float | tuple[float, float] = 2.2,
    threshold: float = 0.0,
) -> Float:
    """Return the rate map ``(bin_y, bin_x)`` of a perfect grid cell with peak 1.

    Three plane waves 60 degrees apart, cut off below ``threshold`` (-0.5 keeps all; towards 1 fields shrink to points).
    ``phase`` is the position of a field in coordinates of the first two axes, from the centre of the box.
    """
    x, y = bin_centres(n_bins, box_size)
    axes = lattice_axes(spacing, orientation)
    field = np.asarray(phase) @ axes[:2]
    cell = np.stack([x - field[0], y - field[1]], axis=-1) @ np.linalg.inv(axes[:2])
    u, v = cell[..., 0], cell[..., 1]
    waves = (np.cos(2 * np.pi * u) + np.cos(2 * np.pi * v) + np.cos(2 * np.pi * (u + v))) / 3
    rates: Float = np.maximum(waves - threshold, 0.0) / (1.0 - threshold)
    return rates


def field_map(centres: Float, width: float, *, n_bins: int = 20, box_size: float = 2.2) -> Float:
    """Return a map ``(bin_y, bin_x)`` of Gaussian fields (sd ``width`` metres) at ``centres`` ``(field, 2)``."""
    x, y = bin_centres(n_bins, box_size)
    squared = (x[..., None] - centres[:, 0]) ** 2 + (y[..., None] - centres[:, 1]) ** 2
    total: Float = np.exp(-squared / (2 * width**2)).sum(axis=-1)
    return total


def smooth_noise(n_maps: int, n_bins: int, width: float, rng: np.random.Generator) -> Float:
    """Return periodic Gaussian noise ``(map, bin, bin)`` of unit variance, blurred by a Gaussian of ``width`` bins."""
    k = 2 * np.pi * np.fft.fftfreq(n_bins)
    response = np.exp(-((k[:, None] ** 2 + k[None, :] ** 2) * width**2) / 2)
    noise = np.fft.ifft2(np.fft.fft2(rng.normal(size=(n_maps, n_bins, n_bins))) * response).real
    scaled: Float = noise / noise.std(axis=(1, 2), keepdims=True)
    return scaled


def cut_noise(n_maps: int, width: float, rng: np.random.Generator, side: int = 64) -> Float:
    """Return smooth noise cut from a larger sheet, so that opposite edges have nothing to do with each other."""
    return smooth_noise(n_maps, side + int(12 * width), width, rng)[:, :side, :side]


def random_lattices(n_units: int, rng: np.random.Generator, n_bins: int = 20) -> Float:
    """Return lattices of random spacing, orientation and phase, with a corner that was never visited."""
    maps = np.stack(
        [
            lattice_map(rng.uniform(0.5, 1.2), rng.uniform(0, 60), tuple(rng.random(2)), n_bins=n_bins)
            for _ in range(n_units)
        ]
    )
    maps[:, :3, :3] = np.nan
    return maps


def random_track(
    seconds: float, box_size: float, rng: np.random.Generator, *, step: float = 0.02, speed: float = 0.2
) -> tuple[Float, Float]:
    """Return times ``(sample,)`` in seconds and positions ``(sample, 2)`` of an animal that wanders all over a box.

    Its heading drifts by about a right angle a second; walls turn it back. ``speed`` is metres a second.
    """
    time = np.arange(0.0, seconds, step)
    heading = rng.uniform(0, 2 * np.pi) + np.cumsum(rng.normal(0, 1.5 * np.sqrt(step), time.size))
    free = np.cumsum(speed * step * np.stack([np.cos(heading), np.sin(heading)], axis=1), axis=0)
    folded = (free + box_size / 2) % (2 * box_size)  # a mirror at every wall
    return time, np.minimum(folded, 2 * box_size - folded) - box_size / 2


def lattice_spikes(
    time: Float,
    position: Float,
    spacing: float,
    rng: np.random.Generator,
    *,
    orientation: float = 0.0,
    peak: float = 20.0,
) -> Float:
    """Return Poisson spike times of a perfect grid cell along a track, seconds; ``peak`` is its highest rate, Hz."""
    uv = position @ np.linalg.inv(lattice_axes(spacing, orientation)[:2])
    waves = np.cos(2 * np.pi * np.stack([uv[:, 0], uv[:, 1], uv.sum(axis=1)])).sum(axis=0) / 3
    step = np.append(np.diff(time), np.median(np.diff(time)))
    n_spikes = rng.poisson(peak * np.maximum(waves, 0.0) * step)
    at = np.repeat(np.arange(time.size), n_spikes)
    spikes: Float = np.sort(time[at] + step[at] * rng.random(at.size))
    return spikes
