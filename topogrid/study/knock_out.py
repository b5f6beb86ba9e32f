"""Which change of a network looks like an animal without HCN1 channels.

In these mice grid spacing is larger at every level of the dorsoventral axis, its gradient stays, and as many cells are
grid cells as in controls (Giocomo et al., Cell 2011). A longer tau everywhere should look like it; tau that is the same
everywhere should not, where tau is what makes the gradient.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from topogrid.reading import number
from topogrid.study.arms import ARMS
from topogrid.study.table import LEAST
from topogrid.study.values import numbers

Record = Mapping[str, Any]

CHANGES = ("tau_x1.3", "tau_flat")
"""The changes that are compared with the animal."""

LARGER = 1.05  # ratio of spacings from which a module counts as larger
MOST_LARGER = 0.9  # share of modules that have to be
KEPT = (0.8, 1.25)  # of the spread of log spacing over modules
CELLS_KEPT = (0.8, 1.2)  # of the share of units with a grid score above 0.8


class Likeness(NamedTuple):
    """One change of one network beside the animal; NaN where there is no number."""

    larger: float
    """Share of modules whose spacing is larger."""
    gradient: float
    """Spread of log spacing over modules, after over before."""
    cells: float
    """Share of units with a grid score above 0.8, after over before."""

    @property
    def alike(self) -> bool | None:
        """Whether all three are as in the animal; ``None`` where one is not known."""
        if not all(math.isfinite(value) for value in self):
            return None
        return (
            self.larger >= MOST_LARGER
            and KEPT[0] <= self.gradient <= KEPT[1]
            and CELLS_KEPT[0] <= self.cells <= CELLS_KEPT[1]
        )


def likeness(record: Record, change: str) -> Likeness | None:
    """Compare a change with the animal; ``None`` if it was not made."""
    before, after = record["changes"]["baseline"], record["changes"].get(change)
    if after is None:
        return None
    was, now = (numbers(one["spacing"]) for one in (before, after))
    there = np.isfinite(was)
    larger = float(np.mean(np.nan_to_num(now[there] / was[there]) > LARGER)) if there.any() else math.nan
    spread, cells = (
        number(after.get(key)) / was_before if (was_before := number(before.get(key))) >= LEAST[key] else math.nan
        for key in ("between", "share_above_0.8")
    )
    return Likeness(larger, spread, cells)


def knock_out_table(records: Sequence[Record]) -> tuple[list[str], list[list[str]]]:
    """Return a row for every arm and change: means over networks, and how many look like the animal."""
    columns = ["arm", "change", "modules larger %", "gradient kept %", "cells kept %", "like the animal"]
    body = []
    for name in ARMS:
        own = [record for record in records if record["arm"] == name]
        for change in CHANGES:
            found = [one for record in own if (one := likeness(record, change)) is not None]
            if found:
                alike, known = alike_counts(own, name, change)
                counts = f"{alike} of {known}" if known else "-"
                body.append([name, change, *(_percent(values) for values in zip(*found, strict=True)), counts])
    return columns, body


def alike_counts(records: Sequence[Record], arm: str, change: str) -> tuple[int, int]:
    """Return how many networks of an arm look like the animal after a change, and of how many that is known."""
    found = [likeness(record, change) for record in records if record["arm"] == arm]
    known = [one.alike for one in found if one is not None and one.alike is not None]
    return sum(known), len(known)


def _percent(values: Sequence[float]) -> str:
    there = [value for value in values if math.isfinite(value)]
    return f"{100 * np.mean(there):.0f}" if there else "-"
