"""Time constants: how they are first laid out on the sheet."""

from __future__ import annotations

import torch
from torch import Tensor

from topogrid.analysis.sheets import Sheet


def coordinates(sheet: Sheet) -> Tensor:
    """Row and column of every unit, ``(unit, 2)``, each scaled to run from 0 to 1."""
    line = torch.linspace(0, 1, sheet.side) if sheet.side > 1 else torch.zeros(1)
    rows, cols = torch.meshgrid(line, line, indexing="ij")
    return torch.stack((rows.flatten(), cols.flatten()), dim=-1)


def tau_layout(
    name: str,
    sheet: Sheet,
    bounds: tuple[float, float],
    *,
    n_bands: int = 4,
    generator: torch.Generator | None = None,
) -> Tensor:
    """First time constants of the units of a sheet.

    Parameters
    ----------
    name : {"gradient", "radial", "bands", "random", "uniform"}
        ``gradient`` rises along the rows, ``radial`` from the centre outwards, ``bands`` rises in ``n_bands`` equal
        steps along the rows, ``random`` scatters the values of an even ramp without order, ``uniform`` gives all units
        the middle of the bounds.
    sheet : Sheet
    bounds : (float, float)
        Smallest and largest tau, steps; ramps are even in steps.
    n_bands : int
        Steps of the ``bands`` layout.
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
    height = _LAYOUTS[name](sheet, n_bands, generator)
    return (low + (high - low) * height).clamp(low, high)


def _gradient(sheet: Sheet, _n_bands: int, _generator: torch.Generator | None) -> Tensor:
    return coordinates(sheet)[:, 0]


def _radial(sheet: Sheet, _n_bands: int, _generator: torch.Generator | None) -> Tensor:
    distance = (coordinates(sheet) - 0.5).norm(dim=-1)
    span = distance.max() - distance.min()
    return (distance - distance.min()) / span if span > 0 else torch.zeros_like(distance)


def _bands(sheet: Sheet, n_bands: int, _generator: torch.Generator | None) -> Tensor:
    row = torch.arange(sheet.n_units) // sheet.side
    band = row * n_bands // sheet.side
    return band / (n_bands - 1) if n_bands > 1 else torch.full((sheet.n_units,), 0.5)


def _random(sheet: Sheet, _n_bands: int, generator: torch.Generator | None) -> Tensor:
    if generator is None:
        raise ValueError("the random tau layout needs a generator")
    order = torch.randperm(sheet.n_units, generator=generator, device=generator.device).cpu()
    return order / max(sheet.n_units - 1, 1)


def _uniform(sheet: Sheet, _n_bands: int, _generator: torch.Generator | None) -> Tensor:
    return torch.full((sheet.n_units,), 0.5)


_LAYOUTS = {"gradient": _gradient, "radial": _radial, "bands": _bands, "random": _random, "uniform": _uniform}
