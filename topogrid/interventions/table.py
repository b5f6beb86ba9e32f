"""Interventions carried out: what each action of the catalogue does, and what each of its needs means."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from topogrid.analysis import band_scores
from topogrid.evaluation.probe import Probe
from topogrid.evaluation.results import Evaluation
from topogrid.interventions.catalogue import Intervention, named
from topogrid.interventions.condition import Condition
from topogrid.interventions.controls import cut_recurrence, leak_only, untrain
from topogrid.interventions.silencing import silence, silence_extreme, silence_random
from topogrid.interventions.tau import (
    Weights,
    flatten_tau,
    permute_modules,
    permute_tau,
    reverse_modules,
    scale_tau,
    swap_tau,
    tau_steps_of,
)
from topogrid.interventions.walks import other_animals, probe_walks, scale_dt

Action = Callable[..., Condition]
"""From the trained network, its measures and options to the changed copy."""

ACTIONS: Mapping[str, Action] = {
    "reseed": other_animals,
    "scale tau": scale_tau,
    "flatten tau": flatten_tau,
    "permute tau": permute_tau,
    "permute modules": permute_modules,
    "reverse modules": reverse_modules,
    "swap tau": swap_tau,
    "other walks": lambda condition, before, **factors: probe_walks(condition, before, probe=Probe(**factors)),
    "scale dt": scale_dt,
    "silence module": lambda condition, _before, *, where: silence(condition, where.nonzero()[0]),
    "silence extreme": lambda condition, before, *, by: silence_extreme(condition, before, by=_RANKINGS[by]),
    "silence random": silence_random,
    "cut recurrence": cut_recurrence,
    "leave the leak": leak_only,
    "untrain": untrain,
}

_RANKINGS: Mapping[str, Callable[[Evaluation], Any]] = {
    "slow": lambda before: before.tau,
    "fast": lambda before: -before.tau,
    "best": lambda before: before.settled.scores.score_60,
    "banded": lambda before: band_scores(before.settled.rate_maps.maps),
}


class Need(NamedTuple):
    """What a network has to have."""

    lacking: str
    """Said of one that has not."""
    is_met: Callable[[Condition], bool]


NEEDS: Mapping[str, Need] = {
    "modules": Need("the sheet has no modules", lambda condition: condition.config.modules_per_side > 1),
    "tau": Need("a plain network has no time constants", lambda condition: condition.network.units.log_tau is not None),
    "different tau": Need("all time constants are equal", lambda condition: _tau_differs(condition)),
    "walls": Need("a torus has no walls to move", lambda condition: not condition.config.periodic),
}


def _tau_differs(condition: Condition) -> bool:
    tau = tau_steps_of(condition)
    return bool(tau.max() != tau.min())


def do(
    wanted: str | Intervention, condition: Condition, before: Evaluation, *, weights: Weights | None = None
) -> Condition:
    """Return a changed copy of a network.

    Parameters
    ----------
    wanted : str or Intervention
        What is done.
    condition : Condition
        The trained network.
    before : Evaluation
        Its measures.
    weights : ndarray, ``(unit,)``, optional
        Where a dose is given: the level to this power reaches a unit, 1 all of it and 0 nothing.

    Returns
    -------
    Condition

    Raises
    ------
    ValueError
        If it cannot be done to this network; see `obstacle`.
    """
    one = named(wanted) if isinstance(wanted, str) else wanted
    reason = obstacle(one, condition)
    if reason:
        raise ValueError(f"{one.name} cannot be done: {reason}")
    options = dict(one.options)
    if one.module is not None:
        weights = (condition.config.sheet.module_of == one.module).astype(float)
    if weights is not None:
        options["where"] = weights
    return ACTIONS[one.action](condition, before, **options)


def obstacle(one: Intervention, condition: Condition) -> str:
    """Why an intervention cannot be done to a network; empty if it can."""
    for need in one.needs:
        if not NEEDS[need].is_met(condition):
            return NEEDS[need].lacking
    n_modules = condition.config.sheet.n_modules
    if one.module is not None and one.module >= n_modules:
        return f"the modules of the sheet are 0 to {n_modules - 1}"
    return ""


def obstacles(condition: Condition, names: Sequence[str]) -> dict[str, str]:
    """Return which interventions cannot be done to this network, and why."""
    found = {name: obstacle(named(name), condition) for name in names}
    return {name: reason for name, reason in found.items() if reason}
