"""The table of units: a structured array of NumPy, which pandas takes where it is there."""

from __future__ import annotations

import csv
import importlib
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from topogrid.files import read_text
from topogrid.tables import to_text

SHOWN = 10
"""Units that a printed table has at most, half of them from each end."""

_ENDS = (*range(SHOWN // 2), *range(-SHOWN // 2, 0))
_WHOLE = ("unit", "row", "col", "module")
_FLAGS = ("grid_cell",)


class Units(np.ndarray[tuple[int], np.dtype[np.void]]):
    """One row a unit, in the order of the sheet; ``units["spacing_m"]`` is a column, ``units[7]`` a row.

    Columns are those of ``units.csv``:

    ``unit``, ``row``, ``col``, ``module``
        Number of the unit, its place on the sheet, and the module it is in.
    ``tau_steps``, ``tau_ms``
        Time constant, in steps and in milliseconds.
    ``score_60``, ``score_90``
        Grid score, and the same with fourfold symmetry; NaN in a unit that is silent.
    ``p_value``, ``grid_cell``
        Of the grid score against surrogate maps, and whether the unit is a grid cell at 5 % false discoveries.
    ``spacing_m``, ``orientation_deg``, ``phase_1``, ``phase_2``, ``ellipse_ratio``
        Of the lattice fitted to the rate map, in metres, degrees mod 60 and cycles; NaN without one.
    ``border_score``, ``information_bits``, ``peak_rate``
        Border score, spatial information in bits, highest rate of the map.
    ``negative_share``
        Share of settled states below zero.
    ``start_score_60``, ``start_spacing_m``
        The same on maps that are counted from the first step on.
    """

    def __repr__(self) -> str:
        """Return the first and the last units as a table with the names of its columns."""
        if self.ndim != 1 or not self.dtype.names:
            return super().__repr__()
        rows = [[_told(value) for value in unit.item()] for unit in (self if len(self) <= SHOWN else self[[*_ENDS]])]
        if len(self) > SHOWN:
            rows.insert(SHOWN // 2, ["..."] * len(self.dtype.names))
        return f"{to_text(list(self.dtype.names), rows)}{len(self):,} units"

    __str__ = __repr__

    def to_pandas(self) -> Any:
        """Return a ``pandas.DataFrame`` with a column each.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        pandas = import_pandas()
        names = self.dtype.names or ()
        return pandas.DataFrame({name: np.asarray(self[name]) for name in names})


def _told(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def import_pandas() -> Any:
    """Return pandas, which nothing else needs, or say how to get it."""
    try:
        return importlib.import_module("pandas")
    except ImportError as error:
        raise ImportError("a table of pandas needs pandas; run: pip install pandas") from error


def as_units(columns: Sequence[str], rows: Sequence[Sequence[float | int]]) -> Units:
    """Return the table of columns and rows."""
    kinds = [(name, _kind(name)) for name in columns]
    return np.array([tuple(row) for row in rows], dtype=kinds).view(Units)


def _kind(name: str) -> type:
    return np.int64 if name in _WHOLE else np.bool_ if name in _FLAGS else np.float64


def read_units_csv(path: Path) -> Units:
    """Read what a run wrote.

    Raises
    ------
    OSError, ValueError
        If it is no such file.
    """
    columns, *rows = csv.reader(io.StringIO(read_text(path), newline=""))
    if any(len(row) != len(columns) for row in rows):
        raise ValueError(f"{path} is no table: its rows differ in length; `topogrid analyze` makes it again")
    return as_units(columns, [[float(cell or "nan") for cell in row] for row in rows])
