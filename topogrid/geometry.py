"""Terms that make a module of units a grid: distances in activity that follow distances in space, and capacity.

Shapes: M module, S state, N unit of a module.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

REFERENCE_SCALE = 2.0 / 0.175  # per m; a module of this length scale has a weight of 1
RANGE = 1.5  # distance in activity up to which isometry is asked for: the standard deviation of its weight
CLOSEST = 1e-3  # in activity; below it the root has no gradient worth having
SQUARED = CLOSEST**2


def isometry(states: Tensor, position: Tensor, scale: Tensor) -> Tensor:
    """How far distances in activity are from distances in space times a length scale.

    ``mean (|g - g'| - rho |x - x'|)^2 exp(-(rho |x - x'|)^2 / 2 s^2)`` over pairs of states of a module, times
    ``(rho / rho_0)^2``, summed over modules. Only what is near in space is compared: activity lies on a sphere, where
    nothing can be far.

    Parameters
    ----------
    states : Tensor, ``(module, state, unit)``
        Activity of norm 1 in each module.
    position : Tensor, ``(state, 2)``
        Metres.
    scale : Tensor, ``(module,)``
        Length scale rho, per metre: how far activity is to move for each metre. Has no gradient.

    Returns
    -------
    Tensor, scalar

    References
    ----------
    Xu et al., "On conformal isometry of grid cells", ICLR 2025; Schaeffer et al., NeurIPS 2023 (capacity and
    path-integrating modules without place cells); Pettersen et al., "Self-supervised grid cells without path
    integration", 2024.
    """
    scale = scale.detach()[:, None, None]
    inner = torch.bmm(states, states.transpose(1, 2))
    size = states.square().sum(dim=-1)
    apart = (size[:, :, None] + size[:, None, :] - 2 * inner).clamp_min(SQUARED).sqrt()
    with torch.no_grad():
        wanted = scale * torch.cdist(position, position)[None]
        weight = torch.exp(wanted.square() * (-0.5 / RANGE**2))
        weight.diagonal(dim1=1, dim2=2).zero_()
        count = states.shape[1] * (states.shape[1] - 1)
        weight *= (scale / REFERENCE_SCALE).square() / count
    return ((apart - wanted).square() * weight).sum()


def capacity(states: Tensor) -> Tensor:
    """Mean activity, summed over modules: of a fixed norm, it is the larger the more units are active at once.

    Parameters
    ----------
    states : Tensor, ``(module, state, unit)``

    Returns
    -------
    Tensor, scalar
    """
    return states.mean(dim=(1, 2)).sum()


def driven_scale(w_in: Tensor, tau: Tensor) -> Tensor:
    """How far one metre of movement drives the activity of a module, per metre: 3.9 |M| / (sqrt(n) tau).

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
    return DRIVE * size / tau.mean(dim=1)


DRIVE = 3.9


def wanted_scale(tau: Tensor) -> Tensor:
    """Length scale ``(module,)``, per metre, that is asked for from time constants ``(module, unit)``: in 1 / tau."""
    return REFERENCE_SCALE / tau.mean(dim=1)


def equal_scale(tau: Tensor) -> Tensor:
    """Length scale ``(module,)``, per metre, that is the same for all modules: the control that is blind to tau."""
    return wanted_scale(tau.mean().expand_as(tau))
