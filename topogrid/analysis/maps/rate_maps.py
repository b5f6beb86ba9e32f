"""Rate maps of many units, streamed: memory does not grow with the number of samples.

Shapes: positions ``(sample, 2)`` in metres with the origin at the centre of the box, activity ``(sample, unit)``, maps
``(unit, bin_y, bin_x)`` with row 0 at the smallest y.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from topogrid.analysis.maps.lattice import box_sides

__all__ = ["RateMapAccumulator", "RateMaps"]

Float = NDArray[np.float64]

_SAMPLES_AT_ONCE = 16_384  # short enough that single precision sums within one product stay exact to about 1e-6


@dataclass(frozen=True)
class RateMaps:
    """Mean activity of every unit in every bin of the box.

    Attributes
    ----------
    maps : ndarray, ``(unit, bin_y, bin_x)``
        Mean activity over the samples that fell into the bin; NaN where there was none.
    occupancy : ndarray, ``(bin_y, bin_x)``
        Number of samples.
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
        Bins along the longer side (the other side gets as many as keep bins square), or bins along x and along y.

    Raises
    ------
    ValueError
        If a count or a side is not positive.

    Examples
    --------
    >>> accumulator = RateMapAccumulator(n_units=1, box_size=2.0, n_bins=2)
    >>> accumulator.add([[-0.5, -0.5], [-0.6, -0.4], [0.5, 0.5]], [[1.0], [3.0], [5.0]])
    >>> accumulator.rate_maps().maps[0]
    array([[ 2., nan],
           [nan,  5.]])
    """

    def __init__(self, n_units: int, box_size: float | tuple[float, float], n_bins: int | tuple[int, int] = 20) -> None:
        self._sides = np.array(box_sides(box_size))
        if isinstance(n_bins, tuple):
            self._bins = np.array(n_bins)
        else:
            self._bins = np.maximum(np.rint(n_bins * self._sides / self._sides.max()), min(n_bins, 1)).astype(int)
        if n_units < 1 or (self._bins < 1).any():
            raise ValueError(f"a rate map needs at least one unit and one bin a side, got {n_units=}, {n_bins=}")
        n_cells = int(self._bins.prod())
        self._sums = np.zeros((n_cells, n_units))
        self._counts = np.zeros(n_cells, dtype=np.int64)

    def add(self, positions: ArrayLike, activity: ArrayLike) -> None:
        """Add samples.

        Parameters
        ----------
        positions : array_like, ``(sample, 2)``
            Where each sample was taken, (x, y) in metres.
        activity : array_like, ``(sample, unit)``
            Activity of every unit at that moment, in any unit.

        Raises
        ------
        ValueError
            If the shapes do not match, or a position is not finite or lies outside the box.
        """
        where, rates = np.asarray(positions, dtype=np.float64), np.asarray(activity)
        n_units = self._sums.shape[1]
        if where.ndim != 2 or where.shape[1] != 2 or rates.shape != (len(where), n_units):
            raise ValueError(
                f"samples must be positions (sample, 2) and activity (sample, {n_units}), "
                f"got {where.shape} and {rates.shape}: flatten time and batch together"
            )
        cells = self.cells(where)
        for start in range(0, len(cells), _SAMPLES_AT_ONCE):
            chunk = slice(start, start + _SAMPLES_AT_ONCE)
            visited, row = np.unique(cells[chunk], return_inverse=True)
            one_hot = sparse.csc_array(
                (np.ones(row.size, rates.dtype), row, np.arange(row.size + 1)), shape=(visited.size, row.size)
            )
            self._sums[visited] += one_hot @ rates[chunk]
            self._counts[visited] += np.bincount(row, minlength=visited.size)

    def add_sums(self, cells: NDArray[np.intp], sums: ArrayLike) -> None:
        """Add samples whose activity was summed elsewhere, such as on a GPU.

        Parameters
        ----------
        cells : array, ``(sample,)``
            Bin of every sample, from `cells`.
        sums : array_like, ``(bin, unit)``
            Summed activity in every bin.

        Raises
        ------
        ValueError
            If the sums have another shape.
        """
        total = np.asarray(sums)
        if total.shape != self._sums.shape:
            raise ValueError(f"sums must be (bin, unit) {self._sums.shape}, got {total.shape}")
        self._sums += total
        self._counts += np.bincount(cells, minlength=len(self._counts))

    @property
    def n_cells(self) -> int:
        """Number of bins."""
        return len(self._counts)

    def rate_maps(self) -> RateMaps:
        """Return the maps of everything added so far."""
        mean = np.full_like(self._sums, np.nan)
        np.divide(self._sums, self._counts[:, None], out=mean, where=self._counts[:, None] > 0)
        nx, ny = (int(n) for n in self._bins)
        width, height = (float(side) for side in self._sides)
        return RateMaps(
            maps=np.ascontiguousarray(mean.T).reshape(-1, ny, nx),
            occupancy=self._counts.reshape(ny, nx).copy(),
            edges_x=np.linspace(-width / 2, width / 2, nx + 1),
            edges_y=np.linspace(-height / 2, height / 2, ny + 1),
            box_size=(width, height),
        )

    def cells(self, positions: Float) -> NDArray[np.intp]:
        """Return the flat bin index ``(sample,)`` of every position; a wall belongs to the bin inside it.

        Raises
        ------
        ValueError
            If a position is not finite or lies outside the box.
        """
        share = positions / self._sides + 0.5
        if not ((share >= -1e-6) & (share <= 1 + 1e-6)).all():  # NaN fails both comparisons
            raise ValueError(
                f"positions must lie in a box of {self._sides[0]:g} x {self._sides[1]:g} m centred on the origin, got "
                f"{positions.min(axis=0)} to {positions.max(axis=0)}: shift the origin or enlarge box_size"
            )
        column, row = np.clip(np.floor(share * self._bins).astype(np.intp), 0, self._bins - 1).T
        cells: NDArray[np.intp] = row * self._bins[0] + column
        return cells
