"""The leaky recurrence through time, with its own gradient: the one hot spot of training.

Shapes: T time, B batch, N unit. All states are ``(T, B, N)``; a row of a weight matrix belongs to the receiving unit.

Four choices make it fast without changing what is computed:

* the drive from movement is one product for all steps, and its buffer becomes the output;
* the gradient of the recurrent weights is one product over all ``T * B`` rows (in blocks of receivers) instead of T;
* what is done to every element between two products is one function forward and one backward, `Kernels`, so that a
  compiler can make one pass over memory of each;
* with ``precision="bf16"`` only ``w_rec - I`` is rounded. Networks here start near the identity, where a unit's own
  state would lose every increment below 2^-8 of itself; as ``h + h (w_rec - I)^T`` the state passes through in fp32.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from topogrid.products import Precision, multiply

Activation = Literal["relu", "tanh"]

WEIGHT_BLOCK = 1024
"""Receiving units whose weight gradients are computed at a time."""


class Kernels(NamedTuple):
    """The work between two matrix products; see `_advance` and `_retreat` for what goes in and comes out."""

    advance: Callable[..., None]
    retreat: Callable[..., tuple[Tensor, Tensor | None]]


def leaky_recurrence(
    displacement: Tensor,
    start: Tensor,
    w_in: Tensor,
    w_rec: Tensor,
    tau: Tensor | None = None,
    *,
    activation: Activation = "relu",
    precision: Precision = "fp32",
    compiled: bool = False,
) -> Tensor:
    """Integrate a batch of walks through leaky units.

    Every step is one Euler step of ``tau dh/dt = -h + f(w_in u + w_rec h)`` with ``f`` a ReLU or tanh. A unit with
    ``tau`` 1 forgets its state within the step and is a unit of a plain RNN.

    Parameters
    ----------
    displacement : Tensor, ``(time, batch, 2)``
        Movement during each step, metres along x and y.
    start : Tensor, ``(batch, unit)``
        Activity before the first step.
    w_in, w_rec : Tensor, ``(unit, 2)`` and ``(unit, unit)``
        Weights from movement (per metre) and between units; a row belongs to the receiving unit.
    tau : Tensor, ``(unit,)``, optional
        Time constants in steps, each at least 1 (not checked here: reading it would stall a GPU; `TauRNN` keeps them in
        bounds). ``None`` is the plain RNN, tau = 1 everywhere, at less cost.
    activation : {"relu", "tanh"}
        The non-linearity ``f``.
    precision : {"fp32", "bf16"}
        Precision of the products between units. States, sums and the loop's gradients stay in the dtype of ``start``.
    compiled : bool
        Let ``torch.compile`` fuse what is done between the products. The first call then takes long, and results differ
        in their last digits.

    Returns
    -------
    Tensor, ``(time, batch, unit)``
        Activity *after* each step: element 0 has already seen ``displacement[0]``.

    Raises
    ------
    ValueError
        If the shapes do not belong together, or ``activation`` or ``precision`` is unknown.

    References
    ----------
    Sorscher et al., NeurIPS 2019 (task and ReLU network); TopographicGridCells (one learnable tau per unit).
    """
    _check_arguments(displacement, start, w_in, w_rec, tau, activation, precision)
    kernels = compiled_kernels() if compiled else EAGER
    activity: Tensor = _LeakyRecurrence.apply(  # type: ignore[no-untyped-call]
        displacement, start, w_in, w_rec, tau, activation, precision, kernels
    )
    return activity


def _check_arguments(
    displacement: Tensor,
    start: Tensor,
    w_in: Tensor,
    w_rec: Tensor,
    tau: Tensor | None,
    activation: str,
    precision: str,
) -> None:
    if start.ndim != 2 or displacement.ndim != 3:
        raise ValueError(
            "start must be (batch, unit) and displacement (time, batch, 2), "
            f"got {tuple(start.shape)} and {tuple(displacement.shape)}"
        )
    batch, units = start.shape
    wanted = {
        "displacement": (displacement, (displacement.shape[0], batch, 2)),
        "w_in": (w_in, (units, 2)),
        "w_rec": (w_rec, (units, units)),
        "tau": (tau, (units,)),
    }
    for name, (tensor, shape) in wanted.items():
        if tensor is not None and tuple(tensor.shape) != shape:
            raise ValueError(f"{name} must be {shape} to go with start {(batch, units)}, got {tuple(tensor.shape)}")
    if activation not in ("relu", "tanh"):
        raise ValueError(f"activation must be 'relu' or 'tanh', got {activation!r}")
    if precision not in ("fp32", "bf16"):
        raise ValueError(f"precision must be 'fp32' or 'bf16', got {precision!r}")


class _LeakyRecurrence(torch.autograd.Function):
    """Forward and backward through time by hand; see `leaky_recurrence`.

    ``states`` holds the start and every state after it, so that in fp32 the senders of a step are rows of it. In bf16
    the senders are a rounded copy, and ``weights`` is ``w_rec - I``: the state itself is then added in fp32.
    """

    @staticmethod
    def forward(
        ctx: Any,
        displacement: Tensor,
        start: Tensor,
        w_in: Tensor,
        w_rec: Tensor,
        tau: Tensor | None,
        activation: Activation,
        precision: Precision,
        kernels: Kernels,
    ) -> Tensor:
        time, batch, units = (*displacement.shape[:2], len(w_in))
        weights = _deviation_from_identity(w_rec) if precision == "bf16" else w_rec
        states = start.new_empty(time + 1, batch, units)
        states[0] = start
        activity = states[1:]
        torch.mm(displacement.reshape(-1, 2), w_in.t(), out=activity.view(-1, units))
        senders = torch.empty_like(activity, dtype=weights.dtype) if precision == "bf16" else states[:-1]
        leak = None if tau is None else 1.0 / tau
        # What the non-linearity let through is visible in the new state only when nothing of the old state remains.
        passed = activity if tau is None else _empty_gate(activity, activation)
        for step in range(time):
            if precision == "bf16":
                senders[step].copy_(states[step])
            product = multiply(senders[step], weights.t())
            kernels.advance(activity[step], product, states[step], passed[step], leak, activation, precision)
        ctx.save_for_backward(displacement, w_in, weights, leak, passed, senders, states)
        ctx.activation, ctx.precision, ctx.kernels = activation, precision, kernels
        return activity

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor | None, ...]:
        displacement, w_in, weights, leak, passed, senders, states = ctx.saved_tensors
        (grad_activity,) = grad_outputs
        time, _, units = grad_activity.shape
        into_units = torch.empty_like(grad_activity, dtype=weights.dtype)
        # Narrow factors on the left and everything without gaps: other ways round, these products are 20 times slower.
        grad_w_in = w_in.new_zeros(2, units)
        moves = displacement.transpose(1, 2).contiguous()
        grad_displacement = torch.empty_like(displacement) if ctx.needs_input_grad[0] else None
        grad_leak = torch.zeros_like(w_in[:, 0]) if ctx.needs_input_grad[4] else None
        product = torch.zeros((), dtype=weights.dtype, device=weights.device).expand_as(states[0])
        kept: Tensor | None = None
        for step in range(time - 1, -1, -1):
            change = None if grad_leak is None else (grad_leak, states[step + 1], states[step])
            grad_input, kept = ctx.kernels.retreat(
                grad_activity[step], product, kept, passed[step], leak, change, ctx.activation, ctx.precision
            )
            into_units[step].copy_(grad_input)
            grad_w_in.addmm_(moves[step], grad_input)
            if grad_displacement is not None:
                torch.mm(grad_input, w_in, out=grad_displacement[step])
            product = multiply(into_units[step], weights)
        grad_start = product.to(w_in.dtype) if kept is None else kept + product
        grad_w_rec = _weight_gradient(into_units.view(-1, units), senders.reshape(-1, units), w_in.dtype)
        # d h / d leak is the change of the state over the leak, and d leak / d tau is -leak^2.
        grad_tau = None if grad_leak is None else -grad_leak * leak
        return grad_displacement, grad_start, grad_w_in.t(), grad_w_rec, grad_tau, None, None, None


def _advance(
    state: Tensor,
    product: Tensor,
    before: Tensor,
    passed: Tensor,
    leak: Tensor | None,
    activation: Activation,
    precision: Precision,
) -> None:
    """Turn the drive that stands in ``state`` into the state after this step, in place.

    ``passed`` is filled with what the backward pass needs of the non-linearity: which ReLUs were open, or the value of
    the tanh. Without a leak the new state itself says so, and ``passed`` is that.
    """
    state.add_(product)
    if precision == "bf16":
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
    leak: Tensor | None,
    change: tuple[Tensor, Tensor, Tensor] | None,
    activation: Activation,
    precision: Precision,
) -> tuple[Tensor, Tensor | None]:
    """Bring the gradient back over one step, up to the product with the recurrent weights.

    Parameters
    ----------
    grad_after, product, kept : Tensor, ``(batch, unit)``
        Three parts of the gradient of the state after this step: from outside, through the weights of the next step,
        and past its weights (``None`` where nothing passes).
    passed : Tensor, ``(batch, unit)``
        What `_advance` kept of the non-linearity.
    leak : Tensor, ``(unit,)``, optional
        1 / tau.
    change : tuple of Tensor, optional
        Sum to add ``sum_b grad (after - before)`` to, the state after this step and the one before it.

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
        total, after, before = change
        total.add_((grad_state * (after - before)).sum(dim=0))
    if leak is None:
        grad_input = _through_gate(grad_state, passed, activation)
        return grad_input, grad_input if precision == "bf16" else None
    scaled = grad_state * leak
    grad_input = _through_gate(scaled, passed, activation)
    kept = grad_state.sub_(scaled)
    return grad_input, kept.add_(grad_input) if precision == "bf16" else kept


EAGER = Kernels(_advance, _retreat)


@functools.cache
def compiled_kernels() -> Kernels:
    """Both kernels, to be compiled when they are first called."""
    return Kernels(torch.compile(_advance), torch.compile(_retreat))


def _deviation_from_identity(w_rec: Tensor) -> Tensor:
    deviation = w_rec.bfloat16()
    deviation.diagonal().copy_(w_rec.diagonal() - 1.0)
    return deviation


def _weight_gradient(receivers: Tensor, senders: Tensor, dtype: torch.dtype) -> Tensor:
    """Sum over rows ``receiver x sender``, a block of receivers at a time: a large sheet's fits no cache as a whole."""
    units = receivers.shape[1]
    gradient = torch.empty(units, units, dtype=dtype, device=receivers.device)
    for first in range(0, units, WEIGHT_BLOCK):
        block = slice(first, first + WEIGHT_BLOCK)
        gradient[block] = receivers[:, block].t() @ senders
    return gradient


def _empty_gate(activity: Tensor, activation: Activation) -> Tensor:
    return torch.empty_like(activity, dtype=torch.bool if activation == "relu" else activity.dtype)


def _through_gate(grad: Tensor, passed: Tensor, activation: Activation) -> Tensor:
    """Gradient before the non-linearity from the gradient after it, as a new tensor."""
    if activation == "tanh":
        return grad * (1 - passed * passed)
    if passed.dtype == torch.bool:
        # Twenty times as fast on a CPU as to choose by `torch.where`, and four times as a product with a bool.
        return grad * passed.view(torch.uint8)
    # One pass over memory, where a comparison and a product take two.
    gated: Tensor = torch.ops.aten.threshold_backward(grad, passed, 0.0)
    return gated
