"""Whether a quantity climbs along a gradient in steps or smoothly."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from topogrid.analysis.options import as_count, as_reals

Float = NDArray[np.float64]

LEAST_CLIMB = 1.1
"""Ratio of the two ends below which all places share one value."""
STEEP = 1 / 3
"""Share of the places that the steepest ones are."""
CONCENTRATED = 0.7
"""Share of the climb in the steepest third of the places from which on it is called stepped; a line has a third."""

ONE_VALUE, STEPPED, SMOOTH, UNKNOWN = "one value", "stepped", "smooth", "unknown"


class Climb(NamedTuple):
    """How a quantity climbs."""

    ratio: float
    """Of its largest to its smallest value, smoothed, 1 or more; NaN where it has too few values."""
    concentration: float
    """Share of the climb that the steepest third of the places take: a third for a line, 1 for steps."""

    @property
    def kind(self) -> str:
        """`ONE_VALUE`, `STEPPED`, `SMOOTH`, or `UNKNOWN` where there are too few values."""
        if math.isnan(self.ratio):
            return UNKNOWN
        if self.ratio < LEAST_CLIMB:
            return ONE_VALUE
        return STEPPED if self.concentration >= CONCENTRATED else SMOOTH


def climb_of(values: ArrayLike, window: int) -> Climb:
    """Say how a quantity climbs along a gradient.

    Its logarithm is smoothed by a straight line through the values around each place, which hides how single bumps
    are placed. Steps then are places with a steep line between places with a flat one.

    Parameters
    ----------
    values : array_like, ``(place,)``
        Positive, evenly along the logarithm of the gradient; NaN where there is none.
    window : int
        Places that a line goes through.

    Raises
    ------
    TypeError, ValueError
        If a value or the window is no such number.

    Examples
    --------
    >>> import numpy as np
    >>> climb_of(np.geomspace(1, 2, 60), 9).kind, climb_of(np.repeat([1.0, 2.0], 30), 9).kind
    ('smooth', 'stepped')
    """
    window = as_count(window, "window, places,", least=3)
    given = as_reals(values, "values").ravel()
    there = np.flatnonzero(np.isfinite(given))
    if (given[there] <= 0).any():
        raise ValueError(f"values must be above 0, got {given[there].min():g}")
    if there.size < window or 2 * there.size < given.size:
        return Climb(math.nan, math.nan)
    level, slope = _lines(there.astype(np.float64), np.log(given[there]), given.size, window)
    ratio = float(np.exp(level.max() - level.min()))
    # Of two directions the one in which it climbs; what goes against it is noise.
    upward = np.sort(np.maximum(slope * np.sign(slope.sum()), 0.0))[::-1]
    steepest = upward[: max(1, round(STEEP * upward.size))]
    return Climb(ratio, float(steepest.sum() / upward.sum()) if upward.sum() > 0 else math.nan)


def _lines(where: Float, logs: Float, places: int, window: int) -> tuple[Float, Float]:
    """Return level and slope at every place of the line through the values nearest to it."""
    level, slope = np.zeros(places), np.zeros(places)
    for place in range(places):
        near = np.sort(np.argsort(np.abs(where - place), kind="stable")[:window])
        x, y = where[near] - place, logs[near]
        apart = x - x.mean()
        slope[place] = (apart * y).sum() / (apart**2).sum()
        level[place] = y.mean() - slope[place] * x.mean()
    return level, slope
