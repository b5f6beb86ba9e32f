"""Everything that can be done to a trained network, by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from topogrid.evaluation.probe import Probe
from topogrid.interventions.condition import Condition, Intervention
from topogrid.interventions.controls import cut_recurrence, leak_only, untrain
from topogrid.interventions.silencing import silence_extreme, silence_random
from topogrid.interventions.tau import (
    flatten_tau,
    permute_modules,
    permute_tau,
    reverse_modules,
    scale_tau,
    swap_tau,
    tau_steps_of,
)
from topogrid.interventions.walks import other_animals, probe_walks, scale_dt
from topogrid.settings.errors import did_you_mean


def _needs_tau(condition: Condition) -> str:
    return "a plain network has no time constants" if condition.network.units.log_tau is None else ""


def _needs_different_tau(condition: Condition) -> str:
    if condition.network.units.log_tau is not None and bool(
        tau_steps_of(condition).max() == tau_steps_of(condition).min()
    ):
        return "all time constants are equal"
    return _needs_tau(condition)


def _needs_modules(condition: Condition) -> str:
    if condition.config.modules_per_side == 1:
        return "the sheet has no modules"
    return _needs_different_tau(condition)


def _needs_walls(condition: Condition) -> str:
    return "a torus has no walls to move" if condition.config.periodic else ""


def _intervene_on_walks(about: str, probe: Probe, obstacle: Callable[[Condition], str] = lambda _: "") -> Intervention:
    return Intervention(about, partial(probe_walks, probe=probe), obstacle)


_SMALLER_STEP = "Steps of half the duration, tau and movement weights kept in seconds, on the same paths."


_LARGER_STEP = "Steps of twice the duration, tau and movement weights kept in seconds, on the same paths."


_LARGER_BOX = "A box {} times as wide and high, never trained on; walks start in the trained one."


INTERVENTIONS: dict[str, Intervention] = {
    "other_animals": Intervention("Nothing but other held-out walks: the noise of the measurement.", other_animals),
    "tau_x0.8": Intervention("All time constants times 0.8.", partial(scale_tau, factor=0.8), _needs_tau),
    "tau_x1.25": Intervention("All time constants times 1.25.", partial(scale_tau, factor=1.25), _needs_tau),
    "tau_x0.5": Intervention("All time constants halved.", partial(scale_tau, factor=0.5), _needs_tau),
    "tau_x2": Intervention("All time constants doubled.", partial(scale_tau, factor=2.0), _needs_tau),
    "tau_flat": Intervention("All time constants at their mean (knock-out).", flatten_tau, _needs_different_tau),
    "tau_permuted": Intervention("Time constants dealt out at random.", permute_tau, _needs_different_tau),
    "tau_permuted_modules": Intervention(
        "The time constants of whole modules dealt out to other modules.", permute_modules, _needs_modules
    ),
    "tau_reversed": Intervention(
        "The time constants of whole modules exchanged, fastest with slowest and so on.",
        reverse_modules,
        _needs_modules,
    ),
    "tau_swapped": Intervention(
        "Time constants swapped, fastest with slowest and so on.", swap_tau, _needs_different_tau
    ),
    "speed_x0.5": _intervene_on_walks("Animals at half the speed.", Probe(speed_factor=0.5)),
    "speed_x2": _intervene_on_walks("Animals at twice the speed.", Probe(speed_factor=2.0)),
    "box_x1.5": _intervene_on_walks(_LARGER_BOX.format("1.5"), Probe(box_factor=1.5), _needs_walls),
    "box_x2": _intervene_on_walks(_LARGER_BOX.format("2"), Probe(box_factor=2.0), _needs_walls),
    "dt_x0.5": Intervention(_SMALLER_STEP, partial(scale_dt, factor=0.5), _needs_tau),
    "dt_x2": Intervention(_LARGER_STEP, partial(scale_dt, factor=2.0), _needs_tau),
    "silence_slow": Intervention(
        "The slowest fifth of the living units silenced.",
        partial(silence_extreme, by=lambda before: before.tau),
        _needs_different_tau,
    ),
    "silence_fast": Intervention(
        "The fastest fifth of the living units silenced.",
        partial(silence_extreme, by=lambda before: -before.tau),
        _needs_different_tau,
    ),
    "silence_best": Intervention(
        "The fifth of the living units with the highest grid scores silenced.",
        partial(silence_extreme, by=lambda before: before.settled.scores.score_60),
    ),
    "silence_random": Intervention("As many living units silenced at random.", silence_random),
    "no_recurrence": Intervention("Trained, but all weights between units at 0.", cut_recurrence),
    "leak_only": Intervention("Untrained and without weights between units, with the trained tau.", leak_only),
    "untrained": Intervention("The network before its first step of training.", untrain),
}
"""Everything that can be done to a trained network, in the order of the table."""


def choose(names: Sequence[str] | None) -> list[str]:
    """Return the wanted interventions in the order of the table; all of them without ``names``, or for ``["all"]``.

    Raises
    ------
    ValueError
        If a name is not known; the message lists those that are.
    """
    if names is not None and list(names) == ["all"]:
        names = None
    for name in names or ():
        if name not in INTERVENTIONS:
            raise ValueError(
                f"there is no intervention {name!r}{did_you_mean(name, list(INTERVENTIONS))}; "
                f"the interventions are all or some of {', '.join(INTERVENTIONS)}"
            )
    return [name for name in INTERVENTIONS if names is None or name in names]


def obstacles(condition: Condition, names: Sequence[str]) -> dict[str, str]:
    """Return which interventions cannot be done to this network, and why."""
    found = {name: INTERVENTIONS[name].obstacle(condition) for name in names}
    return {name: reason for name, reason in found.items() if reason}
