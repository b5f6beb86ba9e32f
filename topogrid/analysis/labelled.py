"""Maps that carry their own labels: an xarray DataArray, which pynapple's tuning curves are too.

They are known by what they can do, never by an import: neither package is needed here.
"""

import re
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["LabelledMaps", "from_labels", "is_labelled"]

Float = NDArray[np.float64]


class LabelledMaps(NamedTuple):
    """Maps put in order.

    Attributes
    ----------
    maps : ndarray, ``(unit, bin_y, bin_x)``
        Row 0 at the smallest y.
    box_size : (float, float) or None
        Width and height that the bins cover, in the unit of the coordinates; None without coordinates of both.
    unit : ndarray, ``(unit,)``
        Labels of the units; 0, 1, ... where they have none.
    """

    maps: NDArray[Any]
    box_size: tuple[float, float] | None
    unit: NDArray[Any]


def is_labelled(values: Any) -> bool:
    """Tell whether an array names its axes."""
    return hasattr(values, "dims") and hasattr(values, "coords") and hasattr(values, "transpose")


def from_labels(values: Any) -> LabelledMaps:
    """Put labelled maps in the order ``(unit, bin_y, bin_x)``, y upwards.

    The axes of position are those whose names hold the word x or y, such as ``x``, ``bin_x`` or ``position_y``; axes
    called ``0`` and ``1``, which pynapple gives to features without a name, are x and y. The one that is left is the
    unit's.

    Parameters
    ----------
    values : xarray.DataArray
        Coordinates of x and y, where there are any, are the bins' centres in metres.

    Raises
    ------
    ValueError
        If x or y is missing or there twice, more than one other axis is left, or bins are unevenly spaced.
    """
    names = [str(name) for name in values.dims]
    x, y = _axis(names, "x", "0"), _axis(names, "y", "1")
    others = [name for name in names if name not in (x, y)]
    if x is None or y is None or x == y or len(others) > 1:
        raise ValueError(
            f"labelled maps must have axes of unit, y and x, got {', '.join(names) or 'none'}: rename them"
        )
    order = [values.dims[names.index(name)] for name in (*others, y, x)]
    ordered = values.transpose(*order)
    maps = np.asarray(ordered.values)
    if not others:
        maps = maps[None]
    centres = [_centres(ordered, name) for name in order[-2:]]
    for axis, along in zip((1, 2), centres, strict=True):
        if along is not None and along[0] > along[-1]:
            maps = np.flip(maps, axis)
    labels = ordered.coords[order[0]].values if others and order[0] in ordered.coords else np.arange(len(maps))
    known = [None if along is None else _extent(along) for along in centres]
    height, width = known
    return LabelledMaps(maps, None if height is None or width is None else (width, height), np.asarray(labels))


def _axis(names: list[str], word: str, number: str) -> str | None:
    """Return the one axis whose name holds a word; None where there is none, or more than one."""
    found = [name for name in names if word in re.split(r"[^a-z]+", name.lower())]
    found = found or [name for name in names if name == number]
    return found[0] if len(found) == 1 else None


def _centres(values: Any, name: Any) -> Float | None:
    """Return the centres of the bins along an axis, where they are given and there are two or more."""
    if name not in values.coords:
        return None
    centres = np.asarray(values.coords[name].values)
    return centres.astype(np.float64) if centres.dtype.kind in "iuf" and centres.size > 1 else None


def _extent(centres: Float) -> float:
    """Return what evenly spaced bins cover."""
    steps = np.diff(centres)
    if not (np.isfinite(steps).all() and steps.all() and np.ptp(steps) <= 0.01 * abs(steps.mean())):
        raise ValueError("bins of labelled maps must be evenly spaced along x and along y: resample them first")
    return float(abs(steps.mean()) * centres.size)
