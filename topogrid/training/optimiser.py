"""What moves the weights: groups, learning rates, clipping, and steps that skip what is not finite."""

from __future__ import annotations

import inspect
import itertools
import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from topogrid.measures.training import RATE, TOPOLOSS_WEIGHT
from topogrid.model.network import PathIntegrator
from topogrid.settings.config import TrainConfig
from topogrid.training.objective import (
    Phase,
    growth_steps,
    phase_of,
    phases_left,
    readout_steps,
    topoloss_weight,
)


class Adam(torch.optim.Adam):
    """PyTorch's Adam, to the bit and with the same state, without PyTorch's compiler.

    On the first call of any of these methods PyTorch imports ``torch._dynamo``, to tell the compiler to leave it alone:
    seconds of every start, for a step that is never compiled. Here the same methods are called without that.
    """

    state_dict = inspect.unwrap(torch.optim.Adam.state_dict)
    load_state_dict = inspect.unwrap(torch.optim.Adam.load_state_dict)
    zero_grad = inspect.unwrap(torch.optim.Adam.zero_grad)
    add_param_group = inspect.unwrap(torch.optim.Adam.add_param_group)
    _plain_step = inspect.unwrap(torch.optim.Adam.step)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Move the weights along their gradients; see `torch.optim.Adam.step`."""
        return self._plain_step(closure)


def grower_of(network: PathIntegrator, config: TrainConfig) -> torch.optim.Optimizer | None:
    """Return what moves time constants in steps of their own; ``None`` where they take none."""
    log_tau = network.units.log_tau
    if log_tau is None or not (config.learnable_tau and config.tau_growth_steps):
        return None
    return Adam([log_tau], lr=config.tau_growth_lr, fused=log_tau.device.type != "meta")


def parameter_groups(network: PathIntegrator, config: TrainConfig) -> list[dict[str, Any]]:
    """Return groups of weights, each with what multiplies its learning rate.

    What sums over all units of a dense sheet learns the slower the more there are (Yang & Hu, ICML 2021).
    """
    weights = network.learned_weights()
    scale = network.width_scale() if config.scale_lr else 1.0
    groups = [
        (weights["recurrent"], scale),
        (weights["readout"], scale * config.readout_lr_scale),
        (weights["encoder"], config.encoder_lr_scale),
        (weights["movement"], config.movement_lr_scale),
        (weights["drive"], 1.0),
        (weights["tau"] if config.learnable_tau else [], config.tau_lr_scale),
    ]
    merged: dict[float, list[nn.Parameter]] = {}
    for parameters, one in groups:
        merged.setdefault(one, []).extend(parameter for parameter in parameters if parameter.requires_grad)
    # A dense network always has two groups, whether or not their scales are equal, as its checkpoints have had.
    if network.learns_at_once and len(merged) == 1:
        ((one, all_of_them),) = merged.items()
        own = len(weights["recurrent"]) + len(weights["readout"])
        return [{"params": all_of_them[:own], "lr_scale": one}, {"params": all_of_them[own:], "lr_scale": one}]
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


_OF_MODULES = ("encoder_lr_scale", "movement_lr_scale", "tau_lr_scale", "weight_decay", "weight_decay_towards")


def over_after(step: int, before: TrainConfig, now: TrainConfig) -> dict[str, str]:
    """Return settings that differ, but act in no step after one, with the reason why.

    Parameters
    ----------
    step : int
        The last step that was taken.
    before, now : TrainConfig
        What the steps up to it were taken with, and what the others are to be taken with.
    """
    over = {}
    begins = {phase: first for phase, first, _count in reversed(phases_left(step, now))}
    if now.wiring == "learned" and "modules" not in begins:
        over = dict.fromkeys(_OF_MODULES, "modules rest in the steps that are left, in which the read-out learns alone")
    warmups = (before.warmup_steps, now.warmup_steps)
    if all(first - _span(phase, now)[0] >= max(warmups) for phase, first in begins.items()):
        over["warmup_steps"] = "the learning rate has risen"
    return {name: why for name, why in over.items() if getattr(before, name) != getattr(now, name)}


def rates(step: int, config: TrainConfig) -> dict[str, float]:
    """Return what settings of learning come to in a step, by its tracked names."""
    weight = {TOPOLOSS_WEIGHT.key: topoloss_weight(step, config)} if config.topoloss else {}
    return {RATE.key: learning_rate(step, config)} | weight


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


def clip_gradients(network: PathIntegrator, limit: float) -> Tensor:
    """Scale gradients down to a joint norm of ``limit`` (0: leave them); return the norm before, as a tensor."""
    weights = network.learned_weights()
    # In a fixed order, as the last digit of a sum depends on it.
    first, *other_readouts = weights["readout"]
    order = [weights[role] for role in ("movement", "recurrent", "tau", "drive")]
    there = [*weights["encoder"], first, *itertools.chain(*order), *other_readouts]
    return torch.nn.utils.clip_grad_norm_(there, limit if limit else math.inf)


def step_if(finite: Tensor, optimiser: torch.optim.Optimizer) -> None:
    """Take a step of the optimiser where everything is finite, without asking the host."""
    # Fused Adam skips the update on the device where `found_inf` is 1: the way gradient scalers avoid a host read.
    if optimiser.defaults.get("fused"):
        optimiser.found_inf = (~finite).float()  # type: ignore[attr-defined]
        optimiser.grad_scale = None  # type: ignore[attr-defined]
    optimiser.step()
