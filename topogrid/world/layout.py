"""How a recording is laid out: which columns, in what units, at what rate, and what becomes of lost samples."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real

from topogrid.tables import plain

UNITS = {"m": 1.0, "cm": 0.01, "mm": 0.001}
SEPARATORS = {"comma": ",", "semicolon": ";", "tab": "\t", "space": " ", "bar": "|"}
LOST = ("refuse", "interpolate")
SHIPPED = ("sargolini", "tanni")
"""Recordings inside the package ratinabox."""

MAX_SPEED = 10.0  # m/s; rats and mice stay below 4
_FASTEST, _RATES = 1000.0, (1e-3, 1e9)


@dataclass(frozen=True)
class Layout:
    """What a file of a recorded walk does not say by itself. The defaults fit seconds and metres, named as usual.

    Parameters
    ----------
    columns : str or sequence of str, optional
        Columns of time and place by name, or by number from 1: ``t,x,y``, or with two lights ``t,x1,y1,x2,y2``, whose
        middle is the place. In ``.npz`` and ``.mat`` files names of arrays; one ``(sample, 2)`` stands for x and y.
        Without the first where ``rate`` is given and samples are evenly spaced. By default columns are known by
        their usual names.
    units : str
        Of positions: ``m``, ``cm``, ``mm``, or ``px:SCALE`` with pixels per metre.
    separator : str, optional
        Between the columns of a table: ``,``, ``;``, ``|``, or ``tab``, ``space``, ``comma``, ``semicolon``, ``bar``.
        By default it is read off the header.
    rate : float, optional
        Ticks of the time column in a second, above 0: samples per second where it counts samples or frames, or is
        not there; 1000 for milliseconds. By default the column holds seconds.
    lost : {"refuse", "interpolate"}
        What to do with samples in which the animal was not seen (NaN, or one value that is no place): refuse the
        recording, or leave them out and interpolate holes that are shorter than a second. With ``interpolate`` single
        samples that jump away and back are left out, too.
    max_speed : float
        Speed above which a step between samples is taken for a fault of tracking, m/s.
    agent : str, optional
        Whose walk to take where a file holds several: a value of the column ``agent_id`` (or ``agent``, ``individual``,
        ``animal``), or the name of a dictionary in a pickle.

    Raises
    ------
    ValueError
        If one of them cannot be used.
    """

    columns: str | Sequence[str] | None = None
    units: str = "m"
    separator: str | None = None
    rate: float | None = None
    lost: str = "refuse"
    max_speed: float = MAX_SPEED
    agent: str | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be used, before any file is opened."""
        self.names()
        self.metres()
        self.delimiter()
        if self.rate is not None:
            _check_number(self.rate, "rate", *_RATES, "ticks of the time column in a second")
        _check_number(self.max_speed, "max_speed", 0.0, _FASTEST, "m/s")
        if self.agent is not None and not (isinstance(self.agent, str) and self.agent.strip()):
            raise ValueError(f"agent must be a name, got {plain(repr(self.agent))[:60]}")
        if self.lost not in LOST:
            raise ValueError(f"lost must be {' or '.join(LOST)}, got {plain(repr(self.lost))[:60]}")

    def names(self) -> tuple[str, ...] | None:
        """Return the columns that are named, ``None`` where none are."""
        if self.columns is None:
            return None
        split = self.columns.split(",") if isinstance(self.columns, str) else list(self.columns)
        if not all(isinstance(name, str) for name in split):
            raise ValueError(f"columns must be names or texts of numbers, got {plain(repr(split))[:60]}")
        names = tuple(name.strip() for name in split)
        if not all(names) or len(set(names)) != len(names):
            raise ValueError(f"columns must be different names such as t,x,y, got {plain(','.join(names))[:60]!r}")
        if not 1 <= len(names) <= 5:
            raise ValueError(f"columns must be t,x,y or t,x1,y1,x2,y2, got {len(names)} names; leave the others out")
        return names

    def metres(self) -> float:
        """Return the length of one unit of position, metres."""
        wanted = "units must be m, cm, mm or px:SCALE with pixels per metre, such as px:350"
        if not isinstance(self.units, str):
            raise ValueError(f"{wanted}, got {plain(repr(self.units))[:60]}")
        if self.units in UNITS:
            return UNITS[self.units]
        kind, colon, text = self.units.partition(":")
        try:
            scale = float(text) if kind == "px" and colon and "_" not in text else math.nan
        except ValueError:
            scale = math.nan
        if not 1e-3 <= scale <= 1e6:
            raise ValueError(f"{wanted} (0.001 to 1000000), got {plain(self.units)[:60]!r}")
        return 1 / scale

    def delimiter(self) -> str | None:
        """Return the sign between columns, ``None`` where it is to be read off the header."""
        if self.separator is None or self.separator in SEPARATORS.values():
            return self.separator
        if self.separator == "\\t":  # as a shell hands it over
            return "\t"
        if self.separator not in SEPARATORS:
            raise ValueError(
                f"separator must be one of , ; | or {', '.join(SEPARATORS)}, got {plain(repr(self.separator))[:60]}"
            )
        return SEPARATORS[self.separator]


def _check_number(value: object, name: str, low: float, high: float, unit: str) -> None:
    if not isinstance(value, Real) or isinstance(value, bool) or not low <= float(value) <= high or value == 0:
        limits = f"above 0 and at most {high:g}" if low == 0 else f"{low:g} to {high:g}"
        raise ValueError(f"{name} must be {limits} ({unit}), got {plain(repr(value))[:60]}")
