"""The same units, and the same modules, before and after a change: arrays, for anybody's own statistics."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from topogrid.analysis.sheets import Sheet, module_scales
from topogrid.evaluation.results import Evaluation, Glance

Float = NDArray[np.float64]
Flags = NDArray[np.bool_]
Whole = NDArray[np.int64]

COUNTED = 0.3  # grid score above which a unit's spacing counts


@dataclass(frozen=True)
class Paired:
    """Units and modules before and after a change, each array in the order of the sheet.

    Attributes
    ----------
    module : ndarray of int, ``(unit,)``
        Module of every unit.
    tau_before, tau_after : ndarray, ``(unit,)``
        Time constants, steps.
    score_before, score_after : ndarray, ``(unit,)``
        Grid scores of the settled maps; NaN in a unit that is silent.
    spacing_before, spacing_after : ndarray, ``(unit,)``
        Metres; NaN without a lattice.
    counted : ndarray of bool, ``(unit,)``
        Units with a grid score above `COUNTED` both times.
    module_tau_before, module_tau_after : ndarray, ``(module,)``
        Mean over units, steps.
    module_spacing_before, module_spacing_after : ndarray, ``(module,)``
        Median over counted units, metres; NaN where they are too few.
    """

    module: Whole
    tau_before: Float
    tau_after: Float
    score_before: Float
    score_after: Float
    spacing_before: Float
    spacing_after: Float
    counted: Flags
    module_tau_before: Float
    module_tau_after: Float
    module_spacing_before: Float
    module_spacing_after: Float

    @property
    def log_tau_change(self) -> Float:
        """``(unit,)``, change of the logarithm of tau."""
        return np.log(self.tau_after / self.tau_before)

    @property
    def log_spacing_change(self) -> Float:
        """``(unit,)``, change of the logarithm of spacing; NaN in a unit that does not count."""
        changed = np.full(len(self.module), np.nan)
        counted = self.counted
        changed[counted] = np.log(self.spacing_after[counted] / self.spacing_before[counted])
        return changed

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return all arrays by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


def paired(before: Evaluation | Glance, after: Evaluation | Glance, sheet: Sheet) -> Paired:
    """Set what was measured before beside what was measured after."""
    was, now = _view(before), _view(after)
    counted = [np.nan_to_num(score, nan=-np.inf) > COUNTED for _tau, score, _spacing in (was, now)]
    scales = [
        module_scales(spacing, tau, sheet.module_of, counts)
        for (tau, _score, spacing), counts in zip((was, now), counted, strict=True)
    ]
    return Paired(
        sheet.module_of.astype(np.int64),
        was[0],
        now[0],
        was[1],
        now[1],
        was[2],
        now[2],
        counted[0] & counted[1],
        scales[0].tau,
        scales[1].tau,
        scales[0].spacing,
        scales[1].spacing,
    )


def _view(seen: Evaluation | Glance) -> tuple[Float, Float, Float]:
    """Return tau, grid score and spacing, each ``(unit,)``."""
    view = seen.settled if isinstance(seen, Evaluation) else seen
    return seen.tau, view.scores.score_60, view.lattice.spacing
