"""A continuous sheet measured: flow on straight runs by its size and gradient, and spacing in a box."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator, Sequence
from itertools import count, product
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from topogrid.analysis.cores import with_each
from topogrid.analysis.options import as_count
from topogrid.continuous.boxed import spacing_in_a_box
from topogrid.continuous.climb import climb_of
from topogrid.continuous.flow import WIDTH, straight_flow
from topogrid.continuous.sheet import ROW_APART, Sheet, ramp
from topogrid.settings.machine import machine_memory

Float = NDArray[np.float64]
Record = dict[str, Any]
Say = Callable[[str], None]

MIDDLE_TAU = 12.0
"""Steps; geometric mean of the gradient."""
ACROSS, ALONG, IN_A_BOX = "across the gradient", "along the gradient", "in a box"
_HEADINGS = {ACROSS: (0.0, 1.0), ALONG: (1.0, 0.0)}
WINDOW = 2 * ROW_APART // WIDTH
"""Places of the gradient that are smoothed over: two rows of bumps."""
_FEWEST_COLUMNS = 4 * WIDTH * WINDOW


class Size(NamedTuple):
    """What a sheet is made of."""

    rows: int
    columns: int
    ratio: float
    """Longest over shortest tau."""
    seed: int


def measure(
    rows: Sequence[int],
    columns: int,
    ratios: Sequence[float],
    seeds: Sequence[int],
    *,
    n_walks: int,
    n_steps: int,
    say: Say,
) -> Record:
    """Measure sheets of every number of rows, ratio of tau and seed.

    Parameters
    ----------
    rows : sequence of int
    columns : int
        Along the gradient, which goes up over one half and down again over the other.
    ratios : sequence of float
        Longest over shortest tau.
    seeds : sequence of int
    n_walks : int
        Walks in a box; 0 leaves the box out.
    n_steps : int
        Steps of every straight run; a third of them pass before it is looked at.
    say : callable
        Told what was measured.

    Returns
    -------
    dict
        Ready for JSON; NaN is ``None``.

    Raises
    ------
    TypeError, ValueError
        If a number is none, or out of range.
    """
    if as_count(columns, "columns", least=_FEWEST_COLUMNS) % (2 * WIDTH):
        raise ValueError(f"columns must be a multiple of {2 * WIDTH}, got {columns}")
    _check_room(max(rows), columns, n_walks)
    sheets = {number: Sheet(number, columns) for number in rows}
    work = list(_work(rows, columns, ratios, seeds, n_walks))
    measured: list[Record | None] = [None] * len(work)
    counted = count(1)
    telling = threading.Lock()

    def one(number: int) -> None:
        size, where = work[number]
        sheet, tau = sheets[size.rows], ramp(columns, MIDDLE_TAU, size.ratio)
        if where in _HEADINGS:
            rng = np.random.default_rng([size.seed, size.rows, list(_HEADINGS).index(where)])
            flow = straight_flow(sheet, tau, _HEADINGS[where], rng=rng, n_steps=n_steps, skipped=n_steps // 3)
            measured[number] = _straight(size, where, flow)
        else:
            found = spacing_in_a_box(sheet, tau, MIDDLE_TAU, seed=size.seed, n_walks=n_walks)
            measured[number] = _boxed(size, found.spacing, found.grid_like)
        told = f"{size.rows} x {columns} units, tau ratio {size.ratio:g}, seed {size.seed}, {where}"
        with telling:
            say(f"{next(counted)} of {len(work)}: {told}")

    with_each(one, range(len(work)))
    found = [part for part in measured if part is not None]
    return {
        "middle_tau_steps": MIDDLE_TAU,
        "columns": columns,
        "place_columns": WIDTH,
        "n_steps": n_steps,
        "n_walks": n_walks,
        "straight": [part for part in found if "flow" in part],
        "box": [part for part in found if "spacing_m" in part],
    }


def _check_room(rows: int, columns: int, n_walks: int) -> None:
    """Refuse sheets and walks that do not fit the memory of the machine.

    Raises
    ------
    ValueError
    """
    needed, present = rows * columns * (_BYTES_A_UNIT + _BYTES_A_WALK * n_walks), machine_memory()
    if needed > present:
        raise ValueError(
            f"{rows} x {columns} units with {n_walks} walks need about {needed / 2**30:.3g} GiB, and this machine has "
            f"{present / 2**30:.3g}; take fewer rows, columns or walks"
        )


_BYTES_A_UNIT, _BYTES_A_WALK = 400, 16
"""Of coordinates, weights and their transforms; and of the activity of one walk."""


def _work(
    rows: Sequence[int], columns: int, ratios: Sequence[float], seeds: Sequence[int], n_walks: int
) -> Iterator[tuple[Size, str]]:
    """Yield what there is to measure, the longest first, so that no core waits at the end."""
    if n_walks:
        for number, ratio, seed in product(rows, ratios, seeds):
            yield Size(number, columns, ratio, seed), IN_A_BOX
    for number, ratio, seed, where in product(rows, ratios, seeds, _HEADINGS):
        yield Size(number, columns, ratio, seed), where


def _straight(size: Size, where: str, flow: Float) -> Record:
    return {**_named(size), "movement": where, "flow": _plain(flow), "halves": _halves(flow)}


def _boxed(size: Size, spacing: Float, grid_like: Float) -> Record:
    return {
        **_named(size),
        "spacing_m": _plain(spacing),
        "grid_like": _plain(grid_like),
        "halves": _halves(spacing),
    }


def tau_of_places(columns: int, ratio: float) -> Float:
    """Return the mean tau of every place of a gradient, ``(place,)``, steps."""
    tau: Float = ramp(columns, MIDDLE_TAU, ratio).reshape(-1, WIDTH).mean(axis=1)
    return tau


def _named(size: Size) -> Record:
    return {"rows": size.rows, "ratio": size.ratio, "seed": size.seed}


def _halves(values: Float) -> list[Record]:
    """Return how a quantity climbs over each half of a sheet, which is a gradient of its own.

    A place whose bumps stand, or flow against the movement, has no value.
    """
    there, middle = np.where(values > 0, values, np.nan), values.size // 2
    climbs = (climb_of(half, WINDOW) for half in (there[:middle], there[middle:]))
    return [{"ratio": _or_none(one.ratio), "concentration": _or_none(one.concentration)} for one in climbs]


def _plain(values: Float) -> list[float | None]:
    return [_or_none(value) for value in values]


def _or_none(value: float) -> float | None:
    return None if math.isnan(value) else round(float(value), 4)
