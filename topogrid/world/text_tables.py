"""Recorded walks in tables of text: those of trackers, of pandas, of spreadsheets."""

from __future__ import annotations

import array
import csv
import itertools
import math
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

import numpy as np

from topogrid.tables import plain
from topogrid.world.columns import AGENTS, POSITIONS, Columns, Samples, choose, listed
from topogrid.world.layout import SEPARATORS, Layout

WANTED = "wanted a table with the header t,x,y: seconds, metres, metres; or name its columns with --columns"
_HEADER_LIMIT = 1_000_000  # characters; tables of trackers have a few hundred columns
_MISSING = {"", "na", "n/a", "#n/a", "null", "none", "-", "--", "."}
"""Texts of a sample that was not seen, beside ``nan``."""
_LEVELS = ("scorer", "individuals", "bodyparts", "coords")
"""First cells of DeepLabCut's rows of headers, of which ``individuals`` stands for several animals only."""

_NUMBER = r"(?:np\.float\d+\()?(?P<{}>[^\s,()\[\]]+)\)?"
_PAIR = re.compile(rf"[\[(]\s*{_NUMBER.format('x')}[\s,]+{_NUMBER.format('y')}\s*[\])]")
"""Two numbers in brackets, as Python and NumPy write them."""

Row = tuple[int, list[str]]


def read_table(path: Path, layout: Layout) -> Samples:
    """Read time and place out of a table with a header.

    Headers may be one row of names, also after ``#``, or the three or four rows of DeepLabCut, whose columns are then
    called ``frame``, ``nose.x``, ``nose.y``, ``nose.likelihood`` and so on. A table without a header needs numbers of
    columns in the layout.

    Parameters
    ----------
    path : Path
    layout : Layout

    Returns
    -------
    Samples

    Raises
    ------
    ValueError
        If it is no such table, or its columns cannot be told.
    OSError
        If it cannot be read.
    """
    wanted, rated = layout.names(), layout.rate is not None
    with path.open(encoding="utf-8-sig", newline="") as file:
        header = _header_line(file)
        separator = layout.delimiter() or _separator_of(header)
        file.seek(0)
        rows = _rows(file, separator)
        names, first = _names(rows, wanted)
        names, rows, given = _with_pairs(names, itertools.chain(first, rows), wanted)
        columns = choose(names, given, rated=rated)
        taken = ([] if columns.time is None else [columns.time]) + [one for light in columns.lights for one in light]
        agents = Agents(names, layout.agent)
        values = array.array("d")
        for line, row in rows:
            if agents.take(row):
                values.extend(_numbers(line, row, len(names), taken, separator))
    table = np.array(values, dtype=np.float64).reshape(-1, len(taken))
    return _samples(table, names, columns)._replace(note=agents.check())


class Agents:
    """Whose rows are taken out of a table that may hold several walks.

    Parameters
    ----------
    names : sequence of str
        Of all columns.
    wanted : str or None
        Whose walk is asked for.

    Raises
    ------
    ValueError
        If one is asked for and no column says whose row it is.
    """

    def __init__(self, names: Sequence[str], wanted: str | None) -> None:
        self._column = next((place for place, name in enumerate(names) if name.lower() in AGENTS), None)
        self._wanted, self._seen = wanted, dict[str, int]()
        if wanted is not None and self._column is None:
            raise ValueError(
                f"has {listed(names)}, no column such as {AGENTS[0]} that says whose row it is; leave --agent out"
            )

    def take(self, row: Sequence[str]) -> bool:
        """Whether a row belongs to the walk; a row that is too short is left to be refused as such."""
        if self._column is None or self._column >= len(row):
            return True
        name = row[self._column].strip()
        self._seen[name] = self._seen.get(name, 0) + 1
        return self._wanted in (None, name)

    def check(self) -> str:
        """Return whose walk it was, empty where there was no choice.

        Raises
        ------
        ValueError
            If there are several and none was chosen, or not the one that was.
        """
        told = f"{len(self._seen)} walk{'s' if len(self._seen) != 1 else ''} ({listed(list(self._seen))})"
        if self._wanted is None:
            if len(self._seen) > 1:
                raise ValueError(f"holds {told}; choose one: --agent {plain(next(iter(self._seen)))[:60]}")
            return ""
        if self._wanted not in self._seen:
            raise ValueError(f"holds {told}, none of {plain(self._wanted)[:60]!r}; name another as --agent")
        return f"read the {self._seen[self._wanted]} rows of {plain(self._wanted)[:60]}, one of {told}"


def _with_pairs(
    names: list[str], rows: Iterator[Row], wanted: Sequence[str] | None
) -> tuple[list[str], Iterator[Row], Sequence[str] | None]:
    """Split the column that holds x and y in brackets, as pandas writes lists; ``pos`` becomes ``pos.x`` and ``pos.y``.

    Returns
    -------
    names, rows, wanted
        All as they were where there is no such column.
    """
    first = next(rows, None)
    if first is None:
        return names, iter(()), wanted
    rows = itertools.chain([first], rows)
    cells = first[1]
    there = [place for place, name in enumerate(names) if name.lower() in POSITIONS and _is_pair(cells, place)]
    if len(there) != 1:
        return names, rows, wanted
    place = there[0]
    name = names[place]
    split = [f"{name}.x", f"{name}.y"]

    def parted() -> Iterator[Row]:
        for line, row in rows:
            whole = len(row) == len(names)  # others are refused where their numbers are read
            yield line, [*row[:place], *_pair(row[place]), *row[place + 1 :]] if whole else row[:1]

    if wanted is not None:
        wanted = [part for one in wanted for part in (split if one.lower() == name.lower() else [one])]
    return [*names[:place], *split, *names[place + 1 :]], parted(), wanted


def _is_pair(cells: Sequence[str], place: int) -> bool:
    return place < len(cells) and cells[place].strip()[:1] in ("[", "(")


def _pair(cell: str) -> list[str]:
    """Return x and y out of such as ``[0.1, 0.2]``, ``[0.1 0.2]`` or ``[np.float64(0.1), np.float64(0.2)]``."""
    found = _PAIR.fullmatch(cell.strip())
    if found:
        return [found["x"], found["y"]]
    return ["", ""] if cell.strip().lower() in (*_MISSING, "nan") else ["?", cell]


def _samples(table: np.ndarray, names: Sequence[str], columns: Columns) -> Samples:
    timed = columns.time is not None
    places = table[:, 1:] if timed else table
    lights = tuple(places[:, 2 * light : 2 * light + 2] for light in range(len(columns.lights)))
    return Samples(table[:, 0] if timed else None, lights, names[columns.time] if columns.time is not None else "")


def _header_line(file: IO[str]) -> str:
    """Return the line that the separator is read off: the last one of those that begin with ``#``, or the first."""
    header = ""
    while line := file.readline(_HEADER_LIMIT):
        if header.startswith("#") and not line.startswith("#"):
            break
        header = line.strip("\r\n ")
        if header and not header.startswith("#"):
            break
    return header


def _separator_of(header: str) -> str:
    counts = {sign: header.count(sign) for sign in SEPARATORS.values() if sign != " "}
    most = max(counts.values())
    if not most:
        return " " if len(header.lstrip("#").split()) > 1 else ","
    best = [sign for sign, count in counts.items() if count == most]
    if len(best) > 1:
        raise ValueError(f"begins with {plain(header)[:60]!r}, which has several signs between names; give --separator")
    return best[0]


def _rows(file: IO[str], separator: str) -> Iterator[Row]:
    """Yield every row that is not empty with the number of its line; a run of spaces is one separator."""
    if separator == " ":
        split: Iterator[Row] = ((line, text.split()) for line, text in enumerate(file, 1))
    else:
        reader = csv.reader(file, delimiter=separator)
        split = ((reader.line_num, row) for row in reader)
    return ((line, row) for line, row in split if row)


def _names(rows: Iterator[Row], wanted: Sequence[str] | None) -> tuple[list[str], list[Row]]:
    """Return names of columns, and what has been read of the rows of numbers to find them."""
    line, row = next(rows, (0, []))
    names = row
    while row and row[0].startswith("#"):
        names = [row[0].lstrip("# "), *row[1:]]
        if not names[0]:
            names = names[1:]
        line, row = next(rows, (0, []))
    if names is not row:
        return [name.strip() for name in names], [(line, row)] if row else []
    if row and row[0].strip().lower() == _LEVELS[0]:
        return _names_in_levels(row, rows), []
    if row and all(map(_is_number, row)):
        if wanted is None or not all(name.isdigit() for name in wanted):
            raise ValueError(
                f"line {line} holds numbers where names of columns should be; add a header, or give numbers of "
                "columns, from 1: --columns 1,2,3"
            )
        return [str(column) for column in range(1, len(row) + 1)], [(line, row)]
    return [name.strip() for name in row], []


def _names_in_levels(first: list[str], rows: Iterator[Row]) -> list[str]:
    """Return names such as ``nose.x`` out of DeepLabCut's rows of headers; the first column counts frames."""
    levels = {_LEVELS[0]: first}
    for _line, row in rows:
        level = row[0].strip().lower()
        if level not in _LEVELS or level in levels or len(row) != len(first):
            break
        levels[level] = row
        if level == _LEVELS[-1]:
            named = [levels[level] for level in _LEVELS[1:] if level in levels]
            joined = [".".join(cell.strip() for cell in cells) for cells in zip(*named, strict=True)]
            return ["frame", *joined[1:]]  # above the numbers of frames stand the names of the levels
    raise ValueError("begins like a table of DeepLabCut but lacks its rows bodyparts and coords")


def _is_number(text: str) -> bool:
    try:
        _number(text, decimal_comma=True)
    except ValueError:
        return False
    return bool(text.strip())


def _numbers(line: int, row: list[str], width: int, taken: Sequence[int], separator: str) -> list[float]:
    if len(row) != width:
        raise ValueError(f"line {line} has {len(row)} values, the header {width} names")
    try:
        # Where columns are not separated by commas, commas stand for decimal points.
        return [_number(row[column], decimal_comma=separator != ",") for column in taken]
    except ValueError:
        raise ValueError(f"line {line} is not numbers: {plain(separator.join(row))[:60]!r}") from None


def _number(text: str, *, decimal_comma: bool) -> float:
    text = text.strip()
    if text.lower() in _MISSING:
        return math.nan
    if "_" in text:  # Python takes 1_000 for a number
        raise ValueError(text)
    if decimal_comma and text.count(",") == 1 and "." not in text:
        text = text.replace(",", ".")
    return float(text)
