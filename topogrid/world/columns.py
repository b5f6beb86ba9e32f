"""Which columns of a file are time and place: those that are named, or those with the usual names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from topogrid.tables import plain

TIMES = ("t", "time", "times", "timestamp", "timestamps", "seconds", "time_s", "t_s", "post")
POSITIONS = ("pos", "position", "positions", "xy")
"""Arrays, or columns of bracketed pairs, that hold x and y at once."""
AGENTS = ("agent_id", "agent", "individual", "individuals", "animal_id", "animal")
"""Columns that say whose row it is."""
FRAMES = ("frame", "frames", "frame_idx", "frame_index", "sample", "samples")
"""Columns that count; they are times only together with a rate."""
PLACES = (("x", "y"), ("pos_x", "pos_y"), ("x_pos", "y_pos"), ("posx", "posy"), ("x1", "y1"))
SECOND_LIGHTS = {("x1", "y1"): ("x2", "y2"), ("posx", "posy"): ("posx2", "posy2")}


class Columns(NamedTuple):
    """Columns by number, from 0."""

    time: int | None
    """``None``: there is no column of time, samples come at the rate."""
    lights: tuple[tuple[int, int], ...]
    """x and y of one light on the animal or of two."""


class Samples(NamedTuple):
    """What a file holds, as it was written: times in its own type, positions in its own unit."""

    time: NDArray[np.number] | None
    """``(sample,)``"""
    lights: tuple[NDArray[np.float64], ...]
    """``(sample, 2)`` each."""
    time_name: str = "t"
    note: str = ""
    """What was read, where that is not plain from the file."""


def choose(names: Sequence[str], wanted: Sequence[str] | None, *, rated: bool) -> Columns:
    """Choose the columns of time and place.

    Parameters
    ----------
    names : sequence of str
        Of all columns, as the file has them.
    wanted : sequence of str, optional
        Names or numbers (from 1) of the columns to take.
    rated : bool
        Whether the time column counts ticks of a known rate, and may be left out.

    Returns
    -------
    Columns

    Raises
    ------
    ValueError
        If a column is not there, is named twice, or it cannot be told which are meant.
    """
    if wanted is None:
        return _usual(names, rated=rated)
    return arranged([_place_of(name, names) for name in wanted], rated=rated)


def arranged(chosen: Sequence[int], *, rated: bool) -> Columns:
    """Return columns in the order t, x, y, x, y, of which t may be missing where there is a rate.

    Raises
    ------
    ValueError
        If their number is another.
    """
    count = len(chosen)
    if count not in (2, 3, 4, 5):
        raise ValueError(
            f"has {count} of the columns t,x,y that are wanted, or t,x1,y1,x2,y2; name them with --columns"
        )
    if count % 2 == 0 and not rated:
        raise ValueError(
            f"{count} columns are {count // 2} place(s) without a time; name the time too, "
            "or give --rate, samples per second"
        )
    places = chosen[count % 2 :]
    pairs = tuple(zip(places[::2], places[1::2], strict=True))
    return Columns(chosen[0] if count % 2 else None, pairs)


def _place_of(name: str, names: Sequence[str]) -> int:
    same = [place for place, other in enumerate(names) if other == name]
    same = same or [place for place, other in enumerate(names) if other.lower() == name.lower()]
    if not same and name.isascii() and name.isdigit() and 1 <= int(name) <= len(names):
        same = [int(name) - 1]
    if len(same) != 1:
        fault = f"{len(same)} columns are named {plain(name)!r}" if same else f"no column is named {plain(name)!r}"
        raise ValueError(f"{fault}; it has {listed(names)}" + ("; give their numbers, from 1" if same else ""))
    return same[0]


def _usual(names: Sequence[str], *, rated: bool) -> Columns:
    lower = [name.lower() for name in names]
    place = _only(_pairs(lower), names)
    clocks = [index for index, name in enumerate(lower) if name in TIMES + (FRAMES if rated else ())]
    if len(clocks) > 1:
        raise ValueError(f"has more than one time, {listed([names[index] for index in clocks])}; {_NAME_THEM}")
    if not clocks and not rated:
        counted = [names[index] for index, name in enumerate(lower) if name in FRAMES]
        lacks = f"counts {plain(counted[0])!r} instead of seconds" if counted else f"has {listed(names)}, but no time"
        raise ValueError(f"{lacks}; give --rate, samples per second, or {_NAME_THEM}")
    return Columns(clocks[0] if clocks else None, place)


_NAME_THEM = "name the columns: --columns t,x,y"


def _pairs(lower: Sequence[str]) -> list[tuple[tuple[int, int], ...]]:
    """Return every place that could be meant: of one light, or of the two that belong together."""
    found = []
    parts = [name[:-2] for name in lower if name.endswith(".x")]
    for pair in (*PLACES, *((f"{part}.x", f"{part}.y") for part in parts)):
        lights = (pair, SECOND_LIGHTS[pair]) if pair in SECOND_LIGHTS else (pair,)
        there = [light for light in lights if all(lower.count(name) == 1 for name in light)]
        if there and there[0] == pair:
            found.append(tuple((lower.index(x), lower.index(y)) for x, y in there))
    return found


def _only(found: Sequence[tuple[tuple[int, int], ...]], names: Sequence[str]) -> tuple[tuple[int, int], ...]:
    if len(found) == 1:
        return found[0]
    if len(names) < 2:
        raise ValueError(f"begins with {plain(', '.join(names))[:60]!r}")
    fault = "more than one place" if found else "no x and y"
    raise ValueError(f"has {listed(names)}: {fault} that could be meant; {_NAME_THEM}")


def listed(names: Sequence[str]) -> str:
    """Write the first of some names, for a message."""
    texts = [plain(name)[:30] or "(no name)" for name in names]
    return ", ".join(texts[:8]) + (f" and {len(texts) - 8} more" if len(texts) > 8 else "")
