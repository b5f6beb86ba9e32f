"""Time constants changed."""

from __future__ import annotations

import copy

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from topogrid.evaluation.results import Evaluation
from topogrid.interventions.condition import Condition, rng_of
from topogrid.model.network import PathIntegrator

Units = NDArray[np.intp]
# Of shape (unit,): how much of a dose reaches a unit; 1 all of it, 0 nothing.
Weights = NDArray[np.float64]


LONGEST_TAU = 1e6  # steps; the bound of --tau_max


def with_tau(condition: Condition, tau: Tensor) -> Condition:
    """Give the units other time constants, in steps; those below 1 are raised to 1, where a unit keeps nothing."""
    network = copy.deepcopy(condition.network)
    n_floored = int((tau < 1).sum())
    with torch.no_grad():
        log_tau_of(network).copy_(tau.clamp(min=1).log())
    note = f"tau of {n_floored} units raised to the floor of 1 step" if n_floored else ""
    return condition.with_network(network, note=note)


def scale_tau(condition: Condition, _before: Evaluation, *, factor: float, where: Weights | None = None) -> Condition:
    """Multiply time constants by ``factor``, to the power of ``where`` if that is given."""
    tau = tau_steps_of(condition)
    if where is None:
        return with_tau(condition, factor * tau)
    if where.shape != tuple(tau.shape) or not np.isfinite(where).all():
        raise ValueError(f"where must be {tuple(tau.shape)} finite numbers, one a unit, got shape {where.shape}")
    with np.errstate(over="ignore"):
        scaled = tau * torch.from_numpy(factor**where).to(tau)
    if not bool((scaled <= LONGEST_TAU).all()):
        raise ValueError(
            f"where would give units time constants of up to {float(scaled.max()):.3g} steps, at most "
            f"{LONGEST_TAU:,.0f} can be used; 1 is all of a dose"
        )
    return with_tau(condition, scaled)


def flatten_tau(condition: Condition, _before: Evaluation) -> Condition:
    """Give every unit the mean time constant: a knock-out of the map of tau, not of its level."""
    tau = tau_steps_of(condition)
    return with_tau(condition, tau.mean().expand_as(tau))


def permute_tau(condition: Condition, _before: Evaluation) -> Condition:
    """Deal the time constants out to units at random."""
    tau = tau_steps_of(condition)
    order = torch.from_numpy(rng_of(condition, 0).permutation(len(tau))).to(tau.device)
    return with_tau(condition, tau[order])


def swap_tau(condition: Condition, _before: Evaluation) -> Condition:
    """Swap time constants in pairs: the fastest unit with the slowest, the second with the last but one, and so on."""
    tau = tau_steps_of(condition)
    order = tau.argsort(stable=True)
    swapped = torch.empty_like(tau)
    swapped[order] = tau[order.flip(0)]
    return with_tau(condition, swapped)


def permute_modules(condition: Condition, _before: Evaluation) -> Condition:
    """Deal the taus of whole modules out to other modules at random."""
    n_modules = condition.config.sheet.n_modules
    return _with_modules(condition, rng_of(condition, 2).permutation(n_modules))


def reverse_modules(condition: Condition, _before: Evaluation) -> Condition:
    """Give the fastest module the taus of the slowest, the second those of the last but one, and so on."""
    sheet = condition.config.sheet
    mean = sheet.to_modules(tau_steps_of(condition).double().cpu().numpy()).mean(axis=1)
    rising = np.argsort(mean, kind="stable")
    giver = np.empty_like(rising)
    giver[rising] = rising[::-1]
    return _with_modules(condition, giver)


def _with_modules(condition: Condition, giver: Units) -> Condition:
    """Give every module the taus of another, unit by unit."""
    sheet, tau = condition.config.sheet, tau_steps_of(condition)
    given = sheet.to_units(sheet.to_modules(np.arange(sheet.n_units))[giver])
    return with_tau(condition, tau[torch.from_numpy(given.astype(np.int64)).to(tau.device)])


def log_tau_of(network: PathIntegrator) -> torch.nn.Parameter:
    """Return the logarithm of the time constants, refusing a plain network."""
    if network.units.log_tau is None:
        raise ValueError("a plain network has no time constants to change; give a network trained with --tau")
    return network.units.log_tau


def tau_steps_of(condition: Condition) -> Tensor:
    """Return the time constants ``(unit,)``, steps."""
    return log_tau_of(condition.network).detach().exp()
