"""Rate maps of many units, streamed: memory does not grow with the number of samples.

Shapes: positions ``(sample, 2)`` in metres with the origin at the centre of the box, activity ``(sample, unit)``, maps
``(unit, bin_y, bin_x)`` with row 0 at the smallest y.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from topogrid.analysis.inputs import as_activity, as_positions, as_whole, box_sides
from topogrid.analysis.options import as_count, as_reals

__all__ = ["RateMapAccumulator", "RateMaps"]

Float = NDArray[np.float64]

_SAMPLES_AT_ONCE = 16_384  # short enough that single precision sums within one product stay exact to about 1e-6
_LARGEST_SINGLE = 1e30  # beyond, a sum of single precision could overflow
_ROUNDING = {True: 1e-5, False: 1e-12}  # of means of single and of double precision, shares of the peak


@dataclass(frozen=True)
class RateMaps:
    """Mean activity of every unit in every bin of the box.

    Attributes
    ----------
    maps : ndarray, ``(unit, bin_y, bin_x)``
        Mean activity over the samples that fell into the bin; NaN where there was none. A unit whose bins differ by no
        more than rounding is constant, exactly.
    occupancy : ndarray, ``(bin_y, bin_x)``
        Number of samples, whether or not every unit was measured in them.
    edges_x, edges_y : ndarray, ``(bin_x + 1,)`` and ``(bin_y + 1,)``
        Edges of the bins, metres from the centre of the box.
    box_size : (float, float)
        Width and height of the box, metres.
    """

    maps: Float
    occupancy: NDArray[np.int64]
    edges_x: Float
    edges_y: Float
    box_size: tuple[float, float]


class RateMapAccumulator:
    """Collect rate maps from batches of samples.

    Parameters
    ----------
    n_units : int
        Number of units.
    box_size : float or (float, float)
        Side of the box, or its width and height, metres.
    n_bins : int or (int, int)
        Bins along the longer side (the other side gets as many as keep bins square), or bins along x and along y. Grid
        scores need square bins; lattices, border scores and information do not.

    Raises
    ------
    TypeError
        If a count is not a whole number.
    ValueError
        If a count or a side is not positive.

    Notes
    -----
    What is refused leaves no trace: a batch counts as a whole or not at all.

    Examples
    --------
    >>> accumulator = RateMapAccumulator(n_units=1, box_size=2.0, n_bins=2)
    >>> accumulator.add([[-0.5, -0.5], [-0.6, -0.4], [0.5, 0.5]], [[1.0], [3.0], [5.0]])
    >>> accumulator.rate_maps().maps[0]
    array([[ 2., nan],
           [nan,  5.]])
    """

    def __init__(self, n_units: int, box_size: float | tuple[float, float], n_bins: int | Sequence[int] = 20) -> None:
        self._sides = np.array(box_sides(box_size))
        units = as_count(n_units, "n_units")
        if isinstance(n_bins, Sequence | np.ndarray) and not isinstance(n_bins, str):
            if len(n_bins) != 2:
                raise ValueError(f"n_bins must be one number or (along x, along y), got {len(n_bins)} numbers")
            self._bins = np.array([as_count(n, "n_bins") for n in n_bins])
        else:
            longer = as_count(n_bins, "n_bins")
            self._bins = np.maximum(np.rint(longer * self._sides / self._sides.max()), 1).astype(int)
        n_cells = int(self._bins.prod())
        self._kept = _Kept(np.zeros((n_cells, units)), np.zeros(n_cells, dtype=np.int64), None, False)

    def add(self, positions: ArrayLike, activity: ArrayLike) -> None:
        """Add samples.

        Parameters
        ----------
        positions : array_like, ``(sample, 2)``
            Where each sample was taken, (x, y) in metres.
        activity : array_like, ``(sample, unit)``
            Activity of every unit at that moment, in any unit. Integers are summed as doubles. A sample that is NaN or
            masked in a unit is left out of that unit's mean alone.

        Raises
        ------
        TypeError
            If positions or activity are not real numbers.
        ValueError
            If the shapes do not match, activity or its sum is infinite, or a position is not finite or lies outside the
            box.
        """
        where = as_positions(positions)
        rates = as_activity(activity, len(where), self._kept.sums.shape[1])
        there = np.isfinite(rates)
        missing = None if there.all() else ~there
        rates = rates if missing is None else np.where(there, rates, rates.dtype.type(0))
        if rates.dtype == np.float32 and np.abs(rates).max(initial=0.0) > _LARGEST_SINGLE:
            rates = rates.astype(np.float64)
        cells = self.cells(where)
        kept = self._kept.copy(with_missing=missing is not None, single=rates.dtype == np.float32)
        for start in range(0, len(cells), _SAMPLES_AT_ONCE):
            chunk = slice(start, start + _SAMPLES_AT_ONCE)
            visited, row = np.unique(cells[chunk], return_inverse=True)
            one_hot = scipy.sparse.csc_array(
                (np.ones(row.size, rates.dtype), row, np.arange(row.size + 1)), shape=(visited.size, row.size)
            )
            kept.sums[visited] += one_hot @ rates[chunk]
            kept.counts[visited] += np.bincount(row, minlength=visited.size)
            if kept.missing is not None and missing is not None:
                kept.missing[visited] += np.rint(one_hot @ missing[chunk].astype(np.float64)).astype(np.int64)
        self._keep(kept)

    def add_sums(self, cells: ArrayLike, sums: ArrayLike) -> None:
        """Add samples whose activity was summed elsewhere, such as on a GPU.

        Parameters
        ----------
        cells : array_like of int, ``(sample,)``
            Bin of every sample, from `cells`.
        sums : array_like, ``(bin, unit)``
            Summed activity in every bin.

        Raises
        ------
        TypeError
            If ``cells`` are not whole numbers or ``sums`` not real ones.
        ValueError
            If a cell is not one of the bins, or the sums have another shape or are not finite.
        """
        total, old = as_reals(sums, "sums"), self._kept
        if total.shape != old.sums.shape:
            raise ValueError(f"sums must be (bin, unit) {old.sums.shape}, got {total.shape}")
        counts = np.bincount(as_whole(cells, "cells", self.n_cells), minlength=self.n_cells)
        single = old.single or getattr(sums, "dtype", None) == np.float32
        self._keep(_Kept(old.sums + total, old.counts + counts, old.missing, single))

    @property
    def n_cells(self) -> int:
        """Number of bins."""
        return len(self._kept.counts)

    def rate_maps(self) -> RateMaps:
        """Return the maps of everything added so far."""
        sums, counts, missing, single = self._kept
        samples = counts[:, None] if missing is None else counts[:, None] - missing
        mean = np.full_like(sums, np.nan)
        np.divide(sums, samples, out=mean, where=samples > 0)
        nx, ny = (int(n) for n in self._bins)
        width, height = (float(side) for side in self._sides)
        return RateMaps(
            maps=_without_rounding(np.ascontiguousarray(mean.T), _ROUNDING[single]).reshape(-1, ny, nx),
            occupancy=counts.reshape(ny, nx).copy(),
            edges_x=np.linspace(-width / 2, width / 2, nx + 1),
            edges_y=np.linspace(-height / 2, height / 2, ny + 1),
            box_size=(width, height),
        )

    def cells(self, positions: ArrayLike) -> NDArray[np.intp]:
        """Return the flat bin index ``(sample,)`` of every position; a wall belongs to the bin inside it.

        Raises
        ------
        TypeError
            If positions are not real numbers.
        ValueError
            If a position is not finite or lies outside the box.
        """
        where = as_positions(positions)
        share = where / self._sides + 0.5
        if not ((share >= -1e-6) & (share <= 1 + 1e-6)).all():
            raise ValueError(
                f"positions must lie in a box of {self._sides[0]:g} x {self._sides[1]:g} m centred on the origin, got "
                f"{where.min(axis=0)} to {where.max(axis=0)}: shift the origin or enlarge box_size"
            )
        column, row = np.clip(np.floor(share * self._bins).astype(np.intp), 0, self._bins - 1).T
        cells: NDArray[np.intp] = row * self._bins[0] + column
        return cells

    def _keep(self, kept: _Kept) -> None:
        """Take over new sums, all at once, so that nothing that interrupts leaves half a batch behind."""
        if not np.isfinite(kept.sums).all():
            raise ValueError("summed activity must be finite, got a sum beyond the range of numbers: rescale activity")
        self._kept = kept


class _Kept(NamedTuple):
    """What was added so far."""

    sums: Float  # (bin, unit)
    counts: NDArray[np.int64]  # (bin,): samples
    missing: NDArray[np.int64] | None  # (bin, unit): samples in which the unit was not measured; None if there are none
    single: bool  # some of it came in single precision

    def copy(self, *, with_missing: bool, single: bool) -> _Kept:
        missing = np.zeros(self.sums.shape, np.int64) if with_missing and self.missing is None else self.missing
        missing = None if missing is None else missing.copy()
        return _Kept(self.sums.copy(), self.counts.copy(), missing, self.single or single)


def _without_rounding(means: Float, rounding: float) -> Float:
    """Make a unit ``(unit, bin)`` constant that varies by no more than its means are rounded."""
    there = np.isfinite(means)
    low, high = np.where(there, means, np.inf).min(axis=1), np.where(there, means, -np.inf).max(axis=1)
    flat = (low < high) & (high - low <= rounding * np.maximum(np.abs(low), np.abs(high)))
    return np.where(there & flat[:, None], low[:, None], means) if flat.any() else means
