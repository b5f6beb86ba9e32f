"""Units cut off."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from topogrid.evaluation.results import Evaluation
from topogrid.interventions.condition import Condition, rng_of

Float = NDArray[np.float64]
Units = NDArray[np.intp]


SILENCED_SHARE = 0.2  # of the units that are alive


def silence(condition: Condition, units: Sequence[int] | Units) -> Condition:
    """Cut units off: they start at 0, hear nothing and tell nothing, so that they stay at 0.

    Parameters
    ----------
    condition : Condition
    units : sequence of int
        Which units.

    Returns
    -------
    Condition

    Raises
    ------
    ValueError
        If a unit is not on the sheet.
    """
    chosen = np.unique(np.asarray(units, dtype=np.intp))
    n_units = condition.config.n_grid_cells
    if chosen.size and not (chosen[0] >= 0 and chosen[-1] < n_units):
        raise ValueError(f"units to silence must be 0 to {n_units - 1}, got {chosen[0]} to {chosen[-1]}")
    network = copy.deepcopy(condition.network)
    where = torch.from_numpy(chosen).to(network.encoder.device)
    network.silence(where)
    note = f"{chosen.size} of {n_units} units silenced; they count as dead"
    return condition.with_network(network, silenced=tuple(chosen.tolist()), note=note)


def silence_extreme(condition: Condition, before: Evaluation, *, by: Callable[[Evaluation], Float]) -> Condition:
    """Silence the living units that are largest in something: ties are broken by their number."""
    alive = _alive(before)
    order = np.argsort(-np.nan_to_num(by(before)[alive], nan=-np.inf), kind="stable")
    return silence(condition, alive[order[: _n_silenced(alive)]])


def silence_random(condition: Condition, before: Evaluation) -> Condition:
    """Silence as many living units, chosen at random: the control of the other silencings."""
    alive = _alive(before)
    return silence(condition, rng_of(condition, 1).choice(alive, _n_silenced(alive), replace=False))


def _alive(before: Evaluation) -> Units:
    return np.flatnonzero(~before.settled.dead)


def _n_silenced(alive: Units) -> int:
    return round(SILENCED_SHARE * len(alive))
