"""Files that anyone may have written, read with limits: none can hang its reader, fill its memory or end it.

Everything raises `UnreadableError`, a ``ValueError`` of one line, or returns a value of the kind that was asked for.
"""

from __future__ import annotations

import json
import math
import os
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from topogrid.files import open_regular

MOST_JSON_BYTES = 20_000_000  # a summary of a real run has 20 kB
MOST_TEXT_BYTES = 2_000_000_000  # of a file that is read line by line
MOST_LINE_BYTES = 1_000_000  # a row of metrics has 5 kB
DEEPEST = 30  # levels of lists and objects; a summary has 4
MOST_ARRAY_BYTES = 2_000_000_000  # rate maps of 64 x 64 units have 7 MB


class UnreadableError(ValueError):
    """A file that cannot be used; the message is one line: what was wanted, and what came."""


def parse_json(text: bytes | str, where: str) -> Any:
    """Return the value of a JSON text.

    Raises
    ------
    UnreadableError
        If it is none, or lists and objects in it lie deeper than `DEEPEST`.
    """
    try:
        value = json.loads(text)
    except RecursionError:
        raise UnreadableError(f"{where} is nested more than {DEEPEST} levels deep") from None
    except (ValueError, UnicodeError) as error:
        raise UnreadableError(f"{where} is not JSON: {str(error)[:80]}") from None
    level: list[Any] = [value]
    for _ in range(DEEPEST + 1):
        level = [part for one in level for part in _parts(one)]
        if not level:
            return value
    raise UnreadableError(f"{where} is nested more than {DEEPEST} levels deep")


def _parts(value: object) -> list[Any]:
    return list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []


def read_object(path: Path) -> dict[str, Any]:
    """Return the object in a JSON file, empty where there is no file.

    Raises
    ------
    UnreadableError
        If the file is no plain one, is larger than `MOST_JSON_BYTES`, or holds no JSON object.
    """
    if not os.path.lexists(path):
        return {}
    value = parse_json(read_bytes(path, MOST_JSON_BYTES), path.name)
    if not isinstance(value, dict):
        raise UnreadableError(f"{path.name} holds {_kind(value)}, wanted an object")
    return value


def read_bytes(path: Path, most: int) -> bytes:
    """Return what a plain file holds; a pipe or a device, which might never end, is none.

    Raises
    ------
    UnreadableError
        If it is no plain file, cannot be read, or holds more than ``most`` bytes.
    """
    with _opened(path) as file:
        content: bytes = file.read(most + 1)
    if len(content) > most:
        raise UnreadableError(f"{path.name} has more than {most:,} bytes")
    return content


def read_lines(path: Path) -> Iterator[bytes]:
    """Yield the lines of a plain file; of one longer than `MOST_LINE_BYTES`, pieces.

    Raises
    ------
    UnreadableError
        As `read_bytes`, with `MOST_TEXT_BYTES`.
    """
    left = MOST_TEXT_BYTES
    with _opened(path) as file:
        while line := file.readline(MOST_LINE_BYTES):
            left -= len(line)
            if left < 0:
                raise UnreadableError(f"{path.name} has more than {MOST_TEXT_BYTES:,} bytes")
            yield line


def _opened(path: Path) -> IO[bytes]:
    """Open a plain file for reading, without waiting for anyone."""
    if path.exists() and not path.is_file():
        raise UnreadableError(f"{path.name} is no plain file")
    try:
        return open_regular(path)
    except (OSError, ValueError) as error:
        raise UnreadableError(f"{path.name} cannot be read: {getattr(error, 'strerror', None) or error}") from error


def number(value: object) -> float:
    """Return a number of a JSON file; NaN for null and for everything that is no number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return math.nan
    try:
        return float(value)
    except OverflowError:
        return math.nan


def whole(value: object) -> int | None:
    """Return a whole number from 0 on of a JSON file; ``None`` for everything else."""
    given = number(value)
    return int(given) if math.isfinite(given) and given >= 0 and given == int(given) else None


def _kind(value: object) -> str:
    kinds = {dict: "an object", list: "a list", str: "a text", bool: "yes or no", int: "a number", float: "a number"}
    return kinds.get(type(value), "null")


class Key(NamedTuple):
    """One value that an object of a file may hold.

    Attributes
    ----------
    kind : type
        ``dict``, ``list``, ``str``, ``float`` (any number) or ``int`` (a whole one from 0 on).
    of : type, optional
        Kind of every value of a list or an object.
    """

    kind: type
    of: type | None = None


def checked(found: Mapping[str, Any], keys: Mapping[str, Key], where: str, notes: list[str]) -> dict[str, Any]:
    """Return the values that are what they have to be; each of the others is told in ``notes`` and left out.

    A value that is missing or null is left out in silence; of lists and objects, single values can be left out.
    """
    kept: dict[str, Any] = {}
    for name, key in keys.items():
        value = found.get(name)
        if value is None:
            continue
        if not _is(value, key.kind):
            notes.append(f"{where}: {name} is {_kind(value)}, which is left out")
        elif key.of is None:
            kept[name] = value
        elif isinstance(value, list):
            kept[name] = [one for one in value if _is(one, key.of)]
        else:
            kept[name] = {inside: one for inside, one in value.items() if _is(one, key.of)}
    return kept


def _is(value: object, kind: type) -> bool:
    if kind is object:
        return True
    if kind is float:
        return value is None or (isinstance(value, int | float) and not isinstance(value, bool))
    return whole(value) is not None if kind is int else isinstance(value, kind)


class Shape(NamedTuple):
    """What an array of an archive has to be.

    Attributes
    ----------
    axes : tuple
        Its axes, each a length or a name; axes of one name are as long in all arrays of an archive.
    kind : {"number", "whole", "yes or no"}
    finite : bool
        Whether every entry has to be finite; NaN, which stands for what was not measured, is none. Infinite is never.
    positive : bool
        Whether every entry that is there has to be above 0.
    or_one : bool
        Whether one number may stand for all entries.
    """

    axes: tuple[int | str, ...] = ()
    kind: Literal["number", "whole", "yes or no"] = "number"
    finite: bool = False
    positive: bool = False
    or_one: bool = False


_KINDS = {"number": "fiu", "whole": "iu", "yes or no": "b"}  # NumPy's letters
_BROKEN = (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError)


def read_arrays(
    path: Path, shapes: Mapping[str, Shape], *, wanted: Callable[[str], bool] = lambda name: True
) -> dict[str, NDArray[Any]]:
    """Read named arrays of an ``.npz``, opened once; what is not in it is left out, and nothing is ever unpickled.

    Parameters
    ----------
    path : Path
    shapes : mapping
        What can be in it, in the order in which axes get their lengths.
    wanted : callable
        Which of these to read.

    Returns
    -------
    dict of str to ndarray

    Raises
    ------
    UnreadableError
        If the file is no archive, or an array is not what it has to be.
    """
    lengths: dict[str, int] = {}
    found: dict[str, NDArray[Any]] = {}
    with _opened(path) as file:
        try:
            with zipfile.ZipFile(file) as archive:
                inside = set(archive.namelist())
                for name, shape in shapes.items():
                    if f"{name}.npy" in inside and wanted(name):
                        found[name] = _member(archive, name, shape, lengths)
        except UnreadableError as error:
            raise UnreadableError(f"{path.name}: {error}") from None
        except _BROKEN as error:
            raise UnreadableError(f"{path.name} is damaged: {str(error)[:80] or type(error).__name__}") from error
    return found


def _member(archive: zipfile.ZipFile, name: str, shape: Shape, lengths: dict[str, int]) -> NDArray[Any]:
    """Read one array, of which nothing is read before its header says that it is what was asked for."""
    with archive.open(f"{name}.npy") as file:
        version = np.lib.format.read_magic(file)
        read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}.get(version)
        if read is None:
            raise UnreadableError(f"{name} is of another version of NumPy's format, {version}")
        try:
            axes, by_column, kind = read(file)
        except Exception as error:  # NumPy has Python's parser read it, which has errors of its own
            raise UnreadableError(f"{name} has no readable header") from error
        _check(name, axes, kind, shape, lengths)
        size = math.prod(axes) * kind.itemsize
        if size > MOST_ARRAY_BYTES:
            raise UnreadableError(f"{name} has {size:,} bytes, more than {MOST_ARRAY_BYTES:,}")
        content = file.read(size)
    if len(content) < size:
        raise UnreadableError(f"{name} ends after {len(content):,} of {size:,} bytes")
    array = np.frombuffer(content, kind).reshape(axes, order="F" if by_column else "C")
    if (np.isinf(array) if not shape.finite else ~np.isfinite(array)).any():
        raise UnreadableError(f"{name} has entries that are not finite")
    if shape.positive and (array <= 0).any():
        raise UnreadableError(f"{name} has entries that are not above 0")
    return array


def _check(name: str, axes: tuple[int, ...], kind: np.dtype[Any], shape: Shape, lengths: dict[str, int]) -> None:
    """Compare an array's header with what it has to be, and learn the lengths of axes that come first here."""
    if kind.kind not in _KINDS[shape.kind]:
        raise UnreadableError(f"{name} is of type {kind.name}, wanted {shape.kind}")
    if shape.or_one and not axes:
        return
    wanted = [lengths.get(axis, axis) if isinstance(axis, str) else axis for axis in shape.axes]
    if len(axes) != len(wanted) or any(
        isinstance(one, int) and one != length for one, length in zip(wanted, axes, strict=True)
    ):
        told = ", ".join(
            f"{axis} {one}" if isinstance(axis, str) and axis != one else str(one)
            for axis, one in zip(shape.axes, wanted, strict=True)
        )
        raise UnreadableError(f"{name} has the shape {axes}, wanted ({told})")
    lengths |= {axis: length for axis, length in zip(shape.axes, axes, strict=True) if isinstance(axis, str)}
