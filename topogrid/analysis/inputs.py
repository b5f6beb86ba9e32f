"""The door of every measurement: what people pass in becomes plain arrays of doubles, or is refused in one line.

A masked value is a missing one, so it becomes NaN. Integers, booleans and half or single precision become doubles, and
tensors leave their graph and device. What cannot be a real measurement is refused: complex numbers, dates, text,
records. A `TypeError` says that a thing is of the wrong kind, a `ValueError` that its shape or values are wrong; both
say what was wanted and what came. Nothing that enters is ever written to.

Shapes: maps ``(unit, bin_y, bin_x)`` with row 0 at the smallest y, positions ``(sample, 2)``, activity
``(sample, unit)``, sheets ``(row, col)``.
"""

from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from topogrid.analysis.labelled import from_labels, is_labelled
from topogrid.analysis.options import Float, as_reals, short, unmasked

__all__ = [
    "MapsLike",
    "as_activity",
    "as_flags",
    "as_maps",
    "as_occupancy",
    "as_pair",
    "as_points",
    "as_positions",
    "as_reals",
    "as_sheet",
    "as_values",
    "as_whole",
    "box_of",
    "box_sides",
]


class _KnowsItsBox(Protocol):
    """Maps that say which box they are of, as `RateMaps` do."""

    @property
    def maps(self) -> Float: ...

    @property
    def box_size(self) -> tuple[float, float]: ...


MapsLike: TypeAlias = ArrayLike | _KnowsItsBox
"""Rate maps as people have them: an array, an xarray.DataArray (pynapple's tuning curves are one), or `RateMaps`."""


_MOST_OBLONG = 1.15  # bins that count as square: rounding 3.5 bins to 4 makes them 1 : 1.14


def as_maps(rate_maps: Any, box_size: Any = None, *, square: bool = False) -> Float:
    """Return rate maps ``(unit, bin_y, bin_x)`` as doubles, NaN where a bin was masked or not visited.

    Parameters
    ----------
    rate_maps : array_like, `RateMaps`, xarray.DataArray or pynapple tuning curves
        An array needs three axes. Labelled maps may have theirs in any order, see `topogrid.analysis.labelled`.
    box_size : float or (float, float), optional
        Side of the box, or its width and height, metres. Taken from the maps where these know it.
    square : bool
        Refuse maps whose bins are known not to be square (more than 15 % longer than wide).

    Raises
    ------
    TypeError
        If they are not real numbers.
    ValueError
        If they have other axes, no bins, infinities, or bins that are not square where that is asked for.
    """
    maps = from_labels(rate_maps).maps if is_labelled(rate_maps) else getattr(rate_maps, "maps", rate_maps)
    maps = as_reals(maps, "rate maps")
    if maps.ndim != 3 or 0 in maps.shape[1:]:
        raise ValueError(f"rate maps must be (unit, bin_y, bin_x), got shape {maps.shape}: add the missing axis")
    if np.isinf(maps).any():
        raise ValueError("rate maps must be finite, or NaN where unvisited, got infinities: check the normalisation")
    sides = box_of(rate_maps, box_size)
    if square and sides is not None:
        bin_x, bin_y = sides[0] / maps.shape[2], sides[1] / maps.shape[1]
        if max(bin_x, bin_y) > _MOST_OBLONG * min(bin_x, bin_y):
            raise ValueError(
                f"grid scores need square bins, got bins of {bin_x:.3g} x {bin_y:.3g} m: give the longer side more bins"
            )
    return maps


def box_of(rate_maps: Any, box_size: Any = None) -> tuple[float, float] | None:
    """Return width and height of the box in metres, as given or as the maps know it; None where nobody says."""
    if box_size is not None:
        return box_sides(box_size)
    known = from_labels(rate_maps).box_size if is_labelled(rate_maps) else getattr(rate_maps, "box_size", None)
    return None if known is None else box_sides(known)


def box_sides(box_size: Any) -> tuple[float, float]:
    """Return ``(width, height)`` in metres of a box given by one side or by both.

    Raises
    ------
    ValueError
        If a side is not a positive, finite number.
    """
    sides = as_reals(box_size, "box_size")
    if sides.shape not in {(), (2,)} or not (np.isfinite(sides).all() and (sides > 0).all()):
        raise ValueError(f"box_size must be one positive side or (width, height) in metres, got {short(box_size)}")
    width, height = np.broadcast_to(sides, (2,))
    return float(width), float(height)


def as_positions(positions: Any) -> Float:
    """Return positions ``(sample, 2)`` in metres as doubles.

    Raises
    ------
    TypeError
        If they are not real numbers.
    ValueError
        If they have another shape, or one is missing, masked or infinite.
    """
    where = as_reals(positions, "positions")
    if where.ndim != 2 or where.shape[1] != 2:
        raise ValueError(f"positions must be (sample, 2), x and y in metres, got shape {where.shape}")
    lost = int((~np.isfinite(where)).any(axis=1).sum())
    if lost:
        raise ValueError(
            f"positions must be finite, got {lost} of {len(where)} that are NaN or infinite: drop or interpolate them"
        )
    return where


def as_activity(activity: Any, n_samples: int, n_units: int) -> NDArray[np.floating]:
    """Return activity ``(sample, unit)``, NaN where it is missing; single precision stays as it is, the rest is double.

    Raises
    ------
    TypeError
        If it is not made of real numbers.
    ValueError
        If it has another shape or infinities.
    """
    doubles = as_reals(activity, "activity")
    if doubles.shape != (n_samples, n_units):
        raise ValueError(
            f"samples must be positions (sample, 2) and activity (sample, {n_units}), got {(n_samples, 2)} and "
            f"{doubles.shape}: flatten time and batch together"
        )
    if np.isinf(doubles).any():
        raise ValueError("activity must be finite, or NaN where it was not measured, got infinities")
    single = getattr(activity, "dtype", None) == np.float32 and not np.ma.isMaskedArray(activity)
    return doubles.astype(np.float32) if single else doubles


def as_occupancy(occupancy: Any, shape: tuple[int, ...]) -> Float:
    """Return the time in each bin ``(bin_y, bin_x)`` as doubles; a masked bin was not visited, so its time is 0.

    Raises
    ------
    TypeError
        If it is not made of real numbers.
    ValueError
        If it has another shape, or a time is negative, missing or infinite.
    """
    time = as_reals(occupancy, "occupancy")
    if np.ma.isMaskedArray(occupancy):
        time = np.where(np.ma.getmaskarray(occupancy), 0.0, time)
    if time.shape != shape or not (np.isfinite(time) & (time >= 0)).all():
        raise ValueError(
            f"occupancy must be {shape}, finite and not negative, got shape {time.shape}: pass RateMaps.occupancy"
        )
    return time


def as_sheet(sheet_map: Any, what: str = "a sheet map") -> Float:
    """Return a sheet map ``(row, col)`` as doubles, NaN for units without a value.

    Raises
    ------
    TypeError
        If it is not made of real numbers.
    ValueError
        If it has other axes, no unit, or infinities.
    """
    sheet = as_reals(sheet_map, what)
    if sheet.ndim != 2:
        raise ValueError(f"{what} must be (row, col), got shape {sheet.shape}: reshape units to (side, side)")
    return _finite_sheet(sheet, what)


def as_points(sheet_map: Any) -> Float:
    """Return a sheet map of one or several coordinates as ``(row, col, coordinate)``; errors as for `as_sheet`."""
    sheet = as_reals(sheet_map, "a sheet map")
    if sheet.ndim != 3:
        return as_sheet(sheet)[..., None]
    return _finite_sheet(sheet, "a sheet map")


def as_pair(map_a: Any, map_b: Any) -> tuple[Float, Float]:
    """Return two maps of one sheet, each ``(row, col)``; errors as for `as_sheet`, and where their shapes differ."""
    a, b = as_sheet(map_a), as_sheet(map_b)
    if a.shape != b.shape:
        raise ValueError(f"two maps of one sheet must have one shape (row, col), got {a.shape} and {b.shape}")
    return a, b


def as_values(values: Any, what: str) -> Float:
    """Return numbers ``(value,)``, flattened, NaN where one is missing.

    Raises
    ------
    TypeError
        If they are not real numbers.
    ValueError
        If one is infinite.
    """
    flat = as_reals(values, what).ravel()
    if np.isinf(flat).any():
        raise ValueError(f"{what} must be finite, or NaN where there is none, got infinities")
    return flat


def as_flags(values: Any, what: str) -> NDArray[np.bool_]:
    """Return yes or no of every unit; masked is no.

    Raises
    ------
    TypeError
        If they are not booleans, nor zeros and ones.
    """
    numbers = as_reals(values, what)
    numbers = np.where(np.isnan(numbers) & np.ma.isMaskedArray(values), 0.0, numbers)
    if not np.isin(numbers, (0, 1)).all():
        raise TypeError(f"{what} must be True or False for each unit, got other numbers: compare them first")
    return np.asarray(numbers == 1)


def as_whole(values: Any, what: str, n: int) -> NDArray[np.intp]:
    """Return numbers ``(value,)`` of bins, modules and the like: whole, from 0 to ``n - 1``.

    Raises
    ------
    TypeError
        If they are not integers.
    ValueError
        If they have more than one axis, are masked, or one is out of range.
    """
    numbers = as_reals(values, what)
    dtype = np.asarray(unmasked(values)).dtype
    if dtype.kind not in "iu" and numbers.size and not np.ma.isMaskedArray(values):
        raise TypeError(f"{what} must be integers, got {dtype}")
    if numbers.ndim != 1 or not ((numbers >= 0) & (numbers < n) & (numbers == np.rint(numbers))).all():
        raise ValueError(f"{what} must be (sample,) and lie between 0 and {n - 1}, got {_range(numbers)}")
    return numbers.astype(np.intp)


def _finite_sheet(sheet: Float, what: str) -> Float:
    if 0 in sheet.shape:
        raise ValueError(f"{what} must have at least one unit, got shape {sheet.shape}")
    if np.isinf(sheet).any():
        raise ValueError(f"{what} must be finite, or NaN for units without a value, got infinities")
    return sheet


def _range(numbers: Float) -> str:
    there = numbers[np.isfinite(numbers)]
    return f"shape {numbers.shape}" + (f", {there.min():g} to {there.max():g}" if there.size else "")
