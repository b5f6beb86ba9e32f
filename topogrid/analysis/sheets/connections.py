"""Recurrent weights as a map: how they go with the distance on the sheet, and how they amplify."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from topogrid.analysis.options import as_reals

Float = NDArray[np.float64]


class WeightsByDistance(NamedTuple):
    """Recurrent weights by the distance of the two units on the sheet.

    Attributes
    ----------
    distance : ndarray, ``(bin,)``
        Distance rounded to whole units, from 1; a unit's weight onto itself is left out.
    mean, mean_magnitude : ndarray, ``(bin,)``
        Of the weights, and of their magnitudes.
    n_pairs : ndarray of int, ``(bin,)``
    """

    distance: Float
    mean: Float
    mean_magnitude: Float
    n_pairs: NDArray[np.int64]

    @property
    def locality(self) -> float:
        """Mean magnitude between next neighbours over that between all units; 1 without topography."""
        overall = float(np.average(self.mean_magnitude, weights=self.n_pairs)) if self.n_pairs.size else 0.0
        return float(self.mean_magnitude[0]) / overall if overall > 0 else float("nan")


def weights_by_distance(weights: ArrayLike, row_col: ArrayLike) -> WeightsByDistance:
    """Average weights over pairs of units at the same distance.

    Parameters
    ----------
    weights : array_like, ``(unit, unit)`` or ``(module, unit, unit)``
        A row belongs to the receiving unit.
    row_col : array_like of int, ``(unit, 2)``
        Where the units of a module stand, the same in every module.

    Returns
    -------
    WeightsByDistance

    Raises
    ------
    TypeError
        If weights are not real numbers, or places are not whole.
    ValueError
        If they do not fit together, or a weight is not finite.
    """
    modules = _by_module(weights)
    places = np.asarray(row_col)
    if places.dtype.kind not in "iu":
        raise TypeError(f"places on the sheet are whole numbers, got {places.dtype}")
    if places.shape != (modules.shape[-1], 2):
        raise ValueError(
            f"weights between {modules.shape[-1]} units need as many places (row, col), got {places.shape}"
        )
    offset = places[:, None] - places[None]
    distance = np.rint(np.hypot(*np.moveaxis(offset, -1, 0))).astype(np.int64)
    counts = np.bincount(distance.ravel())
    sums, magnitudes = (
        np.bincount(distance.ravel(), weights=values.mean(axis=0).ravel()) for values in (modules, np.abs(modules))
    )
    there = np.flatnonzero(counts)
    there = there[there > 0]
    return WeightsByDistance(
        there.astype(np.float64), sums[there] / counts[there], magnitudes[there] / counts[there],
        counts[there] * len(modules),
    )  # fmt: skip


def weight_spectrum(weights: ArrayLike) -> NDArray[np.complex128]:
    """Return the eigenvalues of recurrent weights, the largest in magnitude first.

    Parameters
    ----------
    weights : array_like, ``(unit, unit)`` or ``(module, unit, unit)``

    Returns
    -------
    ndarray, ``(unit,)`` or ``(module, unit)``

    Raises
    ------
    TypeError
        If weights are not real numbers.
    ValueError
        If they are not square, or one is not finite.
    """
    modules = _by_module(weights)
    values = np.linalg.eigvals(modules).astype(np.complex128)
    ordered = np.take_along_axis(values, np.argsort(-np.abs(values), axis=-1, kind="stable"), axis=-1)
    return ordered[0] if np.ndim(weights) == 2 else ordered


def _by_module(weights: ArrayLike) -> Float:
    values = as_reals(weights, "weights")
    if values.ndim not in (2, 3) or values.shape[-1] != values.shape[-2] or not values.size:
        raise ValueError(f"weights are (unit, unit) or (module, unit, unit), got {values.shape}")
    if not np.isfinite(values).all():
        raise ValueError("weights must be finite")
    return values if values.ndim == 3 else values[None]
