"""What the spacing of slow and fast units would be if the map of spacings lay anywhere on the sheet."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from topogrid.analysis.inputs import as_pair
from topogrid.analysis.options import as_count, as_generator

__all__ = ["ShiftBand", "shift_band"]

Float = NDArray[np.float64]

_FEWEST_PER_PART = 4  # units below which the median of a part says nothing


class ShiftBand(NamedTuple):
    """Median spacing of units sorted into parts by tau, and what shifted maps give.

    Attributes
    ----------
    edges : ndarray, ``(part + 1,)``
        Time constants between the parts, steps.
    median : ndarray, ``(part,)``
        Median spacing of the units of each part, metres.
    low, high : ndarray, ``(part,)``
        Between these lie 95 % of the medians that the shifted maps give, metres.
    """

    edges: Float
    median: Float
    low: Float
    high: Float


def shift_band(
    tau_sheet: ArrayLike,
    spacing_sheet: ArrayLike,
    *,
    rng: np.random.Generator,
    n_parts: int = 5,
    n_shifts: int = 400,
) -> ShiftBand | None:
    """Compare median spacings along tau with those of spacing maps laid elsewhere on the sheet.

    The spacing map, mirrored so that it has no seam, slides over the map of tau. That keeps both maps as smooth as they
    are and breaks only their link, which scattering units would not.

    Parameters
    ----------
    tau_sheet, spacing_sheet : array_like, ``(row, col)``
        Time constants in steps and spacings in metres; NaN where there is none. Units without both are left out.
    rng : numpy.random.Generator
        Draws the shifts.
    n_parts : int
        Parts of equally many units, from fastest to slowest.
    n_shifts : int
        Shifted maps.

    Returns
    -------
    ShiftBand or None
        None if tau is the same everywhere, or a part would have fewer than 4 units.

    Raises
    ------
    TypeError
        If the maps are not made of real numbers, a count is not a whole number or ``rng`` is no generator.
    ValueError
        If the maps are not two of one sheet, hold infinities, or there are fewer than 2 parts or no shifts.
    """
    tau, spacing = as_pair(tau_sheet, spacing_sheet)
    n_parts, n_shifts = as_count(n_parts, "n_parts", least=2), as_count(n_shifts, "n_shifts")
    rng = as_generator(rng)
    measured = np.isfinite(spacing) & np.isfinite(tau)
    if measured.sum() < _FEWEST_PER_PART * n_parts:
        return None
    edges = np.unique(np.quantile(tau[measured], np.linspace(0, 1, n_parts + 1)))
    if edges.size < 3:
        return None
    part = np.clip(np.searchsorted(edges, tau, side="right") - 1, 0, edges.size - 2)
    part[~np.isfinite(tau)] = -1  # in no part
    height, width = tau.shape
    torus = np.pad(spacing, ((0, height), (0, width)), mode="symmetric")
    rows, cols = (rng.integers(0, 2 * size, n_shifts) for size in tau.shape)
    shifted = (np.roll(torus, (-row, -col), axis=(0, 1))[:height, :width] for row, col in zip(rows, cols, strict=True))
    medians = np.array([_medians(part, laid, edges.size - 1) for laid in shifted])
    enough = np.isfinite(medians).sum(axis=0) >= n_shifts / 2
    low, high = np.nanquantile(np.where(enough, medians, 0.0), (0.025, 0.975), axis=0)
    gaps = np.where(enough, 0.0, np.nan)
    return ShiftBand(edges, _medians(part, spacing, edges.size - 1), low + gaps, high + gaps)


def _medians(part: NDArray[np.intp], spacing: Float, n_parts: int) -> Float:
    """Return the median spacing of every part; NaN where it has too few units."""
    measured = np.isfinite(spacing)
    groups = (spacing[measured & (part == index)] for index in range(n_parts))
    return np.array([np.median(group) if group.size >= _FEWEST_PER_PART else np.nan for group in groups])
