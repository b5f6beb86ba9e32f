"""The cortical sheet: where a unit stands, and which module it belongs to; the one place that knows the order of units.

Everything that is kept, drawn or measured is in *sheet order*: unit ``i`` stands at row ``i // side``, column
``i % side``; row 0 is drawn at the top and plays the dorsal end. A *module* is a square patch of the sheet; modules are
numbered row by row, as are the units inside each.
"""

import math
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from topogrid.analysis.options import as_count

__all__ = ["Sheet"]

Scalar = TypeVar("Scalar", bound=np.generic)


@dataclass(frozen=True)
class Sheet:
    """A square sheet of units, divided into square modules.

    Parameters
    ----------
    side : int
        Units along each side.
    modules : int
        Modules along each side; 1 is a sheet without modules, which is one module itself.

    Raises
    ------
    TypeError
        If a number is not whole.
    ValueError
        If a number is below 1, or the modules do not divide the sheet evenly.
    """

    side: int
    modules: int = 1

    def __post_init__(self) -> None:
        """Check the sizes; see the class."""
        as_count(self.side, "side, units,", least=-1), as_count(self.modules, "modules a side", least=-1)
        if self.side < 1 or self.modules < 1:
            raise ValueError(f"a sheet has 1 or more units and modules a side, got {self.side} and {self.modules}")
        if self.side % self.modules:
            raise ValueError(f"a sheet of {self.side} units a side does not split into {self.modules} modules a side")

    @classmethod
    def of_units(cls, n_units: int, modules: int = 1) -> "Sheet":
        """Sheet that holds ``n_units``; `ValueError` unless that is a square number that the modules divide."""
        side = math.isqrt(max(n_units, 0))
        if side < 1 or side * side != n_units:
            near = max(1, round(math.sqrt(max(n_units, 1))))
            raise ValueError(
                f"a square sheet needs a square number of units, got {n_units}; the nearest is {near * near}"
            )
        return cls(side, modules)

    @property
    def n_units(self) -> int:
        """Number of units."""
        return self.side * self.side

    @property
    def n_modules(self) -> int:
        """Number of modules."""
        return self.modules * self.modules

    @property
    def module_side(self) -> int:
        """Units along each side of a module."""
        return self.side // self.modules

    @property
    def row_col(self) -> NDArray[np.intp]:
        """Row and column of every unit, ``(unit, 2)``."""
        return np.stack(np.divmod(np.arange(self.n_units), self.side), axis=-1)

    @property
    def module_of(self) -> NDArray[np.intp]:
        """Module of every unit, ``(unit,)``."""
        row, col = (self.row_col // self.module_side).T
        module: NDArray[np.intp] = row * self.modules + col
        return module

    @property
    def order(self) -> NDArray[np.intp]:
        """Units of every module, ``(module, unit)``."""
        return np.argsort(self.module_of, kind="stable").reshape(self.n_modules, -1)

    def map(self, values: NDArray[Scalar]) -> NDArray[Scalar]:
        """Lay values ``(unit, ...)`` out on the sheet, ``(row, col, ...)``."""
        flat = self._checked(values)
        return flat.reshape(self.side, self.side, *flat.shape[1:])

    def to_modules(self, values: NDArray[Scalar]) -> NDArray[Scalar]:
        """Sort values ``(unit, ...)`` by module, ``(module, unit, ...)``."""
        return self._checked(values)[self.order]

    def to_units(self, values: NDArray[Scalar]) -> NDArray[Scalar]:
        """Undo `to_modules`: values ``(module, unit, ...)`` in sheet order, ``(unit, ...)``."""
        sorted_values = np.asarray(values)
        if sorted_values.shape[:2] != self.order.shape:
            raise ValueError(f"values by module must be {self.order.shape} and more, got {sorted_values.shape}")
        flat = np.empty((self.n_units, *sorted_values.shape[2:]), dtype=sorted_values.dtype)
        flat[self.order] = sorted_values
        return flat

    def _checked(self, values: NDArray[Scalar]) -> NDArray[Scalar]:
        flat = np.asarray(values)
        if flat.ndim == 0 or len(flat) != self.n_units:
            raise ValueError(f"a sheet of {self.n_units} units takes as many values, got {flat.shape}")
        return flat
