"""Recorded walks in pickles: dictionaries of numbers, as simulators keep their history, read without running anything.

A pickle is a program. This reader knows the few names that NumPy's arrays and numbers are made of, puts stand-ins of
its own in their place, and refuses every other name: nothing of the file can call anything but these.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import IO, Any, ClassVar

import numpy as np

from topogrid.tables import plain

LARGEST_PICKLE = 2 * 10**8  # bytes; a day at 50 Hz has half of that
_NUMERIC = {"b1", "f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"}
_DEPTH = 4  # of dictionaries inside one another
_MOST_PLACES = 8  # numbers in one element of a list


class _Dtype:
    """Stands in for a type of NumPy: plain numbers, or any object."""

    def __init__(self, code: str, *_align_and_copy: object) -> None:
        self.code, self.order = code, "="

    def __setstate__(self, state: Sequence[Any]) -> None:
        self.order = state[1] if state[1] in ("<", ">", "=", "|") else "="

    @property
    def of_objects(self) -> bool:
        return self.code in ("O", "O8")

    def numpy(self) -> np.dtype[Any]:
        if self.code not in _NUMERIC:
            raise ValueError(f"holds numbers of the type {plain(repr(self.code))[:40]}, which are not read")
        return np.dtype(self.order + self.code if self.order in "<>" else self.code)


class _Array:
    """Stands in for an array: ``value`` is one of numbers, or the list of the objects in it."""

    def __init__(self, *_kind: object) -> None:
        self.value: np.ndarray | list[Any] = []

    def __setstate__(self, state: Sequence[Any]) -> None:
        _version, shape, dtype, by_columns, data = state
        self.value = list(data) if dtype.of_objects else _array(data, dtype, shape, "F" if by_columns else "C")


def _array(data: bytes, dtype: _Dtype, shape: Sequence[int], order: str, *_axes: object) -> np.ndarray:
    return np.frombuffer(data, dtype.numpy()).reshape(tuple(shape), order="F" if order == "F" else "C")


def _from_buffer(data: bytes, dtype: _Dtype, shape: Sequence[int], order: str, *_axes: object) -> _Array:
    made = _Array()
    made.value = _array(data, dtype, shape, order)
    return made


def _number(dtype: _Dtype, data: bytes) -> float:
    return float(np.frombuffer(data, dtype.numpy())[0])


def _bytes(text: str, *_encoding: object) -> bytes:
    return text.encode("latin1")


_STAND_INS: dict[str, Callable[..., Any]] = {
    "numpy.ndarray": _Array,
    "numpy.dtype": _Dtype,
    "numpy._core.multiarray._reconstruct": _Array,
    "numpy._core.multiarray.scalar": _number,
    "numpy._core.numeric._frombuffer": _from_buffer,
    "_codecs.encode": _bytes,
}


# The one in C makes room for as many notes as a file says that it takes.
class _Inert(pickle._Unpickler):
    stack: list[Any]
    dispatch: ClassVar[dict[int, Any]] = dict(pickle._Unpickler.dispatch)

    def load_build(self) -> None:
        """Give a stand-in its state; nothing else has any, functions and classes least of all."""
        state = self.stack.pop()
        if not isinstance(self.stack[-1], _Array | _Dtype):
            raise ValueError("is a pickle that changes what it was made of, which is not read")
        self.stack[-1].__setstate__(state)

    dispatch[pickle.BUILD[0]] = load_build

    def find_class(self, module: str, name: str) -> Callable[..., Any]:
        """Return the stand-in for a name, or refuse it."""
        wanted = f"{module}.{name}"
        # The name of its package before NumPy 2.
        stand_in = _STAND_INS.get(wanted.replace("numpy.core.", "numpy._core.", 1))
        if stand_in is None:
            raise ValueError(f"is a pickle with a {plain(wanted)[:80]} in it, which could run code and is not read")
        return stand_in

    def persistent_load(self, _number: object) -> Any:
        """Refuse what lies outside of the file."""
        raise ValueError("is a pickle that points outside of itself, which is not read")


def walks_in(file: IO[bytes]) -> dict[str, dict[str, np.ndarray]]:
    """Return the dictionaries of arrays that a pickle holds, by where in it they are, such as ``position``.

    Parameters
    ----------
    file : binary file
        Where the pickle begins.

    Returns
    -------
    dict
        Each with its arrays ``(sample,)`` or ``(sample, column)`` by name; what holds no arrays is left out.

    Raises
    ------
    ValueError
        If it holds anything but dictionaries, lists, texts and numbers.
    Exception
        Of many types, if it is damaged.
    """
    held = _Inert(file).load()
    while isinstance(held, _Array) and isinstance(held.value, list) and len(held.value) == 1:
        held = held.value[0]  # NumPy saves a dictionary as an array of one object
    if not isinstance(held, dict):
        raise ValueError(f"is a pickle of a {plain(type(held).__name__.strip('_'))[:40].lower()}, not of a dictionary")
    found = {}
    for where, dictionary in _dictionaries(held, (), set()):
        arrays = {name: array for name, value in dictionary.items() if (array := _values(value)) is not None}
        if arrays:
            found[".".join(where)] = {plain(str(name)): array for name, array in arrays.items()}
    return found


def _dictionaries(
    held: Mapping[Any, Any], where: tuple[str, ...], seen: set[int]
) -> Iterator[tuple[tuple[str, ...], Mapping[Any, Any]]]:
    """Yield dictionaries inside one another, each once, also where they hold themselves."""
    if id(held) in seen:
        return
    seen.add(id(held))
    yield where, held
    if len(where) < _DEPTH:
        for name, value in held.items():
            if isinstance(value, dict):
                yield from _dictionaries(value, (*where, plain(str(name))[:60]), seen)


def _values(value: object) -> np.ndarray | None:
    """Return numbers ``(sample,)``, or of a list of short lists ``(sample, column)``; ``None`` of anything else."""
    value = value.value if isinstance(value, _Array) else value
    if isinstance(value, np.ndarray):
        return value
    if not isinstance(value, list) or not value:
        return None
    if all(isinstance(one, int | float) for one in value):
        return np.array(value, dtype=np.float64)
    rows = [row for one in value if (row := _row(one)) is not None]
    alike = len(rows) == len(value) and len({len(row) for row in rows}) == 1
    return np.array(rows, dtype=np.float64) if alike else None


def _row(value: Any) -> Sequence[float] | np.ndarray | None:
    value = value.value if isinstance(value, _Array) else value
    if isinstance(value, np.ndarray):
        return value if value.ndim == 1 and len(value) <= _MOST_PLACES else None
    short = isinstance(value, list | tuple) and len(value) <= _MOST_PLACES
    return value if short and all(isinstance(one, int | float) for one in value) else None
