"""The leaky recurrence through time, with its own gradient: the one hot spot of training.

Shapes: T time, B batch, M module, N unit. States are ``(T, B, N)``, or ``(T, M, B, N)`` where units are connected
inside modules, which is the work of `topogrid.model.module_recurrence`; a row of a weight matrix belongs to the
receiving unit.

Four choices make it fast without changing what is computed:

* the drive from movement is made for all steps at once, and its buffer becomes the output;
* the gradient of the recurrent weights is one product over all ``T * B`` rows (in blocks of receivers) instead of T;
* what is done to every element between two products is one function forward and one backward, `Kernels`, so that a
  compiler can make one pass over memory of each;
* with ``precision="bf16"`` only what may be rounded is. Networks near the identity, where a unit's own state would lose
  every increment below 2^-8 of itself, round ``w_rec - I`` alone: as ``h + h (w_rec - I)^T`` the state passes in fp32.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from topogrid.model.kernels import Activation, Change, Kernels, Norm, choose
from topogrid.model.module_recurrence import Exact, module_recurrence
from topogrid.model.products import Precision, multiply, weight_gradient
from topogrid.model.recurrence_inputs import check_shapes, check_words


class _How(NamedTuple):
    """How a recurrence is computed."""

    activation: Activation
    precision: Precision
    exact: Exact
    kernels: Kernels

    @property
    def adds_state(self) -> bool:
        """Whether the rounded weights are without the identity."""
        return self.precision == "bf16" and self.exact == "identity"


def leaky_recurrence(
    displacement: Tensor,
    start: Tensor,
    w_in: Tensor,
    w_rec: Tensor,
    tau: Tensor | None = None,
    *,
    drive: Tensor | None = None,
    nudge: Tensor | None = None,
    activation: Activation = "relu",
    norm: Norm = "none",
    precision: Precision = "fp32",
    exact: Exact = "identity",
    compiled: bool = False,
) -> Tensor:
    """Integrate a batch of walks through leaky units.

    Every step is one Euler step of ``tau dh/dt = -h + f(w_in u + w_rec h + drive)`` with ``f`` a ReLU or tanh. A unit
    with ``tau`` 1 forgets its state within the step and is a unit of a plain RNN. With ``norm="module"`` the new state
    is ``n(relu(h + (w_in u + w_rec h + drive - h) / tau))`` instead, where ``n`` divides by the norm over the units.

    Parameters
    ----------
    displacement : Tensor, ``(time, batch, 2)``
        Movement during each step, metres along x and y. Modules may have walks each of their own:
        ``(time, module, batch, 2)``.
    start : Tensor, ``(batch, unit)`` or ``(module, batch, unit)``
        Activity before the first step. Its axes say how units are connected: all to all, or inside modules.
    w_in, w_rec : Tensor, ``(unit, 2)`` and ``(unit, unit)``, behind a module axis where ``start`` has one
        Weights from movement (per metre) and between units; a row belongs to the receiving unit.
    tau : Tensor, ``(unit,)`` or ``(module, unit)``, optional
        Time constants in steps, each at least 1 (not checked here: reading it would stall a GPU; `TauRNN` keeps them in
        bounds). ``None`` is the plain RNN, tau = 1 everywhere, at less cost.
    drive : Tensor, shaped like ``tau``, optional
        Constant input to every unit.
    nudge : Tensor, shaped like ``start``, optional
        Input to the first step only.
    activation : {"relu", "tanh"}
        The non-linearity ``f``.
    norm : {"none", "module"}
        Whether activity is divided by its norm over the units of a module after every step; with ``relu`` only.
    precision : {"fp32", "bf16"}
        Precision of the products between units. States, sums and the loop's gradients stay in the dtype of ``start``.
    exact : {"identity", "nothing"}
        What of ``w_rec`` is not rounded in bf16; with a norm always the identity.
    compiled : bool
        Let ``torch.compile`` fuse what is done between the products. The first call then takes long, and results differ
        in their last digits.

    Returns
    -------
    Tensor, ``(time, batch, unit)`` or ``(time, module, batch, unit)``
        Activity *after* each step: element 0 has already seen ``displacement[0]``.

    Raises
    ------
    ValueError
        If the shapes do not belong together, a word is unknown, or a norm is asked of tanh.

    References
    ----------
    Sorscher et al., NeurIPS 2019 (task and ReLU network); TopographicGridCells (one learnable tau per unit);
    Carandini & Heeger, Nat. Rev. Neurosci. 2012 (divisive normalisation).
    """
    check_words(activation, norm, precision, exact)
    check_shapes(displacement, start, {"w_in": w_in, "w_rec": w_rec, "tau": tau, "drive": drive, "nudge": nudge})
    if start.ndim == 3 or norm == "module":
        alone = start.ndim == 2  # all units are one module

        def of_module(values: Tensor | None) -> Tensor | None:
            return values[None] if alone and values is not None else values

        followed = module_recurrence(
            displacement,
            *(start[None], w_in[None], w_rec[None]) if alone else (start, w_in, w_rec),
            tau=of_module(tau),
            drive=of_module(drive),
            nudge=of_module(nudge),
            activation=activation,
            norm=norm,
            precision=precision,
            exact=exact,
            compiled=compiled,
        )
        return followed.activity[:, 0] if alone else followed.activity
    how = _How(activation, precision, exact, choose(compiled=compiled))
    activity: Tensor = _LeakyRecurrence.apply(  # type: ignore[no-untyped-call]
        displacement, start, w_in, w_rec, tau, drive, nudge, how
    )
    return activity


class _LeakyRecurrence(torch.autograd.Function):
    """Forward and backward through time by hand, all to all; see `leaky_recurrence`.

    ``states`` holds the start and every state after it, so that in fp32 the senders of a step are rows of it. In bf16
    the senders are a rounded copy, and ``weights`` is what is rounded of ``w_rec``.
    """

    @staticmethod
    def forward(
        ctx: Any,
        displacement: Tensor,
        start: Tensor,
        w_in: Tensor,
        w_rec: Tensor,
        tau: Tensor | None,
        drive: Tensor | None,
        nudge: Tensor | None,
        how: _How,
    ) -> Tensor:
        time, rounded = len(displacement), how.precision == "bf16"
        weights = _rounded(w_rec, how.adds_state) if rounded else w_rec
        states = start.new_empty(time + 1, *start.shape)
        states[0] = start
        activity = states[1:]
        torch.mm(displacement.reshape(-1, 2), w_in.t(), out=activity.view(-1, len(w_in)))
        if drive is not None:
            activity.add_(drive)
        if nudge is not None:
            activity[0].add_(nudge)
        senders = torch.empty_like(activity, dtype=weights.dtype) if rounded else states[:-1]
        leak = None if tau is None else 1.0 / tau
        passed = how.kernels.keep(activity, leak, how.activation)
        for step in range(time):
            if rounded:
                senders[step].copy_(states[step])
            product = multiply(senders[step], weights.t())
            how.kernels.advance(
                activity[step], product, states[step], passed[step], leak, how.activation, how.adds_state
            )
        ctx.save_for_backward(displacement, w_in, weights, leak, passed, senders, states)
        ctx.how = how
        return activity

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor | None, ...]:
        displacement, w_in, weights, leak, passed, senders, states = ctx.saved_tensors
        (grad_activity,), how = grad_outputs, ctx.how
        needs_moves, _start, needs_w_in, needs_w_rec, needs_tau, needs_drive, needs_nudge, _ = ctx.needs_input_grad
        into_units = torch.empty_like(grad_activity, dtype=weights.dtype)
        # Narrow factors on the left and everything without gaps: other ways round, these products are 20 times slower.
        grad_w_in = w_in.new_zeros(2, len(w_in)) if needs_w_in else None
        moves = displacement.transpose(-2, -1).contiguous()
        grad_displacement = torch.empty_like(displacement) if needs_moves else None
        grad_leak, grad_drive = (torch.zeros_like(w_in[..., 0]) if need else None for need in (needs_tau, needs_drive))
        product = torch.zeros((), dtype=weights.dtype, device=weights.device).expand_as(states[0])
        kept: Tensor | None = None
        for step in range(len(grad_activity) - 1, -1, -1):
            change = None if grad_leak is None else Change(grad_leak, states[step])
            grad_input, kept = how.kernels.retreat(
                grad_activity[step], product, kept, passed[step], states[step + 1], leak, change, how.activation,
                how.adds_state,
            )  # fmt: skip
            into_units[step].copy_(grad_input)
            if grad_w_in is not None:
                grad_w_in.addmm_(moves[step], grad_input)
            if grad_drive is not None:
                grad_drive.add_(grad_input.sum(dim=0))
            if grad_displacement is not None:
                torch.mm(grad_input, w_in, out=grad_displacement[step])
            product = multiply(into_units[step], weights)
        grad_nudge = grad_input.to(w_in.dtype, copy=True) if needs_nudge else None  # of the first step, the last done
        grad_start = product.to(w_in.dtype) if kept is None else kept + product
        grad_w_rec = weight_gradient(into_units, senders, w_in.dtype) if needs_w_rec else None
        # The sum is the gradient of log leak, and d log leak / d tau is -leak.
        grad_tau = None if grad_leak is None else -grad_leak * leak
        grad_w_in = None if grad_w_in is None else grad_w_in.t()
        return grad_displacement, grad_start, grad_w_in, grad_w_rec, grad_tau, grad_drive, grad_nudge, None


def _rounded(w_rec: Tensor, without_identity: bool) -> Tensor:
    rounded = w_rec.bfloat16()
    if without_identity:
        rounded.diagonal(dim1=-2, dim2=-1).copy_(w_rec.diagonal(dim1=-2, dim2=-1) - 1.0)
    return rounded
