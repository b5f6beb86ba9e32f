"""What the pictures of the study show, taken from its records."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from topogrid.figures import StudyCourse, StudySheet, StudySteps
from topogrid.study.arms import ARMS, config_for
from topogrid.study.table import Row
from topogrid.study.values import numbers

Record = Mapping[str, Any]
Float = NDArray[np.float64]

STEPPED = ("attractor", "learned")
"""Arms whose units are shown one by one."""


def courses_of(rows: Sequence[Row], records: Sequence[Record]) -> list[StudyCourse]:
    """Return the errors over time of every arm."""
    found = []
    for row in rows:
        own = [record["courses"] for record in records if record["arm"] == row.arm.name]
        guess = np.mean([np.fmin(numbers(one["still"]), numbers(one["middle"])) for one in own], axis=0)
        without, fed = (np.array([numbers(one[name]) for one in own]) for name in ("without", "with"))
        found.append(StudyCourse(row.arm.title, numbers(own[0]["seconds"]), without, fed, guess))
    return found


def sheets_of(records: Sequence[Record]) -> list[StudySheet]:
    """Return tau and spacing of one network of every arm that has them in its record."""
    by_arm = {record["arm"]: record for record in records if record["units"]}
    return [
        StudySheet(arm.title, *(_map(by_arm[name]["units"][kind]) for kind in ("tau", "spacing")))
        for name, arm in ARMS.items()
        if name in by_arm
    ]


def steps_of(records: Sequence[Record]) -> list[StudySteps]:
    """Return every unit of one network of the arms in `STEPPED`."""
    found = []
    for name in STEPPED:
        for record in (one for one in records if one["arm"] == name and one["units"]):
            module_of = config_for(ARMS[name], record["seed"]).sheet.module_of
            tau, spacing = (numbers(record["units"][kind]) for kind in ("tau", "spacing"))
            found.append(StudySteps(ARMS[name].title, tau, spacing, module_of))
    return found


def _map(values: Sequence[float | None]) -> Float:
    side = math.isqrt(len(values))
    return numbers(values).reshape(side, side)
