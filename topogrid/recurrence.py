"""The leaky recurrence through time, with its own gradient: the one hot spot of training.

Shapes: T time, B batch, N unit. All states are ``(T, B, N)``; a row of a weight matrix belongs to the receiving unit.

Three choices make it fast without changing what is computed:

* the drive from movement is one product for all steps, and its buffer becomes the output;
* the gradient of the recurrent weights is one product over all ``T * B`` rows instead of T products;
* with ``precision="bf16"`` only ``w_rec - I`` is rounded. Networks here start near the identity, where a unit's own
  state would lose every increment below 2^-8 of itself; as ``h + h (w_rec - I)^T`` the state passes through in fp32.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

Activation = Literal["relu", "tanh"]
Precision = Literal["fp32", "bf16"]


def leaky_recurrence(
    displacement: Tensor,
    start: Tensor,
    w_in: Tensor,
    w_rec: Tensor,
    tau: Tensor | None = None,
    *,
    activation: Activation = "relu",
    precision: Precision = "fp32",
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
    activity: Tensor = _LeakyRecurrence.apply(displacement, start, w_in, w_rec, tau, activation, precision)  # type: ignore[no-untyped-call]
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
    """Forward and backward through time by hand; see `leaky_recurrence`."""

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
    ) -> Tensor:
        deviation = _deviation_from_identity(w_rec, precision)
        activity = displacement @ w_in.t()
        senders = torch.empty_like(activity, dtype=deviation.dtype)
        leak = None if tau is None else 1.0 / tau
        # What the non-linearity let through is visible in the new state only when nothing of the old state remains.
        gate = None if tau is None else _empty_gate(activity, activation)
        state = start
        for step, (drive, sender) in enumerate(zip(activity, senders, strict=True)):
            sender.copy_(state)
            drive.add_(state).add_(sender @ deviation.t())
            drive.relu_() if activation == "relu" else drive.tanh_()
            if leak is not None and gate is not None:
                _record_gate(gate[step], drive, activation)
                torch.lerp(state, drive, leak, out=drive)
            state = drive
        ctx.save_for_backward(displacement, start, w_in, deviation, leak, gate, senders, activity)
        ctx.activation = activation
        return activity

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor | None, ...]:
        displacement, start, w_in, deviation, leak, gate, senders, activity = ctx.saved_tensors
        (grad_activity,) = grad_outputs
        time, _, units = activity.shape
        into_units = torch.empty_like(senders)
        grad_w_in = torch.zeros_like(w_in)
        grad_displacement = torch.empty_like(displacement) if ctx.needs_input_grad[0] else None
        grad_leak = torch.zeros_like(w_in[:, 0])
        carry = torch.zeros_like(start)
        for step in range(time - 1, -1, -1):
            grad_state = carry.add_(grad_activity[step])
            if leak is None:
                grad_input = _through_gate(grad_state, activity[step], ctx.activation)
            else:
                before = activity[step - 1] if step else start
                grad_leak.addcdiv_(torch.einsum("bn,bn->n", grad_state, activity[step] - before), leak)
                grad_input = _through_gate(grad_state * leak, gate[step], ctx.activation)
            into_units[step].copy_(grad_input)
            grad_w_in.addmm_(grad_input.t(), displacement[step])
            if grad_displacement is not None:
                torch.mm(grad_input, w_in, out=grad_displacement[step])
            kept = None if leak is None else grad_state - grad_state * leak
            carry = grad_input.add_(into_units[step] @ deviation)
            if kept is not None:
                carry.add_(kept)
        grad_w_rec = into_units.view(-1, units).t() @ senders.view(-1, units)
        grad_tau = None if leak is None else -grad_leak * leak * leak
        return grad_displacement, carry, grad_w_in, grad_w_rec.to(w_in.dtype), grad_tau, None, None


def _deviation_from_identity(w_rec: Tensor, precision: Precision) -> Tensor:
    deviation = w_rec.clone()
    deviation.diagonal().sub_(1.0)
    return deviation.bfloat16() if precision == "bf16" else deviation


def _empty_gate(activity: Tensor, activation: Activation) -> Tensor:
    return torch.empty_like(activity, dtype=torch.bool if activation == "relu" else activity.dtype)


def _record_gate(gate: Tensor, passed: Tensor, activation: Activation) -> None:
    """Keep what the backward pass needs of the non-linearity: which ReLUs were open, or the value of the tanh."""
    if activation == "relu":
        torch.gt(passed, 0, out=gate)
    else:
        gate.copy_(passed)


def _through_gate(grad: Tensor, gate: Tensor, activation: Activation) -> Tensor:
    """Gradient before the non-linearity from the gradient after it, as a new tensor.

    ``gate`` is the output of the non-linearity; for a ReLU, whether it was open does as well.
    """
    if activation == "relu":
        return grad * (gate if gate.dtype == torch.bool else gate > 0)
    return grad * (1 - gate * gate)
