"""What is known of a tracked number."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple


class Measure(NamedTuple):
    """One tracked number: what it means and how people see it.

    Attributes
    ----------
    key : str
        Its name in ``metrics.jsonl``, ``summary.json`` and W&B.
    about : str
        A sentence that says what it is.
    label : str
        What it is called in a table or on an axis, without its unit; empty where only its name is shown.
    short : str
        What it is called where there is little room: at the head of a column, below dots.
    unit : str
        As shown, after ``factor``.
    factor : float
        Multiplies the tracked number for everyone to see: 100 where it is a share shown in percent.
    digits : int
        Decimals shown.
    null : Measure, optional
        What chance gives of the same.
    interval : (str, str), optional
        Keys of the ends of its interval inside one network.
    less_null : bool
        Whether the excess over ``null`` is meant.
    of_tau : bool
        Whether only networks with time constants have it.
    panel : bool
        Whether a dashboard shows it without being asked.
    """

    key: str
    about: str
    label: str = ""
    short: str = ""
    unit: str = ""
    factor: float = 1.0
    digits: int = 1
    null: Measure | None = None
    interval: tuple[str, str] | None = None
    less_null: bool = False
    of_tau: bool = False
    panel: bool = True

    @property
    def title(self) -> str:
        """Its label with its unit."""
        return f"{self.label} ({self.unit})" if self.unit else self.label

    @property
    def heading(self) -> str:
        """Its short name with its unit, as at the head of a column."""
        unit = self.unit.split(" ")[0]
        return f"{self.short} {unit}" if unit else self.short

    @property
    def over_null(self) -> Measure:
        """The excess over the null, in points of a hundred."""
        return self._replace(label=f"{self.label} over null", unit="points", less_null=True)

    def of(self, row: Mapping[str, float]) -> float:
        """Return its value in a row of tracked numbers, as it is shown; NaN where there is none."""
        value = self.factor * row.get(self.key, math.nan)
        return value - self.null.of(row) if self.less_null and self.null is not None else value

    def told(self, row: Mapping[str, float]) -> str:
        """Return its value as text, ``-`` where there is none."""
        value = self.of(row)
        return f"{value:.{self.digits}f}" if math.isfinite(value) else "-"

    def told_beside_null(self, row: Mapping[str, float]) -> str:
        """Return its value and in brackets that of its null, where there is one."""
        value, null = self.told(row), "-" if self.null is None else self.null.told(row)
        return value if "-" in (value, null) else f"{value} ({null})"

    def inside(self, prefix: str) -> Measure:
        """Return the same of other units or another view, whose names have ``prefix`` after their group."""
        if not prefix:
            return self
        ends = None if self.interval is None else (_inside(self.interval[0], prefix), _inside(self.interval[1], prefix))
        null = None if self.null is None else self.null.inside(prefix)
        return self._replace(key=_inside(self.key, prefix), interval=ends, null=null)


def _inside(key: str, prefix: str) -> str:
    group, _slash, name = key.partition("/")
    return f"{group}/{prefix}{name}"
