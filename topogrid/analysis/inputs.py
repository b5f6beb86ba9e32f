"""The door of every measurement: what people pass in becomes plain arrays of doubles, or is refused in one line.

A masked value is a missing one, so it becomes NaN. Integers, booleans and half or single precision become doubles, and
tensors leave their graph and device. What cannot be a real measurement is refused: complex numbers, dates, text,
records. A `TypeError` says that a thing is of the wrong kind, a `ValueError` that its shape or values are wrong; both
say what was wanted and what came. Nothing that enters is ever written to.

Shapes: maps ``(unit, bin_y, bin_x)`` with row 0 at the smallest y, positions ``(sample, 2)``, activity
``(sample, unit)``, sheets ``(row, col)``.
"""

import operator
from collections.abc import Sequence
from typing import Any, Protocol, TypeAlias, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from topogrid.analysis.labelled import from_labels, is_labelled

__all__ = [
    "MapsLike",
    "as_activity",
    "as_choice",
    "as_count",
    "as_flags",
    "as_generator",
    "as_instance",
    "as_maps",
    "as_number",
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

Float = NDArray[np.float64]
Kind = TypeVar("Kind")


class _KnowsItsBox(Protocol):
    """Maps that say which box they are of, as `RateMaps` do."""

    @property
    def maps(self) -> Float: ...

    @property
    def box_size(self) -> tuple[float, float]: ...


MapsLike: TypeAlias = ArrayLike | _KnowsItsBox
"""Rate maps as people have them: an array, an xarray.DataArray (pynapple's tuning curves are one), or `RateMaps`."""

_MOST_OBLONG = 1.15  # bins that count as square: rounding 3.5 bins to 4 makes them 1 : 1.14
_KINDS = {
    "b": "booleans",
    "c": "complex numbers",
    "M": "dates",
    "m": "durations",
    "U": "text",
    "S": "bytes",
    "V": "records",
}


def as_reals(values: Any, what: str) -> Float:
    """Return any array of real numbers as doubles; masked values become NaN.

    Parameters
    ----------
    values : array_like
        Array, masked array, tensor, or sequence of these; not written to.
    what : str
        What the values are, as the message of an error begins.

    Raises
    ------
    TypeError
        If they are not real numbers.
    ValueError
        If the parts of a sequence differ in shape.
    """
    try:
        array = np.asarray(_unmasked(values))
    except ValueError as error:
        raise ValueError(f"{what} must be an array of one shape, got parts of different shapes") from error
    except Exception as error:
        raise TypeError(
            f"{what} must be real numbers, got {_named(values)}, which is no array: {_line(error)}"
        ) from error
    if array.dtype.kind not in "biuf":
        kind = _KINDS.get(array.dtype.kind, f"Python objects ({_named(values)})")
        raise TypeError(f"{what} must be real numbers, got {kind} (dtype {array.dtype}): pass a float array")
    with np.errstate(over="ignore"):  # beyond the range of doubles is infinite, which each door judges for itself
        return array.astype(np.float64, copy=False)


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
        raise ValueError(f"box_size must be one positive side or (width, height) in metres, got {_short(box_size)}")
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
    dtype = np.asarray(_unmasked(values)).dtype
    if dtype.kind not in "iu" and numbers.size and not np.ma.isMaskedArray(values):
        raise TypeError(f"{what} must be integers, got {dtype}")
    if numbers.ndim != 1 or not ((numbers >= 0) & (numbers < n) & (numbers == np.rint(numbers))).all():
        raise ValueError(f"{what} must be (sample,) and lie between 0 and {n - 1}, got {_range(numbers)}")
    return numbers.astype(np.intp)


def as_number(
    value: Any, what: str, *, above: float | None = None, least: float | None = None, below: float | None = None
) -> float:
    """Return one finite number, or say what it has to be.

    Raises
    ------
    TypeError
        If it is not one real number.
    ValueError
        If it is not finite, or out of range.
    """
    number = as_reals(value, what)
    if number.ndim or isinstance(value, bool | np.bool_):
        raise TypeError(f"{what} must be one number, got {_short(value)}")
    wanted = [f"above {above:g}"] if above is not None else []
    wanted += [f"at least {least:g}"] if least is not None else []
    wanted += [f"below {below:g}"] if below is not None else []
    inside = np.isfinite(number) and (above is None or number > above) and (least is None or number >= least)
    if not inside or not (below is None or number < below):
        raise ValueError(f"{what} must be {' and '.join(wanted) or 'finite'}, got {_short(value)}")
    return float(number)


def as_count(value: Any, what: str, *, least: int = 1) -> int:
    """Return a whole number.

    Raises
    ------
    TypeError
        If it is not an integer; 4.0 is not.
    ValueError
        If it is below ``least``.
    """
    try:
        count = operator.index(value)
    except TypeError:
        count = None
    if count is None or isinstance(value, bool | np.bool_):
        raise TypeError(f"{what} must be a whole number, got {_short(value)}")
    if count < least:
        raise ValueError(f"{what} must be at least {least}, got {count}")
    return count


def as_choice(value: Any, what: str, options: Sequence[str]) -> str:
    """Return one of some words.

    Raises
    ------
    ValueError
        If it is none of them.
    """
    if not isinstance(value, str) or value not in options:
        raise ValueError(f"{what} must be one of {', '.join(options)}, got {_short(value)}")
    return value


def as_generator(rng: Any) -> np.random.Generator:
    """Return the generator that was handed in.

    Raises
    ------
    TypeError
        If it is a seed, a legacy `numpy.random.RandomState`, or nothing.
    """
    if not isinstance(rng, np.random.Generator):
        raise TypeError(f"rng must be a numpy.random.Generator, got {_short(rng)}: pass numpy.random.default_rng(seed)")
    return rng


def as_instance(value: Any, kind: type[Kind], what: str) -> Kind:
    """Return a result of this package that another function goes on with.

    Raises
    ------
    TypeError
        If it is of another kind.
    """
    if not isinstance(value, kind):
        raise TypeError(f"{what} must be a {kind.__name__}, got {_named(value)}")
    return value


def _unmasked(values: Any) -> Any:
    """Return an array without mask, graph or device; also where such arrays are the items of a sequence."""
    if isinstance(values, np.ma.MaskedArray):
        if values.dtype.kind not in "biuf":
            return values.data
        return np.ma.filled(values.astype(np.float64), np.nan)
    if hasattr(values, "detach") and hasattr(values, "cpu"):
        tensor = values.detach().cpu()
        return (tensor.double() if tensor.is_floating_point() else tensor).numpy()
    if isinstance(values, list | tuple) and any(_wraps(item) for item in values):
        return [_unmasked(item) for item in values]
    return values


def _wraps(item: Any) -> bool:
    return isinstance(item, list | tuple | np.ma.MaskedArray) or hasattr(item, "detach")


def _finite_sheet(sheet: Float, what: str) -> Float:
    if 0 in sheet.shape:
        raise ValueError(f"{what} must have at least one unit, got shape {sheet.shape}")
    if np.isinf(sheet).any():
        raise ValueError(f"{what} must be finite, or NaN for units without a value, got infinities")
    return sheet


def _named(value: Any) -> str:
    return f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")


def _short(value: Any) -> str:
    """Return how a value is shown in an error: on one line, and no longer than one can read."""
    text = _line(repr(value))
    return text if len(text) <= 60 else f"{text[:57]}..."


def _line(text: Any) -> str:
    return " ".join(str(text).split())


def _range(numbers: Float) -> str:
    there = numbers[np.isfinite(numbers)]
    return f"shape {numbers.shape}" + (f", {there.min():g} to {there.max():g}" if there.size else "")
