"""The cortical sheet: units on a square grid, and how time constants are first laid out on it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class CorticalSheet:
    """A square sheet of units; unit ``i`` stands at row ``i // side``, column ``i % side``.

    Row 0 is drawn at the top and plays the dorsal end.
    """

    side: int

    @classmethod
    def of_units(cls, n_units: int) -> CorticalSheet:
        """Sheet that holds ``n_units``; `ValueError` unless that is a square number."""
        side = math.isqrt(max(n_units, 0))
        if side < 1 or side * side != n_units:
            near = max(1, round(math.sqrt(max(n_units, 1))))
            raise ValueError(
                f"a square sheet needs a square number of units, got {n_units}; the nearest is {near * near}"
            )
        return cls(side)

    @property
    def n_units(self) -> int:
        """Number of units."""
        return self.side * self.side

    def coordinates(self) -> Tensor:
        """Row and column of every unit, ``(unit, 2)``, each scaled to run from 0 to 1."""
        line = torch.linspace(0, 1, self.side) if self.side > 1 else torch.zeros(1)
        rows, cols = torch.meshgrid(line, line, indexing="ij")
        return torch.stack((rows.flatten(), cols.flatten()), dim=-1)


def tau_layout(
    name: str,
    sheet: CorticalSheet,
    bounds: tuple[float, float],
    *,
    n_modules: int = 4,
    generator: torch.Generator | None = None,
) -> Tensor:
    """First time constants of the units of a sheet.

    Parameters
    ----------
    name : {"gradient", "radial", "modules", "random", "uniform"}
        ``gradient`` rises along the rows, ``radial`` from the centre outwards, ``modules`` rises in ``n_modules`` equal
        steps along the rows, ``random`` scatters the values of an even ramp without order, ``uniform`` gives all units
        the middle of the bounds.
    sheet : CorticalSheet
    bounds : (float, float)
        Smallest and largest tau, steps; ramps are even in steps.
    n_modules : int
        Steps of the ``modules`` layout.
    generator : torch.Generator, optional
        Needed by ``random``.

    Returns
    -------
    Tensor, ``(unit,)``
        Steps, on the CPU.

    Raises
    ------
    ValueError
        For an unknown name, or ``random`` without a generator.
    """
    if name not in _LAYOUTS:
        raise ValueError(f"tau layout must be one of {', '.join(_LAYOUTS)}, got {name!r}")
    low, high = bounds
    height = _LAYOUTS[name](sheet, n_modules, generator)
    return (low + (high - low) * height).clamp(low, high)


def _gradient(sheet: CorticalSheet, _n_modules: int, _generator: torch.Generator | None) -> Tensor:
    return sheet.coordinates()[:, 0]


def _radial(sheet: CorticalSheet, _n_modules: int, _generator: torch.Generator | None) -> Tensor:
    distance = (sheet.coordinates() - 0.5).norm(dim=-1)
    span = distance.max() - distance.min()
    return (distance - distance.min()) / span if span > 0 else torch.zeros_like(distance)


def _modules(sheet: CorticalSheet, n_modules: int, _generator: torch.Generator | None) -> Tensor:
    row = torch.arange(sheet.n_units) // sheet.side
    module = row * n_modules // sheet.side
    return module / (n_modules - 1) if n_modules > 1 else torch.full((sheet.n_units,), 0.5)


def _random(sheet: CorticalSheet, _n_modules: int, generator: torch.Generator | None) -> Tensor:
    if generator is None:
        raise ValueError("the random tau layout needs a generator")
    order = torch.randperm(sheet.n_units, generator=generator, device=generator.device).cpu()
    return order / max(sheet.n_units - 1, 1)


def _uniform(sheet: CorticalSheet, _n_modules: int, _generator: torch.Generator | None) -> Tensor:
    return torch.full((sheet.n_units,), 0.5)


_LAYOUTS = {"gradient": _gradient, "radial": _radial, "modules": _modules, "random": _random, "uniform": _uniform}
