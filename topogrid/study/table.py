"""What the networks of an arm have in common: every figure with its interval over seeds, and what they say of tau."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from topogrid.analysis.networks.inference import MeanInterval, mean_interval
from topogrid.reading import number
from topogrid.study.arms import ARMS, Arm
from topogrid.study.records import slopes
from topogrid.study.values import numbers

Record = Mapping[str, Any]

ENOUGH = 0.25  # share of grid cells by the gate below which there is no scale to speak of
FOLLOWS = 0.5  # share of a change of tau that spacing has to follow
SMALLEST_SPREAD = 0.02  # standard deviation of log spacing over modules below which there is no gradient to change
LEAST_SLOPE = 0.5  # of log spacing on log tau
LEVELLED = 0.5  # of the spread of spacing over modules, what is left at most where tau is made flat


RULE = (
    f"Tau *sets* the scale of an arm if at least {100 * ENOUGH:.0f} % of units are grid cells, the interval of the "
    f"slope of log spacing on log tau lies above {LEAST_SLOPE:g}, spacing follows more than {100 * FOLLOWS:.0f} % "
    f"of a change of tau by 1.25 (that is, grows by more than {25 * FOLLOWS:.1f} %), and with tau the same "
    f"everywhere at most {100 * LEVELLED:.0f} % of the spread of spacing over modules is left."
)
"""When the study says so."""

LEAST = {"between": SMALLEST_SPREAD, "share_above_0.8": ENOUGH}
"""What a figure of a change has to be before it, for what is left of it to mean something."""


class Quantity(NamedTuple):
    """One figure of a network."""

    name: str
    about: str
    of: Callable[[Record], float]
    digits: int = 2
    factor: float = 1.0
    low: float = -math.inf
    """What it cannot be below; its interval ends there."""
    high: float = math.inf
    """What it cannot be above."""


def _measure(key: str) -> Callable[[Record], float]:
    return lambda record: number(record["measures"].get(f"validation/{key}"))


def _slope(cause: str) -> Callable[[Record], float]:
    """Return the slope on a cause; NaN where too few units are grid cells, whose lattices would be chance.

    Given the other cause where gain is laid out. Where it is not, a gain that differs between modules is what training
    made of tau, and a part of what tau does.
    """
    cells = _measure("share_gate")

    def of(record: Record) -> float:
        modules = record["modules"]
        if not cells(record) >= ENOUGH:
            return math.nan
        if ARMS[record["arm"]].gain:
            return number(modules["slopes"].get(cause))
        if cause == "gain":
            return math.nan
        if len(modules["tau"]) > 1:
            tau = numbers(modules["tau"])
            return number(slopes(numbers(modules["spacing"]), tau, np.ones_like(tau))["tau"])
        return number(record["measures"].get("validation/lattices/scaling_slope"))

    return of


def _ratio(change: str) -> Callable[[Record], float]:
    """Return the median over modules of spacing after a change over spacing before."""

    def of(record: Record) -> float:
        done = record["changes"].get(change)
        if done is None:
            return math.nan
        after, before = (numbers(one["spacing"]) for one in (done, record["changes"]["baseline"]))
        ratios = after / before
        there = ratios[np.isfinite(ratios)]
        return float(np.median(there)) if there.size else math.nan

    return of


def _left(change: str, key: str) -> Callable[[Record], float]:
    """Return what a change leaves of a figure, as a share of what it was; NaN where that was next to nothing."""

    def of(record: Record) -> float:
        done = record["changes"].get(change)
        before = number(record["changes"]["baseline"].get(key))
        return number(done.get(key)) / before if done is not None and before >= LEAST[key] else math.nan

    return of


def _of(part: str, key: str) -> Callable[[Record], float]:
    return lambda record: number(record[part].get(key))


def _median_of(part: str, key: str) -> Callable[[Record], float]:
    return lambda record: _over_finite(record[part].get(key, ()))


def _betti(which: int) -> Callable[[Record], float]:
    return lambda record: math.nan if record["torus"] is None else float(record["torus"]["betti"][which])


def _over_finite(values: Sequence[float | None]) -> float:
    there = [value for value in map(number, values) if math.isfinite(value)]
    return float(np.median(there)) if there else math.nan


QUANTITIES = (
    Quantity("gate %", "Share of units that pass the grid-cell test, percent.", _measure("share_gate"), 0, 100, 0, 100),
    Quantity(
        "GS > 0.8 %", "Share of units with a grid score above 0.8, percent.", _measure("share_above_0.8"), 0, 100, 0,
        100,
    ),
    Quantity("null %", "The same of surrogate maps, percent.", _measure("null_share_above_0.8"), 0, 100, 0, 100),
    Quantity("25 best", "Mean grid score of the 25 best units.", _measure("best_25_grid_score_mean")),
    Quantity(
        "slope on tau",
        "Of log spacing on log tau over modules, given gain where that is laid out; over units where there is one "
        "module; none without grid cells.",
        _slope("tau"),
    ),
    Quantity(
        "slope, settled", "The same on settled walks and over tau alone, as tables of single networks have it.",
        _measure("module_scaling_slope"),
    ),
    Quantity(
        "slope on gain",
        "Of log spacing on log gain from movement over modules, given tau; only where gain is laid out.",
        _slope("gain"),
    ),
    Quantity(
        "within %", "Median over modules of the spread of spacing inside, percent.", _median_of("modules", "spread"), 1,
        100,
    ),
    Quantity("clusters", "Clusters of spacing, by a mixture with floors.", _measure("lattices/n_scale_clusters"), 1),
    Quantity("ratio", "Mean ratio of neighbouring clusters.", _measure("lattices/scale_cluster_ratio")),
    Quantity("Moran's I", "Order of log spacing on the sheet.", _measure("lattices/spacing_morans_i")),
    Quantity("given tau", "The same of what log tau leaves of it.", _measure("lattices/spacing_partial_morans_i")),
    Quantity("tau x0.8", "Spacing after over before, median over modules.", _ratio("tau_x0.8")),
    Quantity("tau x1.25", "Spacing after over before, median over modules.", _ratio("tau_x1.25")),
    Quantity("tau x1.3", "Spacing after over before, median over modules.", _ratio("tau_x1.3")),
    Quantity(
        "cells, x1.3", "Share with a grid score above 0.8, after over before.", _left("tau_x1.3", "share_above_0.8"),
    ),
    Quantity("spread, x1.3", "Spread of log spacing over modules, after over before.", _left("tau_x1.3", "between")),
    Quantity("spread, flat", "The same with tau made flat.", _left("tau_flat", "between")),
    Quantity("spread, permuted", "The same with tau permuted over units.", _left("tau_permuted", "between")),
    Quantity("speed x0.5", "Spacing after over before.", _ratio("speed_x0.5")),
    Quantity("speed x2", "Spacing after over before.", _ratio("speed_x2")),
    Quantity("dt x0.5", "Spacing after over before.", _ratio("dt_x0.5")),
    Quantity("dt x2", "Spacing after over before.", _ratio("dt_x2")),
    Quantity("box x2", "Spacing after over before.", _ratio("box_x2")),
    Quantity(
        "patch score", "Smallest grid score in a 5x5 patch of the sheet, mean over patches.",
        _of("patches", "smallest_score"),
    ),
    Quantity("permuted score", "The same with units permuted.", _of("patches", "permuted_smallest_score")),
    Quantity(
        "patch turn", "Standard deviation of orientation in a 5x5 patch, degrees, mean over patches.",
        _of("patches", "orientation_sd"), 1,
    ),
    Quantity("permuted turn", "The same with units permuted.", _of("patches", "permuted_orientation_sd"), 1),
    Quantity("loops", "Of the states of one module, by persistent homology; 2 on a torus.", _betti(0), 1),
    Quantity("holes", "The same; 1 on a torus.", _betti(1), 1),
    Quantity(
        "locality", "Mean magnitude of recurrent weights between next neighbours over that between all units.",
        _of("connections", "locality"),
    ),
    Quantity(
        "spectral radius", "Largest magnitude of an eigenvalue of the recurrent weights, median over modules.",
        _median_of("connections", "spectral_radius"),
    ),
    *(
        Quantity(f"{seconds} s cm", f"Error after {seconds} s, cm.", _measure(f"error_{seconds}s_cm"), 1, low=0)
        for seconds in ("0.4", "2", "10", "60")
    ),
    *(
        Quantity(
            f"{seconds} s cm, feedback", "The same with feedback from the place code, cm.",
            _measure(f"feedback_error_{seconds}s_cm"), 1, low=0,
        )
        for seconds in ("10", "60")
    ),
    Quantity(
        "still 10 s", "Error of a decoder that never updates its position, cm.", _measure("error_10s_hold_still_cm"), 0,
    ),
    Quantity(
        "middle 60 s", "Error after 60 s of always guessing the middle of the box, cm.",
        _measure("error_60s_middle_cm"), 0,
    ),
    Quantity(
        "minutes", "Of training, of the process that ended it; other programs ran on the machine beside most.",
        lambda record: number(record["minutes"]), 1, low=0,
    ),
)  # fmt: skip
"""All figures, in the order of the table."""


class Row(NamedTuple):
    """An arm over its seeds."""

    arm: Arm
    seeds: tuple[int, ...]
    values: dict[str, MeanInterval]
    """By names of `QUANTITIES`."""
    each: dict[str, list[float]]
    """The same, a number a seed."""


def rows_of(records: Sequence[Record]) -> list[Row]:
    """Return a row for every arm that has a record, in the order of `ARMS`."""
    rows = []
    for arm in ARMS.values():
        own = sorted((record for record in records if record["arm"] == arm.name), key=lambda record: record["seed"])
        if own:
            each = {one.name: [one.factor * one.of(record) for record in own] for one in QUANTITIES}
            values = {one.name: _possible(mean_interval(each[one.name]), one) for one in QUANTITIES}
            rows.append(Row(arm, tuple(record["seed"] for record in own), values, each))
    return rows


def _possible(value: MeanInterval, quantity: Quantity) -> MeanInterval:
    """Let an interval end where the quantity does: Student's t knows no such end."""
    return value._replace(low=max(value.low, quantity.low), high=min(value.high, quantity.high)) if value.n else value


def told(value: MeanInterval, digits: int) -> str:
    """Write a mean with its interval, ``-`` where there is no value."""
    if not value.n:
        return "-"
    mean = f"{value.mean:.{digits}f}"
    return mean if math.isnan(value.low) else f"{mean} ({value.low:.{digits}f} to {value.high:.{digits}f})"


def table(rows: Sequence[Row]) -> tuple[list[str], list[list[str]]]:
    """Return all figures with their intervals as text: a column an arm, a row a figure."""
    columns = ["", *(row.arm.name for row in rows)]
    body = [["networks", *(str(len(row.seeds)) for row in rows)]]
    body += [[one.name, *(told(row.values[one.name], one.digits) for row in rows)] for one in QUANTITIES]
    return columns, body


def as_csv(rows: Sequence[Row]) -> tuple[list[str], list[list[float | str]]]:
    """Return every figure of every network: column names and rows."""
    columns = ["arm", "seed", *(one.name for one in QUANTITIES)]
    return columns, [
        [row.arm.name, float(seed), *(row.each[one.name][number] for one in QUANTITIES)]
        for row in rows
        for number, seed in enumerate(row.seeds)
    ]


def _told_percent(share: MeanInterval) -> str:
    return f"{100 * share.mean:.0f} ({100 * share.low:.0f} to {100 * share.high:.0f}) %"


def followed_share(row: Row) -> float:
    """Return which share of a change of tau by 1.25 spacing follows."""
    return (row.values["tau x1.25"].mean - 1) / 0.25


def verdict(row: Row) -> str:
    """Say whether tau sets the scale of an arm, in a sentence that begins with the answer; `RULE` says when.

    With one network there is no interval, and nothing is said.
    """
    cells, slope = row.values["gate %"], row.values["slope on tau"]
    flat = row.values["spread, flat"]
    note = f" {row.arm.asked_for}" if row.arm.asked_for else ""
    if len(row.seeds) < 2:
        return f"No answer: one network is no sample.{note}"
    if cells.mean < 100 * ENOUGH:
        return f"No scale to set: {cells.mean:.0f} % of units are grid cells.{note}"
    if not slope.n:
        gain = row.values["slope on gain"]
        other = f" Spacing goes as gain to the power {gain.mean:.2f}." if gain.n else ""
        return f"No tau to set it: all time constants are equal.{other}{note}"
    followed = followed_share(row)
    if not slope.low > LEAST_SLOPE:
        undone = (
            f", though spacing follows {100 * followed:.0f} % of a later change of tau: training made up for tau"
            if followed > FOLLOWS
            else ""
        )
        return f"Does not set: the slope of spacing on tau is {told(slope, 2)}{undone}.{note}"
    if not followed > FOLLOWS:
        return f"Does not set: spacing follows {100 * followed:.0f} % of a change of tau.{note}"
    level = (
        f", and with tau the same everywhere {100 * flat.mean:.0f} % of the differences between modules are left"
        if flat.n
        else ""
    )
    if flat.n and flat.mean > LEVELLED:
        return (
            f"Sets it beside something else: spacing follows {100 * followed:.0f} % of a change of tau, but "
            f"with tau the same everywhere {_told_percent(flat)} of the differences between modules are left.{note}"
        )
    return f"Sets: slope {told(slope, 2)}, spacing follows {100 * followed:.0f} % of a change of tau{level}.{note}"
