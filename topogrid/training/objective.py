"""The terms of the loss, one record each: settings, log and documents follow from `TERMS`.

A training step is in one of a few phases (`Phase`); a term belongs to some of them.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from topogrid.measures.training import LOSS
from topogrid.model.head_directions import encode_directions
from topogrid.model.network import Feedback, PathIntegrator, Prediction
from topogrid.model.units import at_moments
from topogrid.settings.config import TrainConfig
from topogrid.settings.schedules import parse_schedule, share_at
from topogrid.training import geometry, losses
from topogrid.world.place_cells import PlaceCells

Phase = Literal["growth", "all", "modules", "readout"]
"""What a step trains: ``growth`` the time constants alone, ``all`` everything that learns, ``modules`` the units
without a read-out, ``readout`` the read-out alone."""


class Batch(NamedTuple):
    """What a step learns from."""

    start_code: Tensor
    """``(batch, place)``, place code before the first step. Where modules have walks of their own, all four have a
    module axis before that of the batch."""
    displacement: Tensor
    """``(time, batch, 2)``, metres per step."""
    code: Tensor
    """``(read, batch, place)``, the target after each step that `read_steps` names."""
    position: Tensor
    """``(time, batch, 2)``, metres, after each step."""
    kept: Tensor
    """``(read, batch, unit)``, what activity is multiplied by where a reading does without some of it: 0, or more than
    1 to make up for that. Empty where nothing is left out."""


FEEDBACK_EVERY = 4
"""Every how-manieth step of a walk the place code is fed back in training, where it is."""


def training_feedback(config: TrainConfig, place_cells: PlaceCells) -> Feedback | None:
    """Return the loop from place code to units that is closed in training; ``None`` where there is none."""
    if not config.training_feedback:
        return None
    return Feedback(config.training_feedback, FEEDBACK_EVERY, place_cells.fed_back(config.training_feedback_code))


def predicted(
    network: nn.Module,
    batch: Batch,
    phase: Phase,
    moments: list[int] | None = None,
    feedback: Feedback | None = None,
) -> Prediction:
    """Follow the walks of a batch and read the place code at some moments, all by default.

    Parameters
    ----------
    network : nn.Module
        A `PathIntegrator`, or what averages the gradients of one over processes.
    batch : Batch
    phase : Phase
    moments : list of int, optional
        Steps, counted from 0.
    feedback : Feedback, optional
        As `training_feedback` gives it; modules that learn alone read no place code that could be fed back.

    Returns
    -------
    Prediction
    """
    if phase == "modules":
        assert isinstance(network, PathIntegrator)  # noqa: S101 -- modules learn alone, and average gradients after
        return Prediction(network.in_modules(batch.start_code, batch.displacement), None)
    kept = batch.kept if batch.kept.numel() else None
    looped = {} if feedback is None else {"feedback": feedback}
    prediction: Prediction = network(
        batch.start_code, batch.displacement, moments=moments, kept=kept, joint=phase != "readout", **looped
    )
    return prediction


class Context(NamedTuple):
    """What a term may look at."""

    network: PathIntegrator
    place_cells: PlaceCells
    prediction: Prediction
    batch: Batch
    config: TrainConfig
    topoloss_weight: Tensor
    """Scalar: weight of the topographic loss in this step, see the function of this name."""
    moments: list[int]
    """Steps of the walks, counted from 0, at which the prediction was read, see `read_steps`."""
    modules: slice = slice(None)
    """Which modules this process computes: terms that are sums over modules are sums over these."""
    share: float = 1.0
    """Their share of all."""
    looked: geometry.Looked | None = None
    """States of modules that learn alone, as `objective` looks at them."""


class Term(NamedTuple):
    """A term of the loss."""

    name: str
    """Its tracked name."""
    about: str
    """What it is, in a sentence for people who read a dashboard."""
    phases: tuple[Phase, ...]
    applies: Callable[[TrainConfig], bool]
    """Whether settings have it."""
    cost: Callable[[Context], Tensor]
    """Its value with its weight."""
    of_modules: bool = False
    """Whether it is a sum over modules."""


def phase_of(step: int, config: TrainConfig) -> Phase:
    """Return what a step (counted from 1) trains."""
    if config.wiring == "learned":
        return "readout" if step > config.steps - readout_steps(config) else "modules"
    return "growth" if config.wiring == "attractor" and step <= growth_steps(config) else "all"


def growth_steps(config: TrainConfig) -> int:
    """Return how many of the first steps grow the map of time constants."""
    return min(config.tau_growth_steps, config.steps // 4) if config.tau and config.learnable_tau else 0


def readout_steps(config: TrainConfig) -> int:
    """Return how many of the last steps train the read-out of learned modules alone."""
    return min(config.readout_steps, config.steps // 4)


def late_steps(config: TrainConfig) -> int:
    """Return in how many of the last steps of learned modules these follow longer walks."""
    return min(config.late_steps, (config.steps - readout_steps(config)) // 2)


def capped(config: TrainConfig) -> list[str]:
    """Say which phases are shorter than was asked for, as training has too few steps for them."""
    taken = {}
    if config.wiring == "learned":
        taken = {"readout_steps": (readout_steps(config), "a quarter"), "late_steps": (late_steps(config), "half")}
    if config.wiring in ("attractor", "learned") and config.tau and config.learnable_tau:
        taken["tau_growth_steps"] = (growth_steps(config), "a quarter")
    return [
        f"{name} {getattr(config, name):,} are more than {share} of {config.steps:,} steps: {there:,} are taken"
        for name, (there, share) in taken.items()
        if there < getattr(config, name)
    ]


def holds_movement(step: int, config: TrainConfig) -> bool:
    """Whether a step (counted from 1) keeps the size of every module's movement weights.

    A length scale that follows these leaves their size open: it drifts, the further where tau is long, and takes the
    scale along. Settings say for how long it may.
    """
    learns = phase_of(step, config) == "modules" and config.isometry_weight > 0
    return learns and config.isometry_scale == "drive" and step > config.movement_free_steps


def phases_left(done: int, config: TrainConfig) -> list[tuple[Phase, int, int]]:
    """Return each phase that is left, in parts with walks of one length, with its next step and the number of steps."""
    borders = {done, config.steps, growth_steps(config) if config.wiring == "attractor" else done}
    if config.wiring == "learned":
        learned = config.steps - readout_steps(config)
        borders |= {learned - late_steps(config), learned}
    edges = sorted(edge for edge in borders if done <= edge <= config.steps)
    return [(phase_of(low + 1, config), low + 1, high - low) for low, high in itertools.pairwise(edges)]


def walk_length(step: int, config: TrainConfig) -> int:
    """Return how many steps the walks of a training step have.

    Modules learn their lattices from short walks, and then from longer ones to integrate for long.
    """
    phase = phase_of(step, config)
    if phase == "modules" and step > config.steps - readout_steps(config) - late_steps(config):
        return config.late_length
    return config.readout_length if phase == "readout" else config.seq_length


def phase_and_length(step: int, config: TrainConfig) -> tuple[Phase, int]:
    """Return what a step (counted from 1) trains, and from walks of how many steps."""
    return phase_of(step, config), walk_length(step, config)


def read_steps(step: int, config: TrainConfig) -> list[int]:
    """Return the moments, counted from 0, at which a training step reads the place code of its walks.

    A read-out that learns alone reads moments of every age in turn, early ones more often, so that it can name the
    place late in a walk too.
    """
    phase = phase_of(step, config)
    if phase == "modules":
        return []
    if phase != "readout":
        return list(range(config.readout_every - 1, config.seq_length, config.readout_every))
    shift = (step % READ_SHIFTS + 0.5) / READ_SHIFTS
    moments = {int(config.readout_length * ((one + shift) / READ_MOMENTS) ** 2) for one in range(READ_MOMENTS)}
    return sorted(moments)


READ_MOMENTS, READ_SHIFTS = 12, 8
"""As many moments of a long walk does the read-out learn from in a step, and as many steps it takes to come round."""


def topoloss_weight(step: int, config: TrainConfig) -> float:
    """Return the weight of the topographic loss in a step (counted from 1)."""
    parts = parse_schedule(config.topoloss_schedule, "topoloss_schedule")
    return config.topoloss_weight * share_at(parts, step, config.steps)


def objective(context: Context, phase: Phase = "all") -> dict[str, Tensor]:
    """Return the weighted terms of a phase and their total, by their tracked names."""
    if phase == "modules":
        states = _by_module(context.prediction.activity)
        context = context._replace(looked=geometry.look(states, compared_states(states, context.config)))
    terms = {term.name: term.cost(context) for term in TERMS if phase in term.phases and term.applies(context.config)}
    total = torch.stack(list(terms.values())).sum()
    for name, (_about, parts) in SUMS.items():
        if all(part in terms for part in parts):
            terms[name] = sum((terms[part] for part in parts[1:]), terms[parts[0]])
    terms[TOTAL] = total
    return terms


def _place_cost(context: Context) -> Tensor:
    logits = context.prediction.logits
    assert logits is not None  # noqa: S101 -- the phases of this term read the place code
    populations = [population.cells for population in context.place_cells.populations]
    return losses.place_cross_entropy(logits, context.batch.code, populations)


def _direction_cost(context: Context) -> Tensor:
    logits, config = context.prediction.directions, context.config
    assert logits is not None  # noqa: S101 -- the settings say that there are head-direction cells
    moved = at_moments(context.batch.displacement, context.moments)
    code = encode_directions(moved, config.head_direction_cells, config.head_direction_concentration)
    return losses.place_cross_entropy(logits, code, [slice(None)])


def _weight_cost(context: Context) -> Tensor:
    config = context.config
    return config.weight_decay * context.network.weight_penalty(config.weight_decay_towards, context.modules)


def _activity_cost(context: Context) -> Tensor:
    return context.config.activity_cost * context.share * losses.activity_cost(context.prediction.activity)


def tau_smoothness_cost(network: PathIntegrator, config: TrainConfig) -> Tensor:
    """Return the cost of time constants that differ from their neighbours', with its weight."""
    return config.tau_smoothness_weight * losses.tau_smoothness(_tau(network), config.tau_levels)


def tau_map_cost(network: PathIntegrator, config: TrainConfig) -> Tensor:
    """Cost of the map of time constants alone, which is what its growth lowers."""
    return tau_smoothness_cost(network, config) + tau_diversity_cost(network, config)


def tau_diversity_cost(network: PathIntegrator, config: TrainConfig) -> Tensor:
    """Return the cost of time constants that do not use their range, with its weight."""
    bounds = (config.tau_min, config.tau_max)
    return config.tau_variance_weight * losses.tau_diversity(_tau(network), config.tau_diversity, bounds)


def _tau(network: PathIntegrator) -> Tensor:
    tau = network.units.tau
    assert tau is not None  # noqa: S101 -- the settings say that there is one
    return tau


def _topographic_cost(context: Context) -> Tensor:
    network, config = context.network, context.config
    weights = {
        "recurrent": network.units.wiring.weight_maps,
        "input": network.units.w_in,
        "readout": network.readout.t(),
    }[config.topoloss_on]
    return context.topoloss_weight * losses.laplacian_pyramid_loss(weights, config.topoloss_factor)


def _isometry_cost(context: Context) -> Tensor:
    """Compare states that are spread evenly over the batch, whose walks are fresh in every step."""
    config, batch = context.config, context.batch
    assert context.looked is not None  # noqa: S101 -- modules learn alone in the phase of this term
    began = batch.position[:1] - batch.displacement[:1]
    position = _by_module(torch.cat((began, batch.position)))
    position = position[:, compared_states(position, config)]
    scale = length_scale(context.network, config)[context.modules]
    return config.isometry_weight * geometry.isometry(context.looked.compared, position, scale)


def compared_states(by_module: Tensor, config: TrainConfig) -> Tensor:
    """Return the numbers of the states ``(module, state, ...)`` that isometry compares, spread evenly over all."""
    there = by_module.shape[1]
    count = min(there, config.isometry_states)
    return torch.arange(count, device=by_module.device) * there // count


def _by_module(values: Tensor) -> Tensor:
    """Turn ``(time, module, batch, ...)`` into ``(module, time x batch, ...)``."""
    return values.transpose(0, 1).flatten(1, 2)


def length_scale(network: PathIntegrator, config: TrainConfig) -> Tensor:
    """Return the length scale ``(module,)``, per metre, that the settings ask of every module."""
    units = network.units
    tau = units.wiring.arrange(torch.ones_like(units.w_in[:, 0]) if units.tau is None else units.tau).detach()
    if config.isometry_scale == "drive":
        return geometry.driven_scale(units.wiring.arrange(units.w_in).detach(), tau)
    return geometry.wanted_scale(tau) if config.isometry_scale == "tau" else geometry.equal_scale(tau)


def _capacity_cost(context: Context) -> Tensor:
    assert context.looked is not None  # noqa: S101 -- modules learn alone in the phase of this term
    return -context.config.capacity_weight * context.looked.mean.sum()


def _learns_tau(config: TrainConfig) -> bool:
    return config.tau and config.learnable_tau


TOTAL = LOSS.key

_ABOUT_TOPOGRAPHY = "How much the weights of neighbours on the sheet differ, times its weight."

TERMS = (
    Term(
        "train/ce_loss",
        "Cross-entropy between the predicted and the true place code, nats; log(place cells) is chance.",
        ("all", "readout"), lambda config: True, _place_cost,
    ),
    Term(
        "train/head_direction_loss",
        "Cross-entropy between the predicted and the true code of head directions, nats; log(cells) is chance.",
        ("all", "readout"), lambda config: config.head_direction_cells > 0, _direction_cost,
    ),
    Term(
        "train/reg_loss", "Weight decay on the recurrent weights, times its weight.",
        ("all", "modules"), lambda config: config.weight_decay > 0, _weight_cost, of_modules=True,
    ),
    Term(
        "train/activity_loss", "Energy cost, the mean squared activity, times its weight.",
        ("all", "modules"), lambda config: config.activity_cost > 0, _activity_cost, of_modules=True,
    ),
    Term(
        "train/isometry_loss",
        "How far distances in the activity of a module are from distances in space, times its weight.",
        ("modules",), lambda config: config.wiring == "learned" and config.isometry_weight > 0, _isometry_cost,
        of_modules=True,
    ),
    Term(
        "train/capacity_loss", "Minus the mean activity of normed modules, times its weight.",
        ("modules",), lambda config: config.wiring == "learned" and config.capacity_weight > 0, _capacity_cost,
        of_modules=True,
    ),
    Term(
        "train/tau_smoothness_loss", "How much tau differs between neighbours on the sheet, times its weight.",
        ("all", "modules", "growth"), _learns_tau, lambda context: tau_smoothness_cost(context.network, context.config),
    ),
    Term(
        "train/tau_diversity_loss", "How far tau is from using its whole range, times its weight.",
        ("all", "modules", "growth"), _learns_tau, lambda context: tau_diversity_cost(context.network, context.config),
    ),
    Term(
        "train/topo_loss", _ABOUT_TOPOGRAPHY,
        ("all", "modules"), lambda config: config.topoloss and config.topoloss_on != "readout", _topographic_cost,
    ),
    Term(
        "train/topo_loss", _ABOUT_TOPOGRAPHY,
        ("all", "readout"), lambda config: config.topoloss and config.topoloss_on == "readout", _topographic_cost,
    ),
)  # fmt: skip
"""All terms, in the order in which they are summed; of two with one name at most one applies."""

SUMS: dict[str, tuple[str, tuple[str, ...]]] = {
    "train/tau_loss": ("Smoothness plus diversity of tau.", ("train/tau_smoothness_loss", "train/tau_diversity_loss")),
}
"""Sums of terms that are tracked too, by name: what they are, and of which terms."""
