"""Change one thing in a trained network or in the way animals walk, and measure everything again.

Whether time constants *set* grid spacing cannot be read off a trained network, where both were learned together. It can
be asked by changing the time constants and looking. Every intervention is a function that returns a changed copy; the
original is never touched. A new one is such a function and a line in `INTERVENTIONS`.

Shapes: tau and choices of units ``(unit,)``.
"""

from __future__ import annotations

import copy
import dataclasses
import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from topogrid.evaluation.evaluate import (
    AS_TRAINED,
    Evaluation,
    Probe,
    UnitMeasures,
    evaluate,
    measure_units,
)
from topogrid.evaluation.summary import summarise
from topogrid.model.network import PathIntegrator
from topogrid.settings.config import TrainConfig
from topogrid.settings.errors import did_you_mean
from topogrid.streams import make_generators
from topogrid.world.place_cells import PlaceCells

Float = NDArray[np.float64]
Units = NDArray[np.intp]

BASELINE = "baseline"
HIDDEN = ":hidden"  # ending of the row that a silencing is compared with
CHOSEN = "silence_chosen"
SILENCED_SHARE = 0.2  # of the units that are alive


@dataclasses.dataclass(frozen=True)
class Subject:
    """What is measured: a network, its place cells, its settings, and how animals walk."""

    network: PathIntegrator
    place_cells: PlaceCells
    config: TrainConfig
    step: int
    """Steps the network was trained for."""
    probe: Probe = AS_TRAINED
    silenced: tuple[int, ...] = ()
    """Units that were silenced, in rising order."""
    note: str = ""
    """What a reader of the result has to know, in a few words."""


@dataclasses.dataclass(frozen=True)
class Outcome:
    """One row of the table: what was done and everything that was measured then."""

    name: str
    compare_with: str
    """Name of the row that differs from this one by the intervention alone; empty for the baseline."""
    about: str
    note: str
    measures: dict[str, float]
    """By tracked name, and `compare` with ``paired/`` before its names."""

    @property
    def hidden(self) -> bool:
        """Whether this is the baseline with units hidden from the measurement."""
        return self.name.endswith(HIDDEN)


class Intervention(NamedTuple):
    """A change, and what it is good for."""

    about: str
    """What is done, in a sentence."""
    change: Callable[[Subject, Evaluation], Subject]
    """From the trained network and its measures to the changed copy."""
    obstacle: Callable[[Subject], str] = lambda _subject: ""
    """Why it cannot be done to a network; empty if it can."""


# --- Time constants --------------------------------------------------------------------------------------------------


def with_tau(subject: Subject, tau: Tensor) -> Subject:
    """Give the units other time constants, in steps; those below 1 are raised to 1, where a unit keeps nothing."""
    network = copy.deepcopy(subject.network)
    n_floored = int((tau < 1).sum())
    with torch.no_grad():
        _log_tau(network).copy_(tau.clamp(min=1).log())
    note = f"tau of {n_floored} units raised to the floor of 1 step" if n_floored else ""
    return dataclasses.replace(subject, network=network, note=note)


def scale_tau(subject: Subject, _before: Evaluation, *, factor: float) -> Subject:
    """Multiply every time constant by ``factor``."""
    return with_tau(subject, factor * _tau(subject))


def flatten_tau(subject: Subject, _before: Evaluation) -> Subject:
    """Give every unit the mean time constant: a knock-out of the map of tau, not of its level."""
    tau = _tau(subject)
    return with_tau(subject, tau.mean().expand_as(tau))


def permute_tau(subject: Subject, _before: Evaluation) -> Subject:
    """Deal the time constants out to units at random."""
    tau = _tau(subject)
    order = torch.from_numpy(_rng(subject, 0).permutation(len(tau))).to(tau.device)
    return with_tau(subject, tau[order])


def swap_tau(subject: Subject, _before: Evaluation) -> Subject:
    """Swap time constants in pairs: the fastest unit with the slowest, the second with the last but one, and so on."""
    tau = _tau(subject)
    order = tau.argsort(stable=True)
    swapped = torch.empty_like(tau)
    swapped[order] = tau[order.flip(0)]
    return with_tau(subject, swapped)


def permute_modules(subject: Subject, _before: Evaluation) -> Subject:
    """Deal the taus of whole modules out to other modules at random."""
    n_modules = subject.config.sheet.n_modules
    return _with_modules(subject, _rng(subject, 2).permutation(n_modules))


def reverse_modules(subject: Subject, _before: Evaluation) -> Subject:
    """Give the fastest module the taus of the slowest, the second those of the last but one, and so on."""
    sheet = subject.config.sheet
    mean = sheet.to_modules(_tau(subject).double().cpu().numpy()).mean(axis=1)
    rising = np.argsort(mean, kind="stable")
    giver = np.empty_like(rising)
    giver[rising] = rising[::-1]
    return _with_modules(subject, giver)


def _with_modules(subject: Subject, giver: Units) -> Subject:
    """Give every module the taus of another, unit by unit."""
    sheet, tau = subject.config.sheet, _tau(subject)
    given = sheet.to_units(sheet.to_modules(np.arange(sheet.n_units))[giver])
    return with_tau(subject, tau[torch.from_numpy(given.astype(np.int64)).to(tau.device)])


def _log_tau(network: PathIntegrator) -> torch.nn.Parameter:
    if network.units.log_tau is None:
        raise ValueError("a plain network has no time constants to change; give a network trained with --tau")
    return network.units.log_tau


def _tau(subject: Subject) -> Tensor:
    return _log_tau(subject.network).detach().exp()


# --- How animals walk ------------------------------------------------------------------------------------------------


def probe_walks(subject: Subject, _before: Evaluation, *, probe: Probe) -> Subject:
    """Leave the network as it is and let animals walk otherwise."""
    return dataclasses.replace(subject, probe=probe)


def other_animals(subject: Subject, _before: Evaluation) -> Subject:
    """Change nothing but the held-out walks: how far two measurements of one network lie apart by chance."""
    return dataclasses.replace(subject, config=dataclasses.replace(subject.config, seed=subject.config.seed ^ 1))


def scale_dt(subject: Subject, _before: Evaluation, *, factor: float) -> Subject:
    """Let the same animals and the same differential equation go in other steps.

    A time constant of so many seconds is ``factor`` times fewer steps, and the weights from movement, which take
    metres per *step*, are divided by ``factor`` so that they stay the same per metre and second.
    """
    changed = with_tau(subject, _tau(subject) / factor)
    with torch.no_grad():
        changed.network.units.w_in.div_(factor)
    return dataclasses.replace(changed, probe=Probe(dt_factor=factor))


# --- Silencing -------------------------------------------------------------------------------------------------------


def silence(subject: Subject, units: Sequence[int] | Units) -> Subject:
    """Cut units off: they start at 0, hear nothing and tell nothing, so that they stay at 0.

    Parameters
    ----------
    subject : Subject
    units : sequence of int
        Which units.

    Returns
    -------
    Subject

    Raises
    ------
    ValueError
        If a unit is not on the sheet.
    """
    chosen = np.unique(np.asarray(units, dtype=np.intp))
    n_units = subject.config.n_grid_cells
    if chosen.size and not (chosen[0] >= 0 and chosen[-1] < n_units):
        raise ValueError(f"units to silence must be 0 to {n_units - 1}, got {chosen[0]} to {chosen[-1]}")
    network = copy.deepcopy(subject.network)
    where = torch.from_numpy(chosen).to(network.encoder.device)
    network.silence(where)
    note = f"{chosen.size} of {n_units} units silenced; they count as dead"
    return dataclasses.replace(subject, network=network, silenced=tuple(chosen.tolist()), note=note)


def silence_chosen(units: Sequence[int]) -> Intervention:
    """Return the intervention that silences units a person chose."""
    return Intervention("The units that were chosen silenced.", lambda subject, _before: silence(subject, units))


def parse_units(texts: Sequence[str]) -> list[int]:
    """Return the units that texts such as ``7`` and ``40-63`` (both ends included) name.

    Raises
    ------
    ValueError
        If a text is neither a number nor a range that rises.
    """
    units: list[int] = []
    for text in texts:
        first, dash, last = text.partition("-")
        if not first.isdecimal() or (dash and not (last.isdecimal() and int(last) >= int(first))):
            raise ValueError(f"units are numbers as in units.csv, or ranges like 40-63; got {text!r}")
        units += range(int(first), int(last or first) + 1)
    return units


def silence_extreme(subject: Subject, before: Evaluation, *, by: Callable[[Evaluation], Float]) -> Subject:
    """Silence the living units that are largest in something: ties are broken by their number."""
    alive = _alive(before)
    order = np.argsort(-np.nan_to_num(by(before)[alive], nan=-np.inf), kind="stable")
    return silence(subject, alive[order[: _n_silenced(alive)]])


def silence_random(subject: Subject, before: Evaluation) -> Subject:
    """Silence as many living units, chosen at random: the control of the other silencings."""
    alive = _alive(before)
    return silence(subject, _rng(subject, 1).choice(alive, _n_silenced(alive), replace=False))


def _alive(before: Evaluation) -> Units:
    return np.flatnonzero(~before.settled.dead)


def _n_silenced(alive: Units) -> int:
    return round(SILENCED_SHARE * len(alive))


# --- Controls --------------------------------------------------------------------------------------------------------


def cut_recurrence(subject: Subject, _before: Evaluation) -> Subject:
    """Set all weights between units to 0; what is left of a trained network leaks and is driven by movement alone."""
    network = copy.deepcopy(subject.network)
    network.units.wiring.cut()
    return dataclasses.replace(subject, network=network)


def untrain(subject: Subject, _before: Evaluation) -> Subject:
    """Return the network as it was before its first step of training, its first time constants included."""
    units, config = subject.network.units, subject.config
    generator = make_generators(config.seed, "cpu", ("weights",))["weights"]
    network = PathIntegrator.from_config(config, generator=generator, precision=units.precision).to(units.w_in.device)
    network.units.wiring.fit(network, subject.place_cells, config)
    return dataclasses.replace(subject, network=network)


def leak_only(subject: Subject, before: Evaluation) -> Subject:
    """Return an untrained network without recurrence, but with the trained time constants.

    Whatever its maps share with the map of tau, a leak alone makes; learning has no part in it.
    """
    bare = cut_recurrence(untrain(subject, before), before)
    return with_tau(bare, _tau(subject)) if subject.network.units.log_tau is not None else bare


# --- The table of interventions --------------------------------------------------------------------------------------


def _needs_tau(subject: Subject) -> str:
    return "a plain network has no time constants" if subject.network.units.log_tau is None else ""


def _needs_different_tau(subject: Subject) -> str:
    if subject.network.units.log_tau is not None and bool(_tau(subject).max() == _tau(subject).min()):
        return "all time constants are equal"
    return _needs_tau(subject)


def _needs_modules(subject: Subject) -> str:
    if subject.config.modules_per_side == 1:
        return "the sheet has no modules"
    return _needs_different_tau(subject)


def _needs_walls(subject: Subject) -> str:
    return "a torus has no walls to move" if subject.config.periodic else ""


def _intervene_on_walks(about: str, probe: Probe, obstacle: Callable[[Subject], str] = lambda _: "") -> Intervention:
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


def obstacles(subject: Subject, names: Sequence[str]) -> dict[str, str]:
    """Return which interventions cannot be done to this network, and why."""
    found = {name: INTERVENTIONS[name].obstacle(subject) for name in names}
    return {name: reason for name, reason in found.items() if reason}


def intervene(subject: Subject, names: Sequence[str], *, chosen: Sequence[int] = ()) -> Iterator[Outcome]:
    """Measure a trained network, then every changed copy of it, one after another.

    Parameters
    ----------
    subject : Subject
        The trained network.
    names : sequence of str
        Keys of `INTERVENTIONS` without `obstacles`.
    chosen : sequence of int
        Units to silence in an intervention of their own, after the others.

    Yields
    ------
    Outcome
        First the baseline. After each silencing comes a row of the baseline with the same units left out of the
        *measurement*: what silencing did to the others is the difference to that row, not to the baseline.
    """
    before = _measure(subject)
    yield _outcome(BASELINE, "", "The trained network.", subject, before, before)
    planned = {name: INTERVENTIONS[name] for name in names} | ({CHOSEN: silence_chosen(chosen)} if chosen else {})
    for name, intervention in planned.items():
        changed = intervention.change(subject, before)
        hidden_name = f"{name}{HIDDEN}" if changed.silenced else BASELINE
        yield _outcome(name, hidden_name, intervention.about, changed, before, _measure(changed))
        if changed.silenced:
            hidden = hide(before, changed.silenced, subject.config)
            about = "The baseline with the same units hidden from the measurement, not silenced."
            yield _outcome(hidden_name, BASELINE, about, subject, before, hidden)


def _measure(subject: Subject) -> Evaluation:
    return evaluate(subject.network, subject.place_cells, subject.config, step=subject.step, probe=subject.probe)


def _outcome(
    name: str, compare_with: str, about: str, subject: Subject, before: Evaluation, after: Evaluation
) -> Outcome:
    paired = {f"paired/{key}": value for key, value in compare(before, after).items()}
    return Outcome(name, compare_with, about, subject.note, summarise(after, subject.config) | paired)


def hide(evaluation: Evaluation, units: Sequence[int], config: TrainConfig) -> Evaluation:
    """Measure an evaluation's rate maps again as if ``units`` had been dead."""
    rng = np.random.default_rng([config.seed, 20])
    gone = np.asarray(units, dtype=np.intp)

    def without(view: UnitMeasures) -> UnitMeasures:
        maps = view.rate_maps.maps.copy()
        maps[gone] = np.where(np.isnan(maps[gone]), np.nan, 0.0)
        return measure_units(dataclasses.replace(view.rate_maps, maps=maps), rng)

    negative = evaluation.negative_share.copy()
    negative[gone] = 0
    return dataclasses.replace(
        evaluation, settled=without(evaluation.settled), start=without(evaluation.start), negative_share=negative
    )


def compare(before: Evaluation, after: Evaluation) -> dict[str, float]:
    """Compare the same units before and after.

    Returns
    -------
    dict
        ``kept_share``: of the grid cells before, those that still are. ``spacing_ratio``: spacing after over before,
        median of the ``n_spacing`` units that are grid cells both times, with its quartiles ``spacing_ratio_low`` and
        ``_high``. The same over all units with a lattice, with ``lattices/`` before the names. ``map_correlation``:
        median correlation of a living unit's two rate maps, 1 if fields stayed in place; NaN in another box.
        ``visited_share``: bins of the walked box that were visited.
    """
    was, now = before.settled, after.settled
    cells = _compare_spacing(was.lattice.spacing, now.lattice.spacing, was.gate.passed, now.gate.passed)
    has_lattice = [np.isfinite(view.lattice.spacing) for view in (was, now)]
    lattices = _compare_spacing(was.lattice.spacing, now.lattice.spacing, *has_lattice)
    return (
        cells
        | {f"lattices/{name}": value for name, value in lattices.items()}
        | {
            "map_correlation": _map_correlation(was, now),
            "visited_share": float((now.rate_maps.occupancy > 0).mean()),
        }
    )


def _compare_spacing(
    was: Float, now: Float, counted_before: NDArray[np.bool_], counted_after: NDArray[np.bool_]
) -> dict[str, float]:
    """Compare spacings ``(unit,)`` of the units that count both times."""
    both = counted_before & counted_after
    ratio = now[both] / was[both]
    ratio = ratio[np.isfinite(ratio)]
    low, median, high = np.quantile(ratio, (0.25, 0.5, 0.75)) if ratio.size else (math.nan,) * 3
    return {
        "kept_share": float(both.sum() / counted_before.sum()) if counted_before.any() else math.nan,
        "n_spacing": float(ratio.size),
        "spacing_ratio": float(median),
        "spacing_ratio_low": float(low),
        "spacing_ratio_high": float(high),
    }


def _map_correlation(was: UnitMeasures, now: UnitMeasures) -> float:
    """Median over units alive both times of the correlation between their maps; NaN if the boxes differ."""
    if was.rate_maps.box_size != now.rate_maps.box_size:
        return math.nan
    visited = (was.rate_maps.occupancy > 0) & (now.rate_maps.occupancy > 0)
    a, b = (view.rate_maps.maps[~(was.dead | now.dead)][:, visited] for view in (was, now))
    a, b = (maps - maps.mean(axis=1, keepdims=True) for maps in (a, b))
    size = np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1))
    correlation = (a * b).sum(axis=1)[size > 0] / size[size > 0]
    return float(np.median(correlation)) if correlation.size else math.nan


def _rng(subject: Subject, purpose: int) -> np.random.Generator:
    return np.random.default_rng([subject.config.seed, 30, purpose])
