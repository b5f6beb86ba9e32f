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

from topogrid import losses
from topogrid.config import TrainConfig
from topogrid.distributed import ALONE, Processes
from topogrid.network import PathIntegrator, Prediction, width_scale
from topogrid.place_cells import PlaceCells
from topogrid.products import Precision
from topogrid.reproducibility import generator_states, restore_generators
from topogrid.trajectories import simulate_walks


class Batch(NamedTuple):
    """What a step learns from."""

    start_code: Tensor
    """``(batch, place)``, place code before the first step."""
    displacement: Tensor
    """``(time, batch, 2)``, metres per step."""
    code: Tensor
    """``(time, batch, place)``, the target after each step."""
    position: Tensor
    """``(time, batch, 2)``, metres."""


class Outcome(NamedTuple):
    """What one step leaves on the device."""

    batch: Batch
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

    def spread(self, processes: Processes) -> None:
        """Train together with other processes; all have to call this, in the same state."""
        self.processes = processes
        self.averaged = None if processes.alone else processes.wrap(self.network)

    def predict(self, batch: Batch) -> Prediction:
        """Follow the walks of a batch."""
        prediction: Prediction = (self.averaged or self.network)(batch.start_code, batch.displacement)
        return prediction

    def state_dict(self) -> dict[str, Any]:
        """Tensors and plain containers only, so that ``torch.load(weights_only=True)`` takes them back."""
        optimiser = self.optimiser.state_dict()
        for group in optimiser["param_groups"]:
            # How this machine takes its steps is no part of the run.
            group |= {"lr": float(group["lr"]), "capturable": False}
        return {
            "step": self.step,
            "network": self.network.state_dict(),
            "optimiser": optimiser,
            "place_centres": self.place_cells.centres,
            "generators": generator_states(self.generators),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go back to where ``state`` was taken; settings must be those it was taken with."""
        self.network.load_state_dict(state["network"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.place_cells.centres = state["place_centres"].to(self.place_cells.centres.device)
        restore_generators(self.generators, state["generators"])
        self.step = state["step"]


def new_state(
    config: TrainConfig, device: torch.device, precision: Precision, generators: dict[str, torch.Generator]
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
    """
    place_cells = PlaceCells.from_config(config, generators["place_cells"]).to(device)
    network = PathIntegrator.from_config(config, precision=precision, generator=generators["weights"]).to(device)
    optimiser = torch.optim.Adam(_parameter_groups(network, config), fused=device.type != "meta")
    return TrainState(network, optimiser, place_cells, generators)


def _parameter_groups(network: PathIntegrator, config: TrainConfig) -> list[dict[str, Any]]:
    """Return what sums over units, whose learning rate falls with their number (Yang & Hu, ICML 2021), and the rest."""
    summing = [network.units.w_rec, network.readout]
    rest = [network.encoder, network.units.w_in]
    if network.units.log_tau is not None and config.learnable_tau:
        rest.append(network.units.log_tau)
    scale = width_scale(config.n_grid_cells) if config.scale_lr else 1.0
    return [{"params": summing, "lr_scale": scale}, {"params": rest, "lr_scale": 1.0}]


def learning_rate(step: int, config: TrainConfig) -> float:
    """Learning rate of a step (counted from 1): linear warm-up, then a cosine fall or a constant."""
    warm = min(1.0, step / config.warmup_steps) if config.warmup_steps else 1.0
    if config.lr_schedule == "constant":
        return config.lr * warm
    fallen = 0.5 * (1 + math.cos(math.pi * min(1.0, step / config.steps)))
    return config.lr * warm * (config.final_lr_share + (1 - config.final_lr_share) * fallen)


def make_batch(
    config: TrainConfig, place_cells: PlaceCells, generator: torch.Generator, share: slice = slice(None)
) -> Batch:
    """Fresh walks and their place code; with several processes, one's ``share`` of the same walks that all draw."""
    walks = simulate_walks(
        config.batch_size,
        config.seq_length,
        box_size=config.box_size,
        dt=config.dt,
        generator=generator,
        periodic=config.periodic,
        even_starts=config.even_starts,
    )
    start, displacement, position = walks.start[share], walks.displacement[:, share], walks.position[:, share]
    return Batch(place_cells.encode(start), displacement, place_cells.encode(position), position)


def objective(
    network: PathIntegrator,
    place_cells: PlaceCells,
    prediction: Prediction,
    batch: Batch,
    config: TrainConfig,
) -> dict[str, Tensor]:
    """Weighted terms of the loss and their total, by their tracked names."""
    units = network.units
    populations = [population.cells for population in place_cells.populations]
    terms = {"train/ce_loss": losses.place_cross_entropy(prediction.logits, batch.code, populations)}
    if config.weight_decay:
        decay = losses.weight_decay(units.w_rec, config.weight_decay_towards)
        terms["train/reg_loss"] = config.weight_decay * decay
    if config.activity_cost:
        terms["train/activity_loss"] = config.activity_cost * losses.activity_cost(prediction.activity)
    terms.update(_tau_terms(network, config))
    if config.topoloss:
        weights = {"recurrent": units.w_rec, "input": units.w_in, "readout": network.readout.t()}[config.topoloss_on]
        pyramid = losses.laplacian_pyramid_loss(weights, config.topoloss_factor)
        terms["train/topo_loss"] = config.topoloss_weight * pyramid
    total = torch.stack(list(terms.values())).sum()
    if "train/tau_smoothness_loss" in terms:
        terms["train/tau_loss"] = terms["train/tau_smoothness_loss"] + terms["train/tau_diversity_loss"]
    terms["train/total_loss"] = total
    return terms


def _tau_terms(network: PathIntegrator, config: TrainConfig) -> dict[str, Tensor]:
    tau = network.units.tau
    if tau is None or not config.learnable_tau:
        return {}
    diversity = losses.tau_diversity(tau, config.tau_diversity, (config.tau_min, config.tau_max))
    return {
        "train/tau_smoothness_loss": config.tau_smoothness_weight * losses.tau_smoothness(tau),
        "train/tau_diversity_loss": config.tau_variance_weight * diversity,
    }


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
    network = state.network
    prediction = state.predict(batch)
    terms = objective(network, state.place_cells, prediction, batch, config)
    state.optimiser.zero_grad(set_to_none=True)
    terms["train/total_loss"].backward()  # type: ignore[no-untyped-call]
    gradient_norm = _clip_gradients(network, config.grad_clip)
    finite = torch.isfinite(gradient_norm) & torch.isfinite(terms["train/total_loss"])
    finite = state.processes.everywhere(finite)
    if before is not None:
        finite = finite & before.finite
    _step_if(finite, state.optimiser)
    network.units.project_tau()
    detached = {name: value.detach() for name, value in terms.items()}
    seen = Prediction(*(part.detach() for part in prediction))
    n_finite = finite.long() if before is None else before.n_finite + finite
    return Outcome(batch, seen, detached, gradient_norm, finite, n_finite)


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
    return torch.nn.utils.clip_grad_norm_(network.parameters(), limit if limit else math.inf)


def _step_if(finite: Tensor, optimiser: torch.optim.Optimizer) -> None:
    # Fused Adam skips the update on the device where `found_inf` is 1: the way gradient scalers avoid a host read.
    if optimiser.defaults.get("fused"):
        optimiser.found_inf = (~finite).float()  # type: ignore[attr-defined]
        optimiser.grad_scale = None  # type: ignore[attr-defined]
    optimiser.step()


@torch.no_grad()
def _metrics(outcome: Outcome, state: TrainState) -> dict[str, Tensor]:
    decoded = state.place_cells.decode(outcome.prediction.logits)
    metrics = outcome.terms | {
        "train/position_error_cm": 100 * state.place_cells.error(decoded, outcome.batch.position).mean(),
        "train/grad_norm": outcome.gradient_norm,
    }
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
        share = state.processes.share(config.batch_size)
        batch = make_batch(config, state.place_cells, state.generators["walks"], share)
        return train_step(state, batch, config, measure=measure, before=before)

    take_step = take_step or usual_step
    record = None
    for step in range(state.step + 1, config.steps + 1):
        # Not the first after resuming: the rows of a resumed run are those of the uninterrupted one.
        record = take_step(step in (1, config.steps) or step % config.print_every == 0, record)
        after_step()
        yield record
