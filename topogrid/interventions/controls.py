"""Networks without what training made."""

from __future__ import annotations

import copy

from topogrid.evaluation.results import Evaluation
from topogrid.interventions.condition import Condition
from topogrid.interventions.tau import tau_steps_of, with_tau
from topogrid.model.build import build_network
from topogrid.streams import make_generators


def cut_recurrence(condition: Condition, _before: Evaluation) -> Condition:
    """Set all weights between units to 0; what is left of a trained network leaks and is driven by movement alone."""
    network = copy.deepcopy(condition.network)
    network.units.wiring.cut()
    return condition.with_network(network)


def untrain(condition: Condition, _before: Evaluation) -> Condition:
    """Return the network as it was before its first step of training, its first time constants included."""
    units, config = condition.network.units, condition.config
    generator = make_generators(config.seed, "cpu", ("weights",))["weights"]
    network = build_network(config, generator=generator, precision=units.precision).to(units.w_in.device)
    network.units.wiring.fit(network, condition.place_cells, config)
    return condition.with_network(network)


def leak_only(condition: Condition, before: Evaluation) -> Condition:
    """Return an untrained network without recurrence, but with the trained time constants.

    Whatever its maps share with the map of tau, a leak alone makes; learning has no part in it.
    """
    bare = cut_recurrence(untrain(condition, before), before)
    return with_tau(bare, tau_steps_of(condition)) if condition.network.units.log_tau is not None else bare
