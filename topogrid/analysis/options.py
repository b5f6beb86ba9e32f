"""What functions of the analysis are told beside their maps: real numbers, counts, words, random sources.

Each is taken as it is meant, or refused in one line that says what was wanted and what came.
"""

import operator
from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]


Kind = TypeVar("Kind")


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
        array = np.asarray(unmasked(values))
    except ValueError as error:
        raise ValueError(f"{what} must be an array of one shape, got parts of different shapes") from error
    except Exception as error:
        raise TypeError(
            f"{what} must be real numbers, got {named(values)}, which is no array: {line(error)}"
        ) from error
    if array.dtype.kind not in "biuf":
        kind = _KINDS.get(array.dtype.kind, f"Python objects ({named(values)})")
        raise TypeError(f"{what} must be real numbers, got {kind} (dtype {array.dtype}): pass a float array")
    with np.errstate(over="ignore"):  # beyond the range of doubles is infinite, which each door judges for itself
        return array.astype(np.float64, copy=False)


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
        raise TypeError(f"{what} must be one number, got {short(value)}")
    wanted = [f"above {above:g}"] if above is not None else []
    wanted += [f"at least {least:g}"] if least is not None else []
    wanted += [f"below {below:g}"] if below is not None else []
    inside = np.isfinite(number) and (above is None or number > above) and (least is None or number >= least)
    if not inside or not (below is None or number < below):
        raise ValueError(f"{what} must be {' and '.join(wanted) or 'finite'}, got {short(value)}")
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
        raise TypeError(f"{what} must be a whole number, got {short(value)}")
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
        raise ValueError(f"{what} must be one of {', '.join(options)}, got {short(value)}")
    return value


def as_generator(rng: Any) -> np.random.Generator:
    """Return the generator that was handed in.

    Raises
    ------
    TypeError
        If it is a seed, a legacy `numpy.random.RandomState`, or nothing.
    """
    if not isinstance(rng, np.random.Generator):
        raise TypeError(f"rng must be a numpy.random.Generator, got {short(rng)}: pass numpy.random.default_rng(seed)")
    return rng


def as_instance(value: Any, kind: type[Kind], what: str) -> Kind:
    """Return a result of this package that another function goes on with.

    Raises
    ------
    TypeError
        If it is of another kind.
    """
    if not isinstance(value, kind):
        raise TypeError(f"{what} must be a {kind.__name__}, got {named(value)}")
    return value


def unmasked(values: Any) -> Any:
    """Return an array without mask, graph or device; also where such arrays are the items of a sequence."""
    if isinstance(values, np.ma.MaskedArray):
        if values.dtype.kind not in "biuf":
            return values.data
        return np.ma.filled(values.astype(np.float64), np.nan)
    if hasattr(values, "detach") and hasattr(values, "cpu"):
        tensor = values.detach().cpu()
        return (tensor.double() if tensor.is_floating_point() else tensor).numpy()
    if isinstance(values, list | tuple) and any(_wraps(item) for item in values):
        return [unmasked(item) for item in values]
    return values


def _wraps(item: Any) -> bool:
    return isinstance(item, list | tuple | np.ma.MaskedArray) or hasattr(item, "detach")


def named(value: Any) -> str:
    """Return the name of a value's type as people write it."""
    return f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")


def short(value: Any) -> str:
    """Return how a value is shown in an error: on one line, and no longer than one can read."""
    text = line(repr(value))
    return text if len(text) <= 60 else f"{text[:57]}..."


def line(text: Any) -> str:
    """Return a text on one line."""
    return " ".join(str(text).split())
