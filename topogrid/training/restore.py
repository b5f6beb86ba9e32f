"""What a checkpoint holds, checked against the network and the optimiser it is for before they take any of it.

Only what cannot be known otherwise comes from the file: weights, moments, generators, place centres. How the optimiser
steps comes from the settings; a file that says otherwise is refused.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from topogrid.model.network import PathIntegrator, current_names
from topogrid.runs.content import checked_tensor, kind, listed
from topogrid.runs.errors import CheckpointError
from topogrid.settings.config import TrainConfig
from topogrid.training.objective import growth_steps, readout_steps
from topogrid.world.place_cells import PlaceCells

_LOG_TAU, _READOUTS = "units.log_tau", ("readout", "direction_readout")
_MOMENTS = ("exp_avg", "exp_avg_sq")
_FROM_FILE = {"params", "lr", "lr_scale", "capturable"}  # options of a group that are no setting of the run
_MOST_COUNTED = 2**24  # steps: Adam counts them in single precision


def checked_network(state: object, network: PathIntegrator, where: str) -> dict[str, Tensor]:
    """Return the weights in a checkpoint if they are exactly those that a network has.

    Raises
    ------
    CheckpointError
        If one is missing, unknown, of another kind or shape, not finite, or a time constant outside its bounds.
    """
    if not isinstance(state, Mapping):
        raise CheckpointError(f"{where} holds {kind(state)} where the weights should be")
    state, wanted = current_names(state), network.state_dict()
    _check_names(state, wanted, f"the weights in {where}")
    weights = {
        name: checked_tensor(
            state[name], f"{name} in {where}", shape=tuple(value.shape), dtypes=(value.dtype,), finite=True
        )
        for name, value in wanted.items()
    }
    if _LOG_TAU in weights:
        low, high = network.units.log_bounds
        slack = 1e-5  # bounds are clamped in single precision
        if not bool(((weights[_LOG_TAU] >= low - slack) & (weights[_LOG_TAU] <= high + slack)).all()):
            raise CheckpointError(
                f"{_LOG_TAU} in {where} must be between {low:.4g} and {high:.4g}, the logarithms of tau_min and tau_max"
            )
    return weights


def checked_centres(centres: object, place_cells: PlaceCells, where: str) -> Tensor:
    """Return place-field centres if they are of these place cells, and inside their box.

    Raises
    ------
    CheckpointError
        If not.
    """
    ours = place_cells.centres
    what = f"place_centres in {where}"
    checked = checked_tensor(centres, what, shape=tuple(ours.shape), dtypes=(ours.dtype,), finite=True)
    half = torch.tensor(place_cells.box_size) / 2
    if not bool((checked.abs() <= half * (1 + 1e-6)).all()):
        raise CheckpointError(f"{what} must be inside the box of {place_cells.box_size} m around 0, and are not")
    return checked


def checked_generators(states: object, generators: Iterable[str], where: str) -> dict[str, Tensor]:
    """Return states of generators if there is one of bytes for each; `restore_generators` looks at what they say.

    Raises
    ------
    CheckpointError
        If not.
    """
    names = sorted(generators)
    if not isinstance(states, Mapping) or sorted(map(str, states)) != names:
        found = listed(states) if isinstance(states, Mapping) else kind(states)
        raise CheckpointError(f"generators {', '.join(names)} are wanted, {where} holds {found}")
    return {
        name: checked_tensor(states[name], f"generator {name} in {where}", dtypes=(torch.uint8,), in_order=True)
        for name in names
    }


class Taken(NamedTuple):
    """How many steps an optimiser has taken with a parameter: exactly, or at least and at most."""

    fewest: int
    most: int


def steps_taken(name: str, step: int, config: TrainConfig, *, unbroken: bool) -> Taken:
    """Return how many steps the optimiser has taken with a weight after ``step`` training steps.

    Unless ``unbroken``, that is unless all steps were trained with these settings, phases may have ended elsewhere.
    """
    always = config.wiring == "dense" and name != _LOG_TAU
    if not unbroken and not always:
        return Taken(0, step)
    grown = min(step, growth_steps(config))
    if config.wiring != "learned":
        count = step - grown if name == _LOG_TAU or config.wiring == "attractor" else step
    else:
        alone = max(0, step - (config.steps - readout_steps(config)))
        others = {_LOG_TAU: max(0, step - alone - grown), **dict.fromkeys(_READOUTS, alone)}
        count = others.get(name, step - alone)
    return Taken(count, count)


def grown_by(step: int, config: TrainConfig, *, unbroken: bool) -> Taken:
    """Return how many steps of their own time constants have taken after ``step`` training steps."""
    if not unbroken:
        return Taken(0, step * config.tau_own_steps)
    count = min(step, growth_steps(config)) * config.tau_own_steps
    return Taken(count, count)


def checked_moments(
    saved: object,
    optimiser: torch.optim.Optimizer,
    names: Mapping[int, str],
    groups: Sequence[Mapping[str, Any]],
    taken: Mapping[str, Taken],
    where: str,
) -> dict[str, dict[str, Tensor]]:
    """Return Adam's memory of every weight, by its name, if it is one that the optimiser can have.

    Parameters
    ----------
    saved : mapping
        What ``state_dict`` of an optimiser gave.
    optimiser : Optimizer
        What it is for.
    names : mapping
        Name of every weight by its ``id``.
    groups : sequence of mapping
        Groups of weights as they were when it was saved, each with ``params`` and, if it is known, ``lr_scale``.
    taken : mapping
        How many steps it has taken with each weight.
    where : str
        What is read, for messages.

    Raises
    ------
    CheckpointError
        If a group, an option, a moment or a count is missing, unknown, or not what it has to be.
    """
    if not isinstance(saved, Mapping):
        raise CheckpointError(f"{where} must be a saved state, got {kind(saved)}")
    _check_names(saved, ("state", "param_groups"), where)
    _check_groups(saved["param_groups"], optimiser, groups, where)
    weights = [parameter for group in groups for parameter in group["params"]]
    memory = saved["state"]
    if not isinstance(memory, Mapping) or any(type(number) is not int for number in memory):
        raise CheckpointError(f"{where} must hold its memory by the numbers of weights, got {kind(memory)}")
    strange = [number for number in memory if not 0 <= number < len(weights)]
    if strange:
        raise CheckpointError(f"{where} holds memory of weights {listed(strange)}; there are {len(weights)}")
    found = {}
    for number, weight in enumerate(weights):
        name = names[id(weight)]
        what = f"{where}, {name}"
        if number not in memory:
            if taken[name].fewest > 0:
                raise CheckpointError(f"{what}: its memory is missing after {taken[name].fewest} steps or more")
            continue
        found[name] = _checked_memory(memory[number], weight, taken[name], what)
    return found


def _check_groups(
    found: object, optimiser: torch.optim.Optimizer, groups: Sequence[Mapping[str, Any]], where: str
) -> None:
    if not isinstance(found, list) or not all(isinstance(group, Mapping) for group in found):
        raise CheckpointError(f"{where} must hold groups of weights, got {kind(found)}")
    sizes, first = [len(group["params"]) for group in groups], 0
    if len(found) != len(sizes):
        raise CheckpointError(f"{where} has {len(found)} groups of weights, its settings say {len(sizes)}")
    for number, (group, wanted) in enumerate(zip(found, groups, strict=True)):
        what, members = f"{where}, group {number}", list(range(first, first + sizes[number]))
        first += sizes[number]
        listed_members = group.get("params")
        if not isinstance(listed_members, list) or list(map(repr, listed_members)) != list(map(repr, members)):
            raise CheckpointError(f"{what} must be of weights {members}, got {str(listed_members)[:60]}")
        for name in ("lr", *(["lr_scale"] if "lr_scale" in wanted else [])):
            rate = group.get(name)
            if type(rate) not in (int, float) or not 0 <= rate < math.inf:
                raise CheckpointError(f"{what}: {name} must be a finite number, 0 or more, got {str(rate)[:60]}")
        if wanted.get("lr_scale") is not None and group["lr_scale"] != wanted["lr_scale"]:
            raise CheckpointError(f"{what}: lr_scale is {group['lr_scale']}, its settings say {wanted['lr_scale']}")
        _check_options(group, optimiser, what)


def _check_options(group: Mapping[str, Any], optimiser: torch.optim.Optimizer, what: str) -> None:
    """Refuse an optimiser that stepped in another way than this one does."""
    ours = optimiser.defaults
    for name, value in group.items():
        if name in _FROM_FILE:
            continue
        if name not in ours:
            raise CheckpointError(f"{what} has an option {listed([name])}, which the optimiser here does not have")
        if type(value) is not type(ours[name]) or value != ours[name]:
            raise CheckpointError(f"{what}: {name} is {str(value)[:60]!r}, it steps with {ours[name]!r} here")


def _checked_memory(memory: object, weight: Tensor, taken: Taken, what: str) -> dict[str, Tensor]:
    if not isinstance(memory, Mapping):
        raise CheckpointError(f"{what}: wanted two moments and a count of steps, got {kind(memory)}")
    _check_names(memory, ("step", *_MOMENTS), what)
    count = checked_tensor(memory["step"], f"{what}: step", shape=(), dtypes=(torch.float32,), finite=True)
    fewest, most = (min(one, _MOST_COUNTED) for one in (max(1, taken.fewest), taken.most))
    if not fewest <= float(count) <= most or float(count) != int(count):
        wanted = str(fewest) if fewest == most else f"{fewest} to {most}"
        raise CheckpointError(f"{what}: step must be {wanted}, the steps that were trained, got {float(count):g}")
    moments = {
        name: checked_tensor(
            memory[name],
            f"{what}: {name}",
            shape=tuple(weight.shape),
            dtypes=(weight.dtype,),
            finite=True,
            in_order=True,
        )
        for name in _MOMENTS
    }
    if bool((moments["exp_avg_sq"] < 0).any()):
        raise CheckpointError(f"{what}: exp_avg_sq is a mean of squares, and has values below 0")
    return {"step": count, **moments}


def _check_names(found: Mapping[Any, object], wanted: Iterable[str], what: str) -> None:
    names = list(wanted)
    missing, unknown = [name for name in names if name not in found], [name for name in found if name not in names]
    if missing or unknown:
        fault = f"lacks {listed(missing)}" if missing else f"holds {listed(unknown)}, which does not belong there"
        raise CheckpointError(f"{what}: it {fault}")
