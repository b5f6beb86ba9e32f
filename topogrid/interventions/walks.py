"""Walks changed."""

from __future__ import annotations

import dataclasses

import torch

from topogrid.evaluation.probe import Probe
from topogrid.evaluation.results import Evaluation
from topogrid.interventions.condition import Condition
from topogrid.interventions.tau import tau_steps_of, with_tau


def probe_walks(condition: Condition, _before: Evaluation, *, probe: Probe) -> Condition:
    """Leave the network as it is and let animals walk otherwise."""
    return dataclasses.replace(condition, probe=probe)


def other_animals(condition: Condition, _before: Evaluation) -> Condition:
    """Change nothing but the held-out walks: how far two measurements of one network lie apart by chance."""
    return dataclasses.replace(condition, trained=condition.trained.with_settings({"seed": condition.config.seed ^ 1}))


def scale_dt(condition: Condition, _before: Evaluation, *, factor: float) -> Condition:
    """Let the same animals and the same differential equation go in other steps.

    A time constant of so many seconds is ``factor`` times fewer steps, and the weights from movement, which take
    metres per *step*, are divided by ``factor`` so that they stay the same per metre and second.
    """
    changed = with_tau(condition, tau_steps_of(condition) / factor)
    with torch.no_grad():
        changed.network.units.w_in.div_(factor)
    return dataclasses.replace(changed, probe=Probe(dt_factor=factor))
