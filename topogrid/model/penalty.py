"""What large weights cost."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


def weight_decay(w_rec: Tensor, towards: str = "zero") -> Tensor:
    """Sum of squared recurrent weights, or of their distance from the identity.

    Parameters
    ----------
    w_rec : Tensor, ``(..., unit, unit)``
        Recurrent weights, of all units or of every module.
    towards : {"zero", "identity"}
        What the weights are pulled to. The identity is where an ``identity``-initialised network starts: a unit with
        ``w_rec`` = I holds what it has.

    Returns
    -------
    Tensor, scalar
    """
    total = sum_of_squares(w_rec)
    if towards == "zero":
        return total
    if towards == "identity":
        # |W - I|^2 = |W|^2 - 2 tr W + N, without a copy of W.
        own = w_rec.diagonal(dim1=-2, dim2=-1)
        return total - 2 * own.sum() + own.numel()
    raise ValueError(f"weight decay goes towards 'zero' or 'identity', got {towards!r}")


def sum_of_squares(values: Tensor) -> Tensor:
    """Return the sum of squared values, a scalar, in one pass over memory each way."""
    total: Tensor = _SumOfSquares.apply(values)  # type: ignore[no-untyped-call]
    return total


class _SumOfSquares(torch.autograd.Function):
    """Sum of squares in one pass over memory each way, where autograd's own takes five."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        ctx.save_for_backward(values)
        # Row by row: in fp32 a single norm over millions of values is off by a thousandth.
        rows: Tensor = torch.linalg.vector_norm(values, dim=-1)
        return rows.square().sum()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grad_outputs: Tensor) -> Tensor:
        values: Tensor = ctx.saved_tensors[0]
        return values * (2 * grad_outputs[0])
