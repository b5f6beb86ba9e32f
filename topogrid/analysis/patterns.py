"""Patterns that units form when they learn a place code by themselves, with no network and no path integration."""

from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

from topogrid.analysis.inputs import box_sides
from topogrid.analysis.options import as_count, as_generator, as_number

__all__ = ["form_patterns"]

Float = NDArray[np.float64]


def form_patterns(
    sigma: float,
    surround_scale: float = 2.0,
    *,
    rng: np.random.Generator,
    box_size: Any = 2.2,
    n_maps: int = 32,
    n_bins: int = 44,
    n_steps: int = 300,
    non_negative: bool = True,
    periodic: bool = False,
) -> Float:
    """Return the rate maps that grow fastest under the covariance of a place code, each from noise.

    A unit that learns to explain a place code raises its map along the code's covariance over places, at a limited
    norm. Where all places are alike, that is a convolution whose spectrum is the squared spectrum of the place code,
    largest on a ring of waves (`predicted_spacing`). Rates that may be negative stay a mixture of all waves of that
    ring. Rates that may not be negative become the wave triplets 60 degrees apart whose sum is a hexagonal lattice.

    Parameters
    ----------
    sigma, surround_scale
        Place code, as for `predicted_spacing`, metres and a ratio of variances.
    rng : numpy.random.Generator
        Draws the noise.
    box_size : float or (float, float)
        Side of the box, or its width and height, metres; the same number of bins to a metre on both.
    n_maps : int
        Maps, each from noise of its own.
    n_bins : int
        Bins along the longer side.
    n_steps : int
        Steps of growth.
    non_negative : bool
        Whether rates below 0 become 0 after each step.
    periodic : bool
        Whether the box wraps around; otherwise nothing is beyond its walls.

    Returns
    -------
    ndarray, ``(map, bin_y, bin_x)``
        Norm 1 each.

    Raises
    ------
    TypeError, ValueError
        If a number is none, or out of range.

    References
    ----------
    Sorscher, Mel, Ganguli & Ocko, NeurIPS 2019; Dordek, Soudry, Meir & Derdikman, eLife 2016 (non-negative principal
    components of place cells).
    """
    sigma = as_number(sigma, "sigma, the width of a place field in metres,", above=0)
    surround_scale = as_number(
        surround_scale, "surround_scale, above 1 where a surround is wider than its centre,", above=1
    )
    n_maps, n_bins, n_steps = (
        as_count(n_maps, "n_maps"),
        as_count(n_bins, "n_bins", least=4),
        as_count(n_steps, "n_steps"),
    )
    width, height = box_sides(box_size)
    bin_m = max(width, height) / n_bins
    rows, columns = max(1, round(height / bin_m)), max(1, round(width / bin_m))
    # Beyond walls there are as many empty bins, so that no map meets its other side.
    room = (rows, columns) if periodic else (2 * rows, 2 * columns)
    gain = _spectrum(room, bin_m, sigma, surround_scale)
    maps: Float = as_generator(rng).random((n_maps, rows, columns)) - (0.0 if non_negative else 0.5)
    for _ in range(n_steps):
        grown = scipy.fft.irfft2(scipy.fft.rfft2(maps, s=room) * gain, s=room)[:, :rows, :columns]
        maps = np.maximum(grown, 0.0) if non_negative else grown
        maps = maps / np.linalg.norm(maps, axis=(1, 2), keepdims=True)
    return maps


def _spectrum(room: tuple[int, int], bin_m: float, sigma: float, surround_scale: float) -> Float:
    """Return the squared spectrum of the place code at the waves of a real Fourier transform, largest 1."""
    wave_y = 2 * np.pi * scipy.fft.fftfreq(room[0], bin_m)
    wave_x = 2 * np.pi * scipy.fft.rfftfreq(room[1], bin_m)
    squared = sigma**2 * (wave_y[:, None] ** 2 + wave_x**2)
    power: Float = (np.exp(-squared / 2) - np.exp(-surround_scale * squared / 2)) ** 2
    power /= power.max()
    return power
