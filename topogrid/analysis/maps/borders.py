"""Border scores: how much a unit fires along a wall."""

import numpy as np
import scipy
from numpy.typing import NDArray

from topogrid.analysis.inputs import MapsLike, as_maps, box_sides
from topogrid.analysis.levels import near_one
from topogrid.analysis.options import as_number

__all__ = ["border_scores"]

Float = NDArray[np.float64]

_WITHIN_MAP = np.zeros((3, 3, 3), dtype=bool)  # bins touch by an edge, never from one unit's map to the next
_WITHIN_MAP[1] = [[False, True, False], [True, True, True], [False, True, False]]


CORNERS = 1.5  # sum of the distances from the middle in half sides: a corner lies beyond, an ellipse inside (1.41)
IN_CORNERS = 0.1  # share of the bins in corners from which a box has them


def border_scores(
    rate_maps: MapsLike,
    box_size: float | tuple[float, float],
    *,
    field_threshold: float = 0.3,
    min_field_area: float = 0.02,
) -> Float:
    """Return each unit's border score, ``(coverage - distance) / (coverage + distance)``.

    ``coverage`` is the largest share of one wall that one firing field touches, over all fields and walls; ``distance``
    is the rate-weighted mean distance of all bins in fields from their nearest wall, over half the shorter side.

    Parameters
    ----------
    rate_maps : array_like, ``(unit, bin_y, bin_x)``
        Firing rates in any unit; NaN or masked where a bin was not visited.
    box_size : float or (float, float)
        Side of the box, or its width and height, metres.
    field_threshold : float
        A field is a connected region above this share of the unit's peak rate.
    min_field_area : float
        Smaller fields are left out, square metres (200 square centimetres in Solstad et al.).

    Returns
    -------
    ndarray, ``(unit,)``
        Scores from -1 (fires only at the centre) to 1 (fires only along a whole wall); NaN without a field, when the
        map is constant, which is no field, or where the box is no rectangle. Walls are the sides of the smallest
        rectangle that holds all visited bins; where its corners were not visited, as in a round box, they are no walls.

    Raises
    ------
    TypeError
        If the maps or an option are not real numbers.
    ValueError
        If the maps are malformed, a side is not positive, the threshold is outside (0, 1) or the area negative.

    References
    ----------
    Solstad et al., Science 2008.
    """
    field_threshold = as_number(field_threshold, "field_threshold, a share of the peak rate,", above=0, below=1)
    min_field_area = as_number(min_field_area, "min_field_area, square metres,", least=0)
    maps = near_one(as_maps(rate_maps))
    sides = box_sides(box_size)
    bin_area = sides[0] * sides[1] / maps[0].size if len(maps) else 0.0
    maps, sides = _inside_walls(maps, sides)
    units, height, width = maps.shape
    if not _has_corners(maps):
        return np.full(units, np.nan)
    visited = np.isfinite(maps)
    rates = np.where(visited, maps, -np.inf)
    peaks = rates.max(axis=(1, 2), initial=-np.inf)
    flat = peaks <= np.where(visited, maps, np.inf).min(axis=(1, 2), initial=np.inf)
    fires = (peaks > 0) & ~flat
    in_field = (rates > field_threshold * np.where(fires, peaks, np.inf)[:, None, None]) & visited
    labels, n_fields = scipy.ndimage.label(in_field, structure=_WITHIN_MAP)
    areas = np.bincount(labels.ravel(), minlength=n_fields + 1) * bin_area
    large = areas >= min_field_area
    large[0] = False
    labels = np.where(large[labels], labels, 0)

    coverage = _wall_coverage(labels, visited, n_fields)
    weight = np.where(labels > 0, rates, 0.0)
    total = weight.sum(axis=(1, 2))
    distance = (weight * _wall_distance(height, width, sides)).sum(axis=(1, 2)) / np.where(total > 0, total, 1.0)
    scores = np.full(units, np.nan)
    np.divide(coverage - distance, coverage + distance, out=scores, where=total > 0)
    return scores


def _inside_walls(maps: Float, sides: tuple[float, float]) -> tuple[Float, tuple[float, float]]:
    """Return maps cut to the smallest rectangle that holds all visited bins, and its sides."""
    visited = np.asarray(np.isfinite(maps).any(axis=0))
    rows, columns = (np.flatnonzero(visited.any(axis=axis)) for axis in (1, 0))
    if not rows.size:
        return maps, sides
    if (rows[0], rows[-1], columns[0], columns[-1]) == (0, len(visited) - 1, 0, visited.shape[1] - 1):
        return maps, sides  # to the bit
    cut = maps[:, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return cut, (sides[0] * cut.shape[2] / maps.shape[2], sides[1] * cut.shape[1] / maps.shape[1])


def _has_corners(maps: Float) -> bool:
    """Whether the corners of the rectangle were visited, which a round box does not reach."""
    visited = np.asarray(np.isfinite(maps).any(axis=0))
    height, width = visited.shape
    x, y = (np.abs(2 * (np.arange(number) + 0.5) / number - 1) for number in (width, height))
    beyond = y[:, None] + x[None, :] > CORNERS
    return not beyond.any() or bool(visited[beyond].mean() >= IN_CORNERS)


def _wall_coverage(labels: NDArray[np.integer], visited: NDArray[np.bool_], n_fields: int) -> Float:
    """Return the largest share of a wall's visited bins that belong to one field, per unit."""
    best = np.zeros(len(labels))
    for wall in (np.s_[:, 0, :], np.s_[:, -1, :], np.s_[:, :, 0], np.s_[:, :, -1]):
        touching = np.bincount(labels[wall].ravel(), minlength=n_fields + 1)
        touching[0] = 0
        longest = touching[labels[wall]].max(axis=1)
        best = np.maximum(best, longest / np.maximum(visited[wall].sum(axis=1), 1))
    return best


def _wall_distance(height: int, width: int, sides: tuple[float, float]) -> Float:
    """Return each bin centre's distance from its nearest wall, as a share of half the shorter side."""
    x = (np.arange(width) + 0.5) / width * sides[0]
    y = (np.arange(height) + 0.5) / height * sides[1]
    nearest = np.minimum(np.minimum(x, sides[0] - x)[None, :], np.minimum(y, sides[1] - y)[:, None])
    share: Float = nearest / (min(sides) / 2)
    return share
