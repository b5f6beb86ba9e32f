"""How alike the lattices of a small patch of the sheet are."""

from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike, NDArray

from topogrid.analysis.inputs import as_pair
from topogrid.analysis.options import as_count, as_generator

Float = NDArray[np.float64]

_PERIOD = 60.0  # degrees, of the orientation of a hexagonal lattice


class PatchTopography(NamedTuple):
    """Means over all square patches of a sheet, beside those of the same units in random order.

    Attributes
    ----------
    smallest_score : float
        Smallest grid score in a patch; NaN if no patch is without gaps.
    orientation_sd : float
        Circular standard deviation of lattice orientation in a patch, degrees; NaN without a patch of two or more.
    permuted_smallest_score, permuted_orientation_sd : float
        The same with units permuted over the sheet.
    n_patches : int
        Patches looked at.
    """

    smallest_score: float
    orientation_sd: float
    permuted_smallest_score: float
    permuted_orientation_sd: float
    n_patches: int


def patch_topography(
    score: ArrayLike, orientation: ArrayLike, *, rng: np.random.Generator, side: int = 5, n_permutations: int = 20
) -> PatchTopography:
    """Measure how alike the units of small patches are.

    Parameters
    ----------
    score : array_like, ``(row, col)``
        Grid scores; a patch with a NaN has no smallest score.
    orientation : array_like, ``(row, col)``
        Lattice orientation, degrees; NaN units are left out of their patches.
    rng : numpy.random.Generator
        Source of the permutations.
    side : int
        Units along a side of a patch.
    n_permutations : int
        Random orders behind the baseline, 1 or more.

    Returns
    -------
    PatchTopography

    Raises
    ------
    TypeError
        If the maps are not made of real numbers, or ``rng`` is no generator.
    ValueError
        If the maps are not two-dimensional, differ in shape, or are smaller than a patch.
    """
    scores, orientations = as_pair(score, orientation)
    side, rng = as_count(side, "side of a patch, units,", least=1), as_generator(rng)
    n_permutations = as_count(n_permutations, "n_permutations", least=1)
    if min(scores.shape) < side:
        raise ValueError(f"a patch of {side} units a side does not fit on a sheet of {scores.shape}")
    here = _of_patches(scores, orientations, side)
    permuted = []
    for _ in range(n_permutations):
        order = rng.permutation(scores.size)
        moved = [one.ravel()[order].reshape(one.shape) for one in (scores, orientations)]
        permuted.append(_of_patches(moved[0], moved[1], side))
    n_patches = (scores.shape[0] - side + 1) * (scores.shape[1] - side + 1)
    smallest, spread = (_mean(np.array(values)) for values in zip(*permuted, strict=True))
    return PatchTopography(here[0], here[1], smallest, spread, n_patches)


def _of_patches(scores: Float, orientations: Float, side: int) -> tuple[float, float]:
    smallest = sliding_window_view(scores, (side, side)).min(axis=(2, 3))
    turn = np.exp(2j * np.pi * sliding_window_view(orientations, (side, side)) / _PERIOD)
    there = np.isfinite(turn)
    count = there.sum(axis=(2, 3))
    resultant = np.abs(np.where(there, turn, 0).sum(axis=(2, 3))) / np.maximum(count, 1)
    # Units without any direction in common would be infinitely far apart.
    spread = _PERIOD / (2 * np.pi) * np.sqrt(-2 * np.log(np.clip(resultant, 1e-9, 1.0)))
    return _mean(smallest), _mean(np.where(count > 1, spread, np.nan))


def _mean(values: Float) -> float:
    there = values[np.isfinite(values)]
    return float(there.mean()) if there.size else float("nan")
