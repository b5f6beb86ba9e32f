"""Band scores: how much a unit fires in stripes along one direction."""

import numpy as np
import scipy
from numpy.typing import NDArray

from topogrid.analysis.inputs import MapsLike, as_maps
from topogrid.analysis.levels import near_one

__all__ = ["band_scores"]

Float = NDArray[np.float64]

_APART = np.pi / 6  # rad, half of what separates the waves of a hexagonal lattice
_PADDED = 4  # times the map: finer steps between wave vectors
_AT_ONCE = 256  # units, bounds memory


def band_scores(rate_maps: MapsLike) -> Float:
    """Return each unit's band score, ``(first - second) / (first + second)``.

    ``first`` is the power of the strongest plane wave in a map, ``second`` that of the strongest wave whose direction
    is 30 degrees or more away. Stripes have 1; a lattice, hexagonal or square, has several waves alike and about 0,
    unless it is so wide that the box holds little more than a field of it: at 0.8 of the side up to about 0.6.

    Parameters
    ----------
    rate_maps : array_like, ``(unit, bin_y, bin_x)``
        Firing rates in any unit; NaN or masked where a bin was not visited, which counts as the mean. Bins are square.

    Returns
    -------
    ndarray, ``(unit,)``
        Scores from 0 to 1; NaN where a map is constant.

    Raises
    ------
    TypeError
        If the maps are not real numbers.
    ValueError
        If the maps are malformed.

    Notes
    -----
    Maps are weighted by a Hann window, so that walls make no waves; those of less than one cycle a side are left out.

    References
    ----------
    Krupic, Burgess & O'Keefe, Science 2012 (cells that fire in bands, told by the waves of their maps).
    """
    maps = near_one(as_maps(rate_maps))
    units, height, width = maps.shape
    window = np.hanning(height + 2)[1:-1, None] * np.hanning(width + 2)[None, 1:-1]
    waves = _Waves(height, width)
    scores = np.full(units, np.nan)
    for start in range(0, units, _AT_ONCE):
        part = maps[start : start + _AT_ONCE]
        weight = np.where(np.isfinite(part), window, 0.0)
        rates = np.where(np.isfinite(part), part, 0.0)
        mean = (rates * weight).sum(axis=(1, 2)) / np.maximum(weight.sum(axis=(1, 2)), 1e-300)
        rates -= mean[:, None, None]
        strongest, first = waves.strongest(rates * weight)
        # What it leaks into other directions goes with it.
        rest = rates - waves.fitted(rates, weight, strongest)
        _, second = waves.strongest(rest * weight, away_from=strongest)
        total = first + second
        np.divide(first - second, total, out=scores[start : start + _AT_ONCE], where=total > 0)
    visited = np.isfinite(maps)
    highest = np.where(visited, maps, -np.inf).max(axis=(1, 2), initial=-np.inf)
    varied = highest > np.where(visited, maps, np.inf).min(axis=(1, 2), initial=np.inf)
    # What is left may hold more than the strongest wave, by what the window lets through.
    return np.where(varied, np.clip(scores, 0.0, 1.0), np.nan)


class _Waves:
    """The plane waves that a map is looked at with.

    Parameters
    ----------
    height, width : int
        Bins of a map.
    """

    def __init__(self, height: int, width: int) -> None:
        self._shape = (_PADDED * height, _PADDED * width)
        down, right = np.meshgrid(scipy.fft.fftfreq(self._shape[0]), scipy.fft.rfftfreq(self._shape[1]), indexing="ij")
        self._inside = np.hypot(down, right) >= 1 / min(height, width)
        self._down, self._right = down[self._inside], right[self._inside]
        self._angle = np.arctan2(self._down, self._right)
        self._row, self._col = np.arange(height)[:, None], np.arange(width)[None]

    def strongest(self, values: Float, away_from: NDArray[np.intp] | None = None) -> tuple[NDArray[np.intp], Float]:
        """Return the number and the power of the strongest wave of each map, 30 degrees or more from another one."""
        power: Float = np.abs(scipy.fft.rfft2(values, s=self._shape)[:, self._inside]) ** 2
        if away_from is not None:
            turned = (self._angle - self._angle[away_from][:, None] + np.pi / 2) % np.pi - np.pi / 2
            power[np.abs(turned) < _APART] = 0.0
        found = power.argmax(axis=1)
        return found, np.take_along_axis(power, found[:, None], axis=1)[:, 0]

    def fitted(self, rates: Float, weight: Float, wave: NDArray[np.intp]) -> Float:
        """Return the wave of each map's number, fitted to it by weighted least squares."""
        turns = self._down[wave][:, None, None] * self._row + self._right[wave][:, None, None] * self._col
        basis = np.stack([np.cos(2 * np.pi * turns), np.sin(2 * np.pi * turns)])
        products = np.einsum("auij,buij,uij->uab", basis, basis, weight)
        wanted = np.einsum("auij,uij,uij->ua", basis, rates, weight)
        # A wave at the end of the spectrum may have no sine.
        solved = np.einsum("uab,ub->ua", np.linalg.pinv(products, hermitian=True), wanted)
        fitted: Float = np.einsum("ua,auij->uij", solved, basis)
        return fitted
