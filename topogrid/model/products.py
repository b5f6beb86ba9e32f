"""Matrix products of units, in either precision, by the library that is fastest on the processor at hand.

A row of a weight matrix belongs to the receiving unit.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

Precision = Literal["fp32", "bf16"]

WEIGHT_BLOCK = 1024
"""Receiving units whose weight gradients are computed at a time."""

CACHED_BYTES = 1 << 20
"""Bytes that modules which walk together may have for each thread: about what its caches hold."""


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
        if not (right.is_contiguous() or right.t().is_contiguous()):
            right = right.contiguous()  # with gaps between its rows oneDNN takes a thousand times as long
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


def weight_gradient(receivers: Tensor, senders: Tensor, dtype: torch.dtype) -> Tensor:
    """Sum ``receiver x sender`` over all rows.

    A block of receivers at a time, as a large sheet's fits no cache as a whole.

    Parameters
    ----------
    receivers, senders : Tensor, ``(..., unit)``
        Gradients of what units received, and what was sent.
    dtype : torch.dtype
        Of the result.

    Returns
    -------
    Tensor, ``(unit, unit)``
    """
    units = receivers.shape[-1]
    receivers, senders = receivers.reshape(-1, units), senders.reshape(-1, units)
    gradient = torch.empty(units, units, dtype=dtype, device=receivers.device)
    for first in range(0, units, WEIGHT_BLOCK):
        block = slice(first, first + WEIGHT_BLOCK)
        gradient[block] = receivers[:, block].t() @ senders
    return gradient


def module_groups(used: Tensor) -> tuple[slice, ...]:
    """Return which modules are to walk to the end before the next ones begin, so that what they use stays in caches.

    Parameters
    ----------
    used : Tensor, ``(module, ...)``
        The largest of what every step uses: weights ``(module, unit, unit)``, or states where these are few.

    Returns
    -------
    tuple of slice
        On a CPU of equal size, but for the last. On a GPU a single one, as there are too few modules to fill it.
    """
    modules = len(used)
    if used.device.type != "cpu":
        return (slice(0, modules),)
    size = torch.get_num_threads() * max(1, CACHED_BYTES // (used[0].numel() * used.element_size()))
    return tuple(slice(first, min(first + size, modules)) for first in range(0, modules, size))


@functools.cache
def _prefers_onednn() -> bool:
    """Whether oneDNN is faster than MKL in fp32 here, as measured on AMD's processors (docs/performance.md)."""
    cpuinfo = Path("/proc/cpuinfo")
    if not hasattr(torch.ops.mkldnn, "_linear_pointwise"):
        return False
    return cpuinfo.is_file() and "AuthenticAMD" in cpuinfo.read_text(encoding="utf-8")
