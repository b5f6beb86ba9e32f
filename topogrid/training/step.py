"""The training step and the loop around it. Nothing here prints, plots or talks to a tracker.

A step reads nothing back from the device: metrics stay tensors until whoever asked for them looks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from topogrid.measures.training import TRAINING_DIRECTION_ERROR
from topogrid.model.head_directions import decode_directions, direction_errors
from topogrid.model.network import Prediction
from topogrid.model.units import at_moments
from topogrid.settings.config import TrainConfig
from topogrid.training.batch import make_batch
from topogrid.training.objective import (
    TERMS,
    TOTAL,
    Batch,
    Context,
    growth_steps,
    holds_movement,
    objective,
    phase_of,
    read_steps,
    tau_map_cost,
)
from topogrid.training.optimiser import clip_gradients, step_if
from topogrid.training.state import TrainState


class Outcome(NamedTuple):
    """What one step leaves on the device."""

    position: Tensor
    """``(read, batch, 2)``, where walks were when the place code was read, metres."""
    displacement: Tensor
    """``(read, batch, 2)``, how they had just moved, metres."""
    prediction: Prediction
    terms: dict[str, Tensor]
    """Weighted terms of the loss and their total, by their tracked names."""
    gradient_norm: Tensor
    """Before clipping."""
    finite: Tensor
    """Whether loss and gradients were, in every process, in this step and those before it."""
    n_finite: Tensor
    """How many steps were."""


class StepRecord(NamedTuple):
    """One step as the loop reports it."""

    step: int
    """Number of steps done, this one included."""
    metrics: dict[str, Tensor]
    """Scalars on the device, by their tracked names; empty unless this step was to be measured."""
    finite: Tensor
    """Whether loss and gradients were finite; where not, no weight was changed."""
    n_finite: Tensor
    """How many steps of this loop came before the first that was not finite. After that one `train` changes no weight:
    it waits for somebody to look, without asking the device at every step."""


def train_step(
    state: TrainState,
    batch: Batch,
    config: TrainConfig,
    *,
    measure: bool = False,
    before: StepRecord | None = None,
) -> StepRecord:
    """Learn from one batch; advances ``state`` in place.

    A non-finite loss or gradient changes nothing but the step count: the update is skipped on the device, without
    asking the host, and `StepRecord.finite` says so to whoever reads it.

    Parameters
    ----------
    state : TrainState
    batch : Batch
    config : TrainConfig
    measure : bool
        Also compute the metrics.
    before : StepRecord, optional
        The step before this one; if that was not finite, this one is not either and changes nothing.
    """
    step = state.step + 1
    state.prepare(step, config)
    outcome = learn(state, batch, config, before, watched=measure)
    state.step = step
    return record_of(outcome, state, measure=measure)


def learn(
    state: TrainState, batch: Batch, config: TrainConfig, before: StepRecord | None = None, *, watched: bool = True
) -> Outcome:
    """Do the part of a step that is the same work every time, so that it can be recorded and replayed.

    A step that grows time constants learns nothing from its walks: they are followed where somebody watches only.
    """
    network, step = state.network, state.step + 1
    phase, grows, moments = phase_of(step, config), step <= growth_steps(config), read_steps(step, config)
    if phase == "growth" and not watched:
        prediction = Prediction(batch.start_code.new_empty(0), None)
    else:
        with torch.set_grad_enabled(phase != "growth"):
            prediction = state.predict(batch, phase, moments)
    context = Context(network, state.place_cells, prediction, batch, config, state.topoloss_weight, moments)
    if state.share is not None:
        context = context._replace(modules=state.share.modules, share=1 / state.processes.count)
    terms = objective(context, phase)
    state.optimiser.zero_grad(set_to_none=True)
    if phase != "growth":
        terms[TOTAL].backward()  # type: ignore[no-untyped-call]
    gradient_norm = torch.zeros_like(terms[TOTAL]) if phase == "growth" else _settle_gradients(state, config)
    if grows and network.units.log_tau is not None:
        network.units.log_tau.grad = None
    finite = torch.isfinite(gradient_norm) & torch.isfinite(terms[TOTAL])
    finite = state.processes.everywhere(finite)
    if before is not None:
        finite = finite & before.finite
    held = network.units.movement_size() if holds_movement(step, config) else None
    step_if(finite, state.optimiser)
    if held is not None:
        network.units.resize_movement(held)
    network.units.project_tau()
    if grows:
        _grow_tau(state, config, finite)
        if step == growth_steps(config):
            state.fit(config)
    detached = {name: value.detach() for name, value in terms.items()}
    seen = prediction.detached()
    n_finite = finite.long() if before is None else before.n_finite + finite
    position, displacement = at_moments(batch.position, moments), at_moments(batch.displacement, moments)
    return Outcome(position, displacement, seen, detached, gradient_norm, finite, n_finite)


def _settle_gradients(state: TrainState, config: TrainConfig) -> Tensor:
    """Bring gradients together over processes and clip them; returns their norm before."""
    if state.share is not None:
        return state.share.settle_gradients(config.grad_clip)
    if state.averaged is None:
        state.processes.average_gradients(state.network)
    return clip_gradients(state.network, config.grad_clip)


def _grow_tau(state: TrainState, config: TrainConfig, finite: Tensor) -> None:
    """Let time constants take steps of their own, down their own loss."""
    units, grower = state.network.units, state.grower
    assert grower is not None  # noqa: S101 -- there are steps of growth
    for _ in range(config.tau_own_steps):
        grower.zero_grad(set_to_none=True)
        tau_map_cost(state.network, config).backward()  # type: ignore[no-untyped-call]
        step_if(finite, grower)
        units.project_tau()
    grower.zero_grad(set_to_none=True)


def record_of(outcome: Outcome, state: TrainState, *, measure: bool) -> StepRecord:
    """Report the step that ``state`` has just taken."""
    return StepRecord(state.step, _metrics(outcome, state) if measure else {}, outcome.finite, outcome.n_finite)


@torch.no_grad()
def _metrics(outcome: Outcome, state: TrainState) -> dict[str, Tensor]:
    metrics = dict(outcome.terms)
    if state.share is not None:
        # Of these, every process has what its own modules add, and below the mean is taken.
        for term in TERMS:
            if term.of_modules and term.name in metrics:
                metrics[TOTAL] = metrics[TOTAL] + (state.processes.count - 1) * metrics[term.name]
                metrics[term.name] = state.processes.count * metrics[term.name]
    if outcome.prediction.logits is not None:
        decoded = state.place_cells.decode(outcome.prediction.logits)
        metrics["train/position_error_cm"] = 100 * state.place_cells.error(decoded, outcome.position).mean()
    if outcome.prediction.directions is not None:
        turned = direction_errors(decode_directions(outcome.prediction.directions), outcome.displacement)
        metrics[TRAINING_DIRECTION_ERROR.key] = turned.nanmean()
    metrics["train/grad_norm"] = outcome.gradient_norm
    tau = state.network.units.tau
    if tau is not None:
        metrics |= {
            "tau/mean": tau.mean(),
            "tau/std": tau.std(correction=0),
            "tau/min": tau.min(),
            "tau/max": tau.max(),
        }
    # One message for all of them; stacking also copies what the next replay would overwrite.
    means = state.processes.mean(torch.stack(list(metrics.values())))
    return dict(zip(metrics, means.unbind(), strict=True))


TakeStep = Callable[[bool, StepRecord | None], StepRecord]
"""Takes one step, told whether to measure it and what the step before reported."""


def train(
    state: TrainState,
    config: TrainConfig,
    take_step: TakeStep | None = None,
    after_step: Callable[[], None] = lambda: None,
) -> Iterator[StepRecord]:
    """Train until ``config.steps``, one record a step; the first, the last and every ``print_every`` have metrics.

    Parameters
    ----------
    state : TrainState
    config : TrainConfig
    take_step : callable, optional
        Such as a `GraphedStep`; by default makes a batch and calls `train_step`.
    after_step : callable
        Called after every step, before its record is seen.
    """

    def usual_step(measure: bool, before: StepRecord | None) -> StepRecord:
        phase = phase_of(state.step + 1, config)
        # Isometry compares every state with every other: it is not a sum over walks that processes could share.
        together = phase == "modules" or state.share is not None
        share = slice(None) if together else state.processes.share(config.batch_size)
        walks, scale = state.generators["walks"], state.length_scale(config)
        modules = slice(None) if state.share is None else state.share.modules
        batch = make_batch(config, state.place_cells, walks, share, step=state.step + 1, scale=scale, modules=modules)
        return train_step(state, batch, config, measure=measure, before=before)

    take_step = take_step or usual_step
    record = None
    for step in range(state.step + 1, config.steps + 1):
        # Not the first after resuming: the rows of a resumed run are those of the uninterrupted one.
        record = take_step(step in (1, config.steps) or step % config.print_every == 0, record)
        after_step()
        yield record
