"""Values brought to a scale and a level at which arithmetic is exact enough: what follows does not depend on either.

Squares of 1e-200 vanish, those of 1e200 overflow, and small differences between great numbers drown in rounding. Values
of ordinary size are left as they are, to the bit; the others are multiplied by a power of two, which rounds nothing,
and shifted by their lowest value.
"""

import numpy as np
from numpy.typing import NDArray

__all__ = ["levelled", "near_one", "power_of_two"]

Float = NDArray[np.float64]

_ORDINARY = (1e-3, 1e3)  # peaks that are left as they are
_ROUNDING = 64 * np.finfo(np.float64).eps  # equal up to this share of their size, values do not vary


def near_one(values: Float) -> Float:
    """Scale every row so that its highest absolute value is of ordinary size.

    Parameters
    ----------
    values : ndarray, ``(row, ...)``
        Finite, or NaN.

    Returns
    -------
    ndarray, ``(row, ...)``
        The values themselves where all are of ordinary size.
    """
    power = _powers(values)
    if not power.any():
        return values
    scaled: Float = np.ldexp(values, power)
    return scaled


def power_of_two(values: Float) -> int:
    """Return the power of two by which `near_one` would scale all values together; 0 where it would not."""
    return int(_powers(values.reshape(1, -1)).item())


def levelled(values: Float, *, beyond: float) -> Float:
    """Scale as `near_one`, and shift every row that lies far from zero so that its lowest value is 0.

    Parameters
    ----------
    values : ndarray, ``(row, ...)``
        Finite, or NaN.
    beyond : float
        A row is shifted where it lies further from zero than so many times the range of its values.

    Returns
    -------
    ndarray, ``(row, ...)``
        A row that varies by no more than rounding is constant, exactly.
    """
    values = near_one(values)
    low, high = _over_rows(np.minimum, values, np.inf), _over_rows(np.maximum, values, -np.inf)
    span, away = high - low, np.minimum(np.abs(low), np.abs(high))
    far = (low * high > 0) & (away > beyond * span)  # no value at all: low * high is -inf
    if not far.any():
        return values
    varies = span > _ROUNDING * away
    shifted = np.where(far & varies, values - low, np.where(far & np.isfinite(values), low, values))
    return near_one(shifted)


def _powers(values: Float) -> NDArray[np.int_]:
    """Return the power of two that brings every row to ordinary size, 0 where it is."""
    peak = _over_rows(np.maximum, np.abs(values), 0.0)
    strange = (peak > 0) & ((peak < _ORDINARY[0]) | (peak > _ORDINARY[1]))
    return np.where(strange, -np.frexp(peak)[1], 0)


def _over_rows(which: np.ufunc, values: Float, start: float) -> Float:
    """Reduce all but the first axis, without NaN, and keep the axes."""
    there = np.where(np.isfinite(values), values, start)
    reduced: Float = which.reduce(there, axis=tuple(range(1, values.ndim)), keepdims=True, initial=start)
    return reduced
