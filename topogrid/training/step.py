"""The training step and the loop around it. Nothing here prints, plots or talks to a tracker.

A step reads nothing back from the device: metrics stay tensors until whoever asked for them looks.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from topogrid.model.network import PathIntegrator, Prediction, current_names
from topogrid.model.products import Precision
from topogrid.model.wiring.dense import Dense
from topogrid.settings.config import TrainConfig
from topogrid.streams import generator_states, restore_generators
from topogrid.training.geometry import walks_in_windows
from topogrid.training.objective import (
    TOTAL,
    Batch,
    Context,
    Phase,
    at_moments,
    growth_steps,
    length_scale,
    objective,
    phase_of,
    read_steps,
    readout_steps,
    tau_diversity_cost,
    tau_smoothness_cost,
    walk_length,
)
from topogrid.training.processes import ALONE, Processes
from topogrid.world.place_cells import PlaceCells
from topogrid.world.walks import simulate_walks


class Outcome(NamedTuple):
    """What one step leaves on the device."""

    position: Tensor
    """``(read, batch, 2)``, where walks were when the place code was read, metres."""
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


@dataclass
class TrainState:
    """Everything that changes while training, and so everything a checkpoint keeps."""

    network: PathIntegrator
    optimiser: torch.optim.Optimizer
    place_cells: PlaceCells
    generators: dict[str, torch.Generator]
    step: int = 0
    processes: Processes = ALONE
    averaged: nn.Module | None = None
    """The network inside what averages its gradients over several processes."""
    grower: torch.optim.Optimizer | None = None
    """What grows the map of time constants by its own loss."""

    def spread(self, processes: Processes) -> None:
        """Train together with other processes; all have to call this, in the same state."""
        self.processes = processes
        # Where some weights rest in some phases, gradients are averaged after the step: `average_gradients`.
        together = not processes.alone and isinstance(self.network.units.wiring, Dense)
        self.averaged = processes.wrap(self.network) if together else None

    def predict(self, batch: Batch, phase: Phase = "all", moments: list[int] | None = None) -> Prediction:
        """Follow the walks of a batch and read the place code at some moments, all by default."""
        if phase == "modules":
            return Prediction(self.network.in_modules(batch.start_code, batch.displacement), None)
        prediction: Prediction = (self.averaged or self.network)(
            batch.start_code,
            batch.displacement,
            read=lambda activity: activity if moments is None else at_moments(activity, moments),
            joint=phase != "readout",
        )
        return prediction

    def fit(self, config: TrainConfig) -> None:
        """Fit encoder and read-out to what the wiring does untrained; see `topogrid.model.wiring.base.Wiring.fit`."""
        self.network.units.wiring.fit(self.network, self.place_cells, config)

    @torch.no_grad()
    def length_scale(self, config: TrainConfig) -> Tensor | None:
        """Length scale of every module, ``(module,)``, per metre, where modules learn by isometry."""
        return length_scale(self.network, config) if config.wiring == "learned" else None

    def state_dict(self) -> dict[str, Any]:
        """Tensors and plain containers only, so that ``torch.load(weights_only=True)`` takes them back."""
        optimiser = self.optimiser.state_dict()
        for group in optimiser["param_groups"]:
            # How this machine takes its steps is no part of the run.
            group |= {"lr": float(group["lr"]), "capturable": False}
        grower = {} if self.grower is None else {"grower": self.grower.state_dict()}
        return {
            "step": self.step,
            "network": self.network.state_dict(),
            "optimiser": optimiser,
            "place_centres": self.place_cells.centres,
            "generators": generator_states(self.generators),
        } | grower

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go back to where ``state`` was taken; settings must be those it was taken with."""
        self.network.load_state_dict(current_names(state["network"]))
        self.optimiser.load_state_dict(state["optimiser"])
        if self.grower is not None:
            self.grower.load_state_dict(state["grower"])
        self.place_cells.centres = state["place_centres"].to(self.place_cells.centres.device)
        restore_generators(self.generators, state["generators"])
        self.step = state["step"]


def new_state(
    config: TrainConfig,
    device: torch.device,
    precision: Precision,
    generators: dict[str, torch.Generator],
    *,
    fitted: bool = True,
) -> TrainState:
    """Untrained network, place cells and optimiser.

    Parameters
    ----------
    config : TrainConfig
    device : torch.device
        Where everything lives.
    precision : {"fp32", "bf16"}
        Of the matrix products.
    generators : dict
        Random sources named ``weights``, ``place_cells`` (both on the CPU, so that a seed means the same network on
        every device) and ``walks`` (on ``device``).
    fitted : bool
        Whether encoder and read-out are fitted to the wiring, which takes seconds on large sheets; else call
        `TrainState.fit` before training.
    """
    place_cells = PlaceCells.from_config(config, generators["place_cells"]).to(device)
    network = PathIntegrator.from_config(config, precision=precision, generator=generators["weights"]).to(device)
    optimiser = torch.optim.Adam(_parameter_groups(network, config), fused=device.type != "meta")
    state = TrainState(network, optimiser, place_cells, generators, grower=_grower(network, config))
    if fitted and device.type != "meta":
        state.fit(config)
    return state


def _grower(network: PathIntegrator, config: TrainConfig) -> torch.optim.Optimizer | None:
    log_tau = network.units.log_tau
    if log_tau is None or not (config.learnable_tau and config.tau_growth_steps):
        return None
    return torch.optim.Adam([log_tau], lr=config.tau_growth_lr, fused=log_tau.device.type != "meta")


def _parameter_groups(network: PathIntegrator, config: TrainConfig) -> list[dict[str, Any]]:
    """Return groups of weights, each with what multiplies its learning rate.

    What sums over all units of a dense sheet learns the slower the more there are (Yang & Hu, ICML 2021).
    """
    units = network.units
    scale = units.wiring.width_scale if config.scale_lr else 1.0
    groups = [
        ([units.wiring.weight], scale),
        ([network.readout], scale * config.readout_lr_scale),
        ([network.encoder], config.encoder_lr_scale),
        ([units.w_in], config.movement_lr_scale),
        ([] if units.drive is None else [units.drive], 1.0),
        ([units.log_tau] if units.log_tau is not None and config.learnable_tau else [], config.tau_lr_scale),
    ]
    merged: dict[float, list[nn.Parameter]] = {}
    for parameters, one in groups:
        merged.setdefault(one, []).extend(parameter for parameter in parameters if parameter.requires_grad)
    # A dense network always has two groups, whether or not their scales are equal, as its checkpoints have had.
    if isinstance(units.wiring, Dense) and len(merged) == 1:
        ((one, all_of_them),) = merged.items()
        return [{"params": all_of_them[:2], "lr_scale": one}, {"params": all_of_them[2:], "lr_scale": one}]
    return [{"params": parameters, "lr_scale": one} for one, parameters in merged.items() if parameters]


def learning_rate(step: int, config: TrainConfig) -> float:
    """Learning rate of a step (counted from 1): linear warm-up, then a cosine fall or a constant, in every phase."""
    first, last = _span(phase_of(step, config), config)
    warm = min(1.0, (step - first) / config.warmup_steps) if config.warmup_steps else 1.0
    if config.lr_schedule == "constant":
        return config.lr * warm
    fallen = 0.5 * (1 + math.cos(math.pi * min(1.0, (step - first) / (last - first))))
    return config.lr * warm * (config.final_lr_share + (1 - config.final_lr_share) * fallen)


def _span(phase: Phase, config: TrainConfig) -> tuple[int, int]:
    """Return the steps after which a phase begins and ends."""
    if config.wiring == "learned":
        modules_end = config.steps - readout_steps(config)
        return (modules_end, config.steps) if phase == "readout" else (0, modules_end)
    grown = growth_steps(config) if config.wiring == "attractor" else 0
    return (0, max(1, grown)) if phase == "growth" else (grown, max(config.steps, grown + 1))


def make_batch(
    config: TrainConfig,
    place_cells: PlaceCells,
    generator: torch.Generator,
    share: slice = slice(None),
    *,
    step: int = 1,
    scale: Tensor | None = None,
) -> Batch:
    """Fresh walks for a step (counted from 1) and their place code.

    With several processes, it is one's ``share`` of the same walks that all draw. ``scale``, ``(module,)``, is the
    length scale of modules that learn alone, each from walks of its own: `topogrid.training.geometry.walks_in_windows`.
    """
    alone = phase_of(step, config) == "modules"
    walks = simulate_walks(
        config.batch_size * (config.walks_to_choose if alone else 1),
        walk_length(step, config),
        box_size=config.box_size,
        dt=config.dt,
        generator=generator,
        periodic=config.periodic,
        even_starts=config.even_starts,
    )
    if alone:
        scale = torch.ones(config.sheet.n_modules, device=walks.start.device) if scale is None else scale
        chosen = walks_in_windows(walks.start, config.box_size, scale, config.batch_size, generator)[:, share]
        start_code = place_cells.encode(walks.start)[chosen]
        no_code = start_code.new_empty(0, *start_code.shape)
        return Batch(start_code, walks.displacement[:, chosen], no_code, walks.position[:, chosen])
    start, displacement, position = walks.start[share], walks.displacement[:, share], walks.position[:, share]
    read = at_moments(position, read_steps(step, config))
    return Batch(place_cells.encode(start), displacement, place_cells.encode(read), position)


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
    set_learning_rate(state.optimiser, step, config)
    outcome = learn(state, batch, config, before)
    state.step = step
    return record_of(outcome, state, measure=measure)


def learn(state: TrainState, batch: Batch, config: TrainConfig, before: StepRecord | None = None) -> Outcome:
    """Do the part of a step that is the same work every time, so that it can be recorded and replayed."""
    network, step = state.network, state.step + 1
    phase, grows = phase_of(step, config), step <= growth_steps(config)
    with torch.set_grad_enabled(phase != "growth"):
        prediction = state.predict(batch, phase, read_steps(step, config))
    terms = objective(Context(network, state.place_cells, prediction, batch, config), phase)
    state.optimiser.zero_grad(set_to_none=True)
    if phase != "growth":
        terms[TOTAL].backward()  # type: ignore[no-untyped-call]
    if state.averaged is None:
        state.processes.average_gradients(network)
    gradient_norm = torch.zeros_like(terms[TOTAL]) if phase == "growth" else _clip_gradients(network, config.grad_clip)
    if grows and network.units.log_tau is not None:
        network.units.log_tau.grad = None
    finite = torch.isfinite(gradient_norm) & torch.isfinite(terms[TOTAL])
    finite = state.processes.everywhere(finite)
    if before is not None:
        finite = finite & before.finite
    _step_if(finite, state.optimiser)
    network.units.project_tau()
    if grows:
        _grow_tau(state, config, finite)
        if step == growth_steps(config):
            state.fit(config)
    detached = {name: value.detach() for name, value in terms.items()}
    logits = prediction.logits
    seen = Prediction(prediction.activity.detach(), None if logits is None else logits.detach())
    n_finite = finite.long() if before is None else before.n_finite + finite
    position = at_moments(batch.position, read_steps(step, config))
    return Outcome(position, seen, detached, gradient_norm, finite, n_finite)


def _grow_tau(state: TrainState, config: TrainConfig, finite: Tensor) -> None:
    """Let time constants take steps of their own, down their own loss."""
    units, grower = state.network.units, state.grower
    assert grower is not None  # noqa: S101 -- there are steps of growth
    for _ in range(config.tau_own_steps):
        grower.zero_grad(set_to_none=True)
        cost = tau_smoothness_cost(state.network, config) + tau_diversity_cost(state.network, config)
        cost.backward()  # type: ignore[no-untyped-call]
        _step_if(finite, grower)
        units.project_tau()
    grower.zero_grad(set_to_none=True)


def record_of(outcome: Outcome, state: TrainState, *, measure: bool) -> StepRecord:
    """Report the step that ``state`` has just taken."""
    return StepRecord(state.step, _metrics(outcome, state) if measure else {}, outcome.finite, outcome.n_finite)


def set_learning_rate(optimiser: torch.optim.Optimizer, step: int, config: TrainConfig) -> None:
    """Give every group of parameters the learning rate of a step, in place where a recorded step reads it."""
    for group in optimiser.param_groups:
        rate = learning_rate(step, config) * group["lr_scale"]
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate


def make_capturable(optimiser: torch.optim.Optimizer) -> None:
    """Let an optimiser be recorded: its learning rates become tensors on the device."""
    for group in optimiser.param_groups:
        device = group["params"][0].device
        group |= {"capturable": True, "lr": torch.tensor(float(group["lr"]), device=device)}


def _clip_gradients(network: PathIntegrator, limit: float) -> Tensor:
    """Scale gradients down to a joint norm of ``limit`` (0: leave them); return the norm before, as a tensor."""
    units = network.units
    # In a fixed order, as the last digit of a sum depends on it.
    weights = [network.encoder, network.readout, units.w_in, units.wiring.weight, units.log_tau, units.drive]
    there = [weight for weight in weights if weight is not None]
    return torch.nn.utils.clip_grad_norm_(there, limit if limit else math.inf)


def _step_if(finite: Tensor, optimiser: torch.optim.Optimizer) -> None:
    # Fused Adam skips the update on the device where `found_inf` is 1: the way gradient scalers avoid a host read.
    if optimiser.defaults.get("fused"):
        optimiser.found_inf = (~finite).float()  # type: ignore[attr-defined]
        optimiser.grad_scale = None  # type: ignore[attr-defined]
    optimiser.step()


@torch.no_grad()
def _metrics(outcome: Outcome, state: TrainState) -> dict[str, Tensor]:
    metrics = dict(outcome.terms)
    if outcome.prediction.logits is not None:
        decoded = state.place_cells.decode(outcome.prediction.logits)
        metrics["train/position_error_cm"] = 100 * state.place_cells.error(decoded, outcome.position).mean()
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
        # Isometry compares every state with every other: it is not a sum over walks that processes could share.
        together = phase_of(state.step + 1, config) == "modules"
        share = slice(None) if together else state.processes.share(config.batch_size)
        walks, scale = state.generators["walks"], state.length_scale(config)
        batch = make_batch(config, state.place_cells, walks, share, step=state.step + 1, scale=scale)
        return train_step(state, batch, config, measure=measure, before=before)

    take_step = take_step or usual_step
    record = None
    for step in range(state.step + 1, config.steps + 1):
        # Not the first after resuming: the rows of a resumed run are those of the uninterrupted one.
        record = take_step(step in (1, config.steps) or step % config.print_every == 0, record)
        after_step()
        yield record
