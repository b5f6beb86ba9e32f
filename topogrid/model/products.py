"""Matrix products of units, in either precision, by the library that is fastest on the processor at hand.

Shapes: T time, B batch, M module, N unit. Units that are connected all to all have states ``(B, N)`` and weights
``(N, N)``; units that are connected inside modules have states ``(M, B, N)`` and weights ``(M, N, N)`` with the N units
of one module. A row of a weight matrix belongs to the receiving unit.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any, Literal, Protocol

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

Precision = Literal["fp32", "bf16"]

WEIGHT_BLOCK = 1024
"""Receiving units whose weight gradients are computed at a time."""


def multiply(left: Tensor, right: Tensor) -> Tensor:
    """Return ``left @ right``; inside a differentiable operation only, as it has no gradient of its own.

    PyTorch hands fp32 products on the CPU to MKL, which leaves a quarter of the speed of AMD's processors unused; there
    they go to oneDNN, as bf16 products always do.

    Parameters
    ----------
    left, right : Tensor, ``(row, inner)`` and ``(inner, column)``
        Of one dtype.

    Returns
    -------
    Tensor, ``(row, column)``
    """
    if left.dtype == torch.float32 and left.device.type == "cpu" and _prefers_onednn():
        product: Tensor = torch.ops.mkldnn._linear_pointwise(left, right.t(), None, "none", [], "")
        return product
    return left @ right


def linear(values: Tensor, weights: Tensor, precision: Precision = "fp32") -> Tensor:
    """Return ``values @ weights.T``, differentiable once.

    Parameters
    ----------
    values : Tensor, ``(..., sender)``
    weights : Tensor, ``(receiver, sender)``
    precision : {"fp32", "bf16"}
        Of the products, forward and backward; what comes out has the dtype of ``values`` in any case.

    Returns
    -------
    Tensor, ``(..., receiver)``
    """
    product: Tensor = _Linear.apply(values, weights, precision)  # type: ignore[no-untyped-call]
    return product


class _Linear(torch.autograd.Function):
    """Rounds every factor once, where autograd would round it for each product it is in."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, weights: Tensor, precision: Precision) -> Tensor:
        rows, rounded = values.reshape(-1, values.shape[-1]), weights
        if precision == "bf16":
            rows, rounded = rows.bfloat16(), weights.bfloat16()
        ctx.save_for_backward(rows, rounded)
        ctx.shape = values.shape
        return multiply(rows, rounded.t()).to(values.dtype).view(*values.shape[:-1], len(weights))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        rows, weights = ctx.saved_tensors
        dtype = grad_outputs[0].dtype
        grad = grad_outputs[0].reshape(-1, len(weights)).to(rows.dtype)
        grad_values = multiply(grad, weights).to(dtype).view(ctx.shape) if ctx.needs_input_grad[0] else None
        return grad_values, (grad.t() @ rows).to(dtype) if ctx.needs_input_grad[1] else None, None


class Products(Protocol):
    """The products that a recurrence takes, for one layout of its states."""

    def move(self, displacement: Tensor, w_in: Tensor, drive: Tensor) -> None:
        """Write the drive ``(T, ...)`` from displacements into ``drive``.

        Displacements are ``(T, B, 2)``, or ``(T, M, B, 2)`` where every module has walks of its own.
        """

    def forward(self, senders: Tensor, weights: Tensor) -> Tensor:
        """Return what senders send to receivers in a step."""

    def back(self, receivers: Tensor, weights: Tensor) -> Tensor:
        """Return the gradient of senders from that of receivers."""

    def weight_gradient(self, receivers: Tensor, senders: Tensor, dtype: torch.dtype) -> Tensor:
        """Sum ``receiver x sender`` over all ``(T, ...)`` rows."""

    def movement_gradient(self, moves: Tensor, receivers: Tensor, total: Tensor) -> None:
        """Add ``moves (2, B)``, or ``(M, 2, B)``, times receivers to ``total``, ``(..., 2, N)``."""

    def displacement_gradient(self, receivers: Tensor, w_in: Tensor, out: Tensor) -> None:
        """Write the gradient of a step's displacement into ``out``, ``(B, 2)`` or ``(M, B, 2)``."""


class _Dense:
    """States ``(B, N)``."""

    def move(self, displacement: Tensor, w_in: Tensor, drive: Tensor) -> None:
        torch.mm(displacement.reshape(-1, 2), w_in.t(), out=drive.view(-1, len(w_in)))

    def forward(self, senders: Tensor, weights: Tensor) -> Tensor:
        return multiply(senders, weights.t())

    def back(self, receivers: Tensor, weights: Tensor) -> Tensor:
        return multiply(receivers, weights)

    def weight_gradient(self, receivers: Tensor, senders: Tensor, dtype: torch.dtype) -> Tensor:
        """Sum a block of receivers at a time: a large sheet's fits no cache as a whole."""
        units = receivers.shape[-1]
        receivers, senders = receivers.reshape(-1, units), senders.reshape(-1, units)
        gradient = torch.empty(units, units, dtype=dtype, device=receivers.device)
        for first in range(0, units, WEIGHT_BLOCK):
            block = slice(first, first + WEIGHT_BLOCK)
            gradient[block] = receivers[:, block].t() @ senders
        return gradient

    def movement_gradient(self, moves: Tensor, receivers: Tensor, total: Tensor) -> None:
        total.addmm_(moves, receivers)

    def displacement_gradient(self, receivers: Tensor, w_in: Tensor, out: Tensor) -> None:
        torch.mm(receivers, w_in, out=out)


class _Modular:
    """States ``(M, B, N)``; products of all modules go as one batch."""

    def move(self, displacement: Tensor, w_in: Tensor, drive: Tensor) -> None:
        # Two passes over the drive cost less than T x M tiny products with an inner dimension of 2.
        each = displacement[:, None] if displacement.ndim == 3 else displacement
        x, y = (each[..., axis, None] for axis in (0, 1))
        torch.mul(x, w_in[None, :, None, :, 0], out=drive)
        drive.addcmul_(y, w_in[None, :, None, :, 1])

    def forward(self, senders: Tensor, weights: Tensor) -> Tensor:
        return torch.bmm(senders, weights.transpose(1, 2))

    def back(self, receivers: Tensor, weights: Tensor) -> Tensor:
        return torch.bmm(receivers, weights)

    def weight_gradient(self, receivers: Tensor, senders: Tensor, dtype: torch.dtype) -> Tensor:
        rows, columns = (states.transpose(0, 1).flatten(1, 2) for states in (receivers, senders))
        return torch.bmm(rows.transpose(1, 2), columns).to(dtype)

    def movement_gradient(self, moves: Tensor, receivers: Tensor, total: Tensor) -> None:
        total.baddbmm_(moves.expand(len(receivers), *moves.shape[-2:]), receivers)

    def displacement_gradient(self, receivers: Tensor, w_in: Tensor, out: Tensor) -> None:
        each = torch.bmm(receivers, w_in)
        out.copy_(each if out.ndim == 3 else each.sum(dim=0))


DENSE: Products = _Dense()
MODULAR: Products = _Modular()


def products_for(states: Tensor) -> Products:
    """Return the products for states ``(batch, unit)`` or ``(module, batch, unit)``."""
    return DENSE if states.ndim == 2 else MODULAR


@functools.cache
def _prefers_onednn() -> bool:
    """Whether oneDNN is faster than MKL in fp32 here, as measured on AMD's processors (docs/performance.md)."""
    cpuinfo = Path("/proc/cpuinfo")
    if not hasattr(torch.ops.mkldnn, "_linear_pointwise"):
        return False
    return cpuinfo.is_file() and "AuthenticAMD" in cpuinfo.read_text(encoding="utf-8")
