"""How strong feedback from the place code should be: errors after the longest time, over seeds and speeds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from topogrid.reading import number

Record = Mapping[str, Any]


def feedback_table(records: Sequence[Record], arm: str) -> tuple[list[str], list[list[str]]]:
    """Return the errors at the last moment: a row a code and strength, a column a speed.

    Each is the mean over networks of the mean error over walks, and the smallest and largest of these; empty without a
    record that has a sweep.
    """
    swept = [record["feedback"] for record in records if record["arm"] == arm and record["feedback"]]
    if not swept:
        return [], []
    speeds = sorted({one["speed"] for one in swept[0]})
    last = max(swept[0][0]["seconds"])
    columns = ["fed back", "strength", *(f"{last:g} s, speed x{speed:g}, cm" for speed in speeds)]
    body, told = [], set()
    for one in swept[0]:
        kind = ("nothing", 0.0) if one["strength"] == 0 else (f"{one['code']} code", one["strength"])
        if kind not in told:
            told.add(kind)
            cells = [_told([_error(sweep, one["code"], one["strength"], speed) for sweep in swept]) for speed in speeds]
            body.append([kind[0], f"{kind[1]:g}", *cells])
    return columns, body


def best_feedback(records: Sequence[Record], arm: str, speed: float = 1.0) -> tuple[str, float, float] | None:
    """Return code, strength and error, cm, of the feedback with the smallest mean error at the last moment.

    ``None`` without a record that has a sweep.
    """
    swept = [record["feedback"] for record in records if record["arm"] == arm and record["feedback"]]
    kinds = {(one["code"], one["strength"]) for sweep in swept for one in sweep if one["strength"] > 0}
    errors = {kind: np.mean([_error(sweep, *kind, speed) for sweep in swept]) for kind in sorted(kinds)}
    known = {kind: float(error) for kind, error in errors.items() if math.isfinite(error)}
    if not known:
        return None
    best = min(known, key=lambda kind: known[kind])
    return (*best, known[best])


def error_without(records: Sequence[Record], arm: str, speed: float = 1.0) -> float:
    """Return the mean error at the last moment without feedback, on the walks of the sweep, cm."""
    swept = [record["feedback"] for record in records if record["arm"] == arm and record["feedback"]]
    codes = {one["code"] for sweep in swept for one in sweep if one["strength"] == 0}
    return float(np.mean([_error(sweep, min(codes), 0.0, speed) for sweep in swept])) if codes else math.nan


def n_feedbacks(records: Sequence[Record], arm: str) -> int:
    """Return how many pairs of code and strength were tried on an arm."""
    swept = [record["feedback"] for record in records if record["arm"] == arm and record["feedback"]]
    return len({(one["code"], one["strength"]) for sweep in swept for one in sweep if one["strength"] > 0})


def _error(sweep: Sequence[Mapping[str, Any]], code: str, strength: float, speed: float) -> float:
    """Return the mean error at the last moment, cm; NaN if it is not there."""
    for one in sweep:
        if (one["code"], one["strength"], one["speed"]) == (code, strength, speed):
            return number(one["mean_cm"][-1])
    return math.nan


def _told(errors: Sequence[float]) -> str:
    there = [error for error in errors if math.isfinite(error)]
    if not there:
        return "-"
    mean = f"{np.mean(there):.1f}"
    return mean if len(there) == 1 else f"{mean} ({min(there):.1f} to {max(there):.1f})"
