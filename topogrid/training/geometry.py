"""What makes a module of units a grid: distances in activity that follow distances in space, and capacity.

Shapes: M module, S state, N unit of a module.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

RANGE = 1.5  # distance in activity up to which isometry is asked for: the standard deviation of its weight
CLOSEST = 1e-2  # distance in activity below which two states count as this far apart, as a root has no slope at 0
DRIVE_TO_SCALE = 3.9  # length scale over how hard a metre of movement drives a unit
TAU_TO_SCALE = 4.0 / 0.175  # per m; length scale asked for at a tau of 1 step
WINDOW = 9.0  # side of a module's window, in length scales: about 0.75 m times tau


def isometry(states: Tensor, position: Tensor, scale: Tensor) -> Tensor:
    """How far distances in activity are from distances in space times a length scale.

    The mean of ``(|g - g'| - rho |x - x'|)^2`` over pairs of states of a module, weighed by
    ``exp(-(rho |x - x'|)^2 / 2 s^2)``, summed over modules. Only what is near in space is compared: activity of norm 1
    lies on a sphere, where nothing can be far.

    Parameters
    ----------
    states : Tensor, ``(module, state, unit)``
        Activity of norm 1 in each module.
    position : Tensor, ``(module, state, 2)``
        Metres.
    scale : Tensor, ``(module,)``
        Length scale rho, per metre: how far activity is to move for each metre. Has no gradient, as the weights have
        none.

    Returns
    -------
    Tensor, scalar

    References
    ----------
    Xu et al., "On conformal isometry of grid cells", ICLR 2025; Schaeffer et al., NeurIPS 2023 (capacity, and modules
    without place cells).
    """
    cost: Tensor = _Isometry.apply(states, position, scale)  # type: ignore[no-untyped-call]
    return cost


class _Isometry(torch.autograd.Function):
    """Value and gradient in one go: autograd would keep eight arrays of pairs for each module."""

    @staticmethod
    def forward(ctx: Any, states: Tensor, position: Tensor, scale: Tensor) -> Tensor:
        size = states.square().sum(dim=-1)
        squared = torch.baddbmm(size[:, :, None] + size[:, None, :], states, states.transpose(1, 2), alpha=-2.0)
        apart = squared.clamp_min_(CLOSEST**2).sqrt_()
        wanted = torch.cdist(position, position).mul_(scale[:, None, None])
        weight = (wanted.square() * (-0.5 / RANGE**2)).exp_()
        weight.diagonal(dim1=1, dim2=2).zero_()
        weight.div_(weight.sum(dim=(1, 2), keepdim=True))
        difference = apart - wanted
        weighed = weight.mul_(difference)
        cost = (weighed * difference).sum()
        # Both states of a pair, and each pair twice.
        pull = weighed.div_(apart).mul_(4.0)
        ctx.save_for_backward(torch.baddbmm(pull.sum(dim=-1, keepdim=True) * states, pull, states, alpha=-1.0))
        return cost

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor, None, None]:
        (gradient,) = ctx.saved_tensors
        return gradient * grad_outputs[0], None, None


class Looked(NamedTuple):
    """What the terms of the loss of modules look at."""

    compared: Tensor
    """``(module, chosen, unit)``, states between which distances are compared."""
    mean: Tensor
    """``(module,)``, mean activity over all states and units: capacity. Of a fixed norm, it is the larger the more
    units are active at once."""


def look(states: Tensor, chosen: Tensor) -> Looked:
    """Look at some states of every module one by one, and at the mean activity of all.

    Both in one go, as their gradients are: of the size of all states, and written down once.

    Parameters
    ----------
    states : Tensor, ``(module, state, unit)``
    chosen : Tensor of int, ``(chosen,)``
        Numbers of states, all different.

    Returns
    -------
    Looked
    """
    return Looked(*_Look.apply(states, chosen))  # type: ignore[no-untyped-call]


class _Look(torch.autograd.Function):
    """See `look`."""

    @staticmethod
    def forward(ctx: Any, states: Tensor, chosen: Tensor) -> tuple[Tensor, Tensor]:
        ctx.save_for_backward(chosen)
        ctx.shape = states.shape
        ctx.set_materialize_grads(False)
        return states.index_select(1, chosen), states.sum(dim=(1, 2)) / (states.shape[1] * states.shape[2])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grad_outputs: Tensor | None) -> tuple[Tensor | None, None]:
        (chosen,), (of_compared, of_mean) = ctx.saved_tensors, grad_outputs
        _modules, n_states, units = ctx.shape
        if of_mean is not None:
            gradient = (of_mean / (n_states * units))[:, None, None].expand(ctx.shape).contiguous()
        elif of_compared is not None:
            gradient = of_compared.new_zeros(ctx.shape)
        else:
            return None, None
        return gradient if of_compared is None else gradient.index_add_(1, chosen, of_compared), None


def driven_scale(w_in: Tensor, tau: Tensor) -> Tensor:
    """How far one metre of movement drives the activity of a module, per metre: ``3.9 |M| / (sqrt(n) tau)``.

    Nothing here asks for one scale or another: tau is left to set it, and movement weights could undo that.

    Parameters
    ----------
    w_in : Tensor, ``(module, unit, 2)``
        Movement weights, per metre.
    tau : Tensor, ``(module, unit)``
        Time constants, steps.

    Returns
    -------
    Tensor, ``(module,)``
    """
    size: Tensor = torch.linalg.vector_norm(w_in, dim=(1, 2)) / math.sqrt(w_in.shape[1])
    return DRIVE_TO_SCALE * size / tau.mean(dim=1)


def wanted_scale(tau: Tensor) -> Tensor:
    """Length scale ``(module,)``, per metre, that is asked for from time constants ``(module, unit)``: in 1 / tau."""
    return TAU_TO_SCALE / tau.mean(dim=1)


def equal_scale(tau: Tensor) -> Tensor:
    """Length scale ``(module,)``, per metre, that is the same for all modules: the control that is blind to tau."""
    return wanted_scale(tau.mean().expand_as(tau))


def walks_in_windows(
    start: Tensor, box_size: tuple[float, float], scale: Tensor, n_walks: int, generator: torch.Generator
) -> Tensor:
    """Choose walks for every module that begin near one another: in a window of its own, anywhere in the box.

    Isometry compares what is near, and near is the less the finer a module's lattice. Drawn from all of the box, most
    pairs of a fine module would say nothing.

    Parameters
    ----------
    start : Tensor, ``(walk, 2)``
        Where the walks to choose from begin, metres from the middle of the box.
    box_size : (float, float)
        Metres.
    scale : Tensor, ``(module,)``
        Length scales, per metre; a window has a side of `WINDOW` over it.
    n_walks : int
        How many to choose for each module.
    generator : torch.Generator
        On the device of the walks; as many numbers are drawn whatever the scales.

    Returns
    -------
    Tensor of int, ``(module, n_walks)``
        Numbers of walks.
    """
    pool, modules, device = len(start), len(scale), start.device
    share = (WINDOW / scale).square() / (box_size[0] * box_size[1])
    near = (pool * share).round().clamp(n_walks, pool)[:, None]
    drawn = torch.rand(modules, 1, 2, generator=generator, device=device) - 0.5
    centre = torch.stack([side * drawn[..., axis] for axis, side in enumerate(box_size)], dim=-1)
    rank = (start - centre).abs().amax(dim=-1).argsort(dim=-1, stable=True).argsort(dim=-1)
    lot = torch.rand(modules, pool, generator=generator, device=device) + 2.0 * (rank >= near)
    return lot.topk(n_walks, dim=-1, largest=False).indices
