"""What is done to every element between two products of units connected all to all, forward and backward.

Shapes: states are ``(B, N)``, one row a walk. `LEAKY` is ``h + (f(drive) - h) / tau`` with ``f`` a ReLU or tanh.
Modules have kernels of their own, `topogrid.model.module_kernels`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Literal, NamedTuple

import torch
from torch import Tensor

Activation = Literal["relu", "tanh"]
Norm = Literal["none", "module"]

SMALLEST_NORM = 1e-8


class Change(NamedTuple):
    """What the gradient of the leak needs."""

    total: Tensor
    """``(..., N)``; receives the sum over walks of gradient times change of the state, which is the gradient of the
    logarithm of the leak."""
    before: Tensor
    """State before the step."""


class Kernels(NamedTuple):
    """The work between two matrix products; see `_advance` and `_retreat` for what goes in and comes out."""

    advance: Callable[..., None]
    retreat: Callable[..., tuple[Tensor, Tensor | None]]
    keep: Callable[[Tensor, Tensor | None, Activation], Tensor]
    """Room for what the backward pass needs of every step, given the activity ``(T, ..., B, N)`` and the leak."""


def choose(*, compiled: bool = False) -> Kernels:
    """Return the kernels, to be compiled when they are first called if so wished."""
    return _compiled() if compiled else LEAKY


def _advance(
    state: Tensor,
    product: Tensor,
    before: Tensor,
    passed: Tensor,
    leak: Tensor | None,
    activation: Activation,
    add_state: bool,
) -> None:
    """Turn the drive that stands in ``state`` into the state after this step, in place.

    ``passed`` is filled with what the backward pass needs of the non-linearity: which ReLUs were open, or the value of
    the tanh. Without a leak the new state itself says so, and ``passed`` is that. With ``add_state`` the product is
    without the identity, and the state itself is added.
    """
    state.add_(product)
    if add_state:
        state.add_(before)
    state.relu_() if activation == "relu" else state.tanh_()
    if leak is not None:
        torch.gt(state, 0, out=passed) if activation == "relu" else passed.copy_(state)
        torch.lerp(before, state, leak, out=state)


def _retreat(
    grad_after: Tensor,
    product: Tensor,
    kept: Tensor | None,
    passed: Tensor,
    after: Tensor,
    leak: Tensor | None,
    change: Change | None,
    activation: Activation,
    add_state: bool,
) -> tuple[Tensor, Tensor | None]:
    """Bring the gradient back over one step, up to the product with the recurrent weights.

    Parameters
    ----------
    grad_after, product, kept : Tensor, ``(..., batch, unit)``
        Three parts of the gradient of the state after this step: from outside, through the weights of the next step,
        and past its weights (``None`` where nothing passes).
    passed : Tensor, ``(..., batch, unit)``
        What `_advance` kept of the non-linearity.
    after : Tensor, ``(..., batch, unit)``
        State after this step.
    leak : Tensor, ``(..., unit)``, optional
        1 / tau.
    change : Change, optional
        Where to add up the gradient of the leak.

    Returns
    -------
    tuple of Tensor
        Gradient of what went into the non-linearity, and the part of the gradient of the state before this step that
        does not go through the weights.
    """
    grad_state = grad_after + product
    if kept is not None:
        grad_state.add_(kept)
    if change is not None:
        change.total.add_((grad_state * (after - change.before)).sum(dim=-2))
    if leak is None:
        grad_input = _through_gate(grad_state, passed, activation)
        return grad_input, grad_input if add_state else None
    scaled = grad_state * leak
    grad_input = _through_gate(scaled, passed, activation)
    kept = grad_state.sub_(scaled)
    return grad_input, kept.add_(grad_input) if add_state else kept


def _keep_gate(activity: Tensor, leak: Tensor | None, activation: Activation) -> Tensor:
    # What the non-linearity let through is visible in the new state only when nothing of the old state remains.
    if leak is None:
        return activity
    return torch.empty_like(activity, dtype=torch.bool if activation == "relu" else activity.dtype)


def _through_gate(grad: Tensor, passed: Tensor, activation: Activation) -> Tensor:
    """Gradient before the non-linearity from the gradient after it, as a new tensor."""
    if activation == "tanh":
        return grad * (1 - passed * passed)
    if passed.dtype == torch.bool:
        if torch.compiler.is_compiling():  # the compiler cannot look at a bool as at a number, and need not
            return torch.where(passed, grad, 0.0)
        # Twenty times as fast on a CPU as to choose by `torch.where`, and four times as a product with a bool.
        return grad * passed.view(torch.uint8)
    # One pass over memory, where a comparison and a product take two.
    gated: Tensor = torch.ops.aten.threshold_backward(grad, passed, 0.0)
    return gated


LEAKY = Kernels(_advance, _retreat, _keep_gate)


def normalised(state: Tensor) -> Tensor:
    """Return rectified states ``(..., unit)`` divided by their norm; a silent module stays silent."""
    rectified = state.relu()
    norm: Tensor = torch.linalg.vector_norm(rectified, dim=-1, keepdim=True).clamp_min(SMALLEST_NORM)
    return rectified / norm


@functools.cache
def _compiled() -> Kernels:
    return LEAKY._replace(advance=torch.compile(LEAKY.advance), retreat=torch.compile(LEAKY.retreat))
