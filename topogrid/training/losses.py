"""Terms of the objective: tensors in, one scalar out. They never see a module or a setting.

Shapes: ``...`` any leading axes, P place cells, N units on a square sheet of side S = sqrt(N).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from topogrid.model.penalty import sum_of_squares


def place_cross_entropy(logits: Tensor, code: Tensor, populations: Sequence[slice]) -> Tensor:
    """Cross-entropy of the predicted place code against the true one, nats.

    Parameters
    ----------
    logits : Tensor, ``(..., place)``
        Predicted log activity; a softmax is taken within each population.
    code : Tensor, ``(..., place)``
        Target, each population sums to 1.
    populations : sequence of slice
        Parts of the place axis that are normalised on their own.

    Returns
    -------
    Tensor, scalar
        Mean over leading axes and populations. Knowing nothing costs ``log(cells in a population)``.
    """
    terms: list[Tensor] = [
        _CrossEntropy.apply(logits[..., cells], code[..., cells])  # type: ignore[no-untyped-call]
        for cells in populations
    ]
    return terms[0] if len(terms) == 1 else torch.stack(terms).mean()


class _CrossEntropy(torch.autograd.Function):
    """Mean over leading axes; knows that a code sums to 1, which makes its gradient a difference."""

    @staticmethod
    def forward(ctx: Any, logits: Tensor, code: Tensor) -> Tensor:
        ctx.save_for_backward(logits, code)
        return -functional.log_softmax(logits, dim=-1).mul_(code).sum(dim=-1).mean()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor, None]:
        logits, code = ctx.saved_tensors
        samples = code.numel() // code.shape[-1]
        return torch.softmax(logits, dim=-1).sub_(code).mul_(grad_outputs[0] / samples), None


def activity_cost(activity: Tensor) -> Tensor:
    """Mean squared activity: the energy a population spends.

    With non-negative units, such a cost favours hexagonal over other lattices (Dordek et al., eLife 2016; Sorscher et
    al., Neuron 2023).
    """
    return sum_of_squares(activity) / activity.numel()


def tau_smoothness(tau: Tensor, levels: Sequence[int] = (2,)) -> Tensor:
    """How far time constants are from those of their neighbours, steps squared.

    The sheet minus its blurred self (shrunk by averaging blocks and enlarged again bilinearly) is a band of a Laplacian
    pyramid; the loss is the mean square of the band, over all levels. The finest level alone leaves a sheet that began
    in disorder in patches; coarser ones, together with `tau_diversity`, make one gradient of it.

    Parameters
    ----------
    tau : Tensor, ``(unit,)``
        Time constants in steps, on a square sheet.
    levels : sequence of int
        How much the sheet is shrunk to blur it, at each level.

    Returns
    -------
    Tensor, scalar
    """
    sheet = _as_sheet(tau[:, None])
    bands = [(sheet - _blur(sheet, factor)).square().mean() for factor in levels]
    return bands[0] if len(bands) == 1 else torch.stack(bands).mean()


def tau_diversity(tau: Tensor, kind: str, bounds: tuple[float, float]) -> Tensor:
    """Cost of time constants that do not spread over their range, steps squared.

    Parameters
    ----------
    tau : Tensor, ``(unit,)``
        Time constants in steps.
    kind : {"variance", "uniform"}
        ``variance`` is minus the variance, as in TopographicGridCells: it is lowest with half the units at either
        bound, so it *asks* for a two-valued map. ``uniform`` is the mean squared distance of the sorted ``tau`` from an
        even ramp between the bounds: lowest when every value is used equally.
    bounds : (float, float)
        Smallest and largest ``tau``, steps.

    Returns
    -------
    Tensor, scalar
    """
    if kind == "variance":
        return -tau.var(correction=0)
    if kind == "uniform":
        ramp = torch.linspace(*bounds, len(tau), dtype=tau.dtype, device=tau.device)
        return (tau.sort(stable=True).values - ramp).square().mean()
    raise ValueError(f"tau diversity is 'variance' or 'uniform', got {kind!r}")


def laplacian_pyramid_loss(weights: Tensor, factor: int = 2) -> Tensor:
    """1 - cosine between each weight's map over the sheet and its blurred self, after topoloss.

    Parameters
    ----------
    weights : Tensor, ``(unit, channel)``
        One row per unit of a square sheet, or module of one: its incoming or outgoing weights.
    factor : int
        Blur: the sheet is shrunk by this factor and enlarged again bilinearly.

    Returns
    -------
    Tensor, scalar
        Mean over channels, 0 (each map perfectly smooth) to 2.

    References
    ----------
    Deb, Deb & Murty, "Toponets", ICLR 2025 (the loss).
    """
    sheets = _as_sheet(weights)
    blurred = _blur(sheets, factor)
    return 1 - functional.cosine_similarity(sheets.flatten(1), blurred.flatten(1), dim=-1).mean()


def _as_sheet(per_unit: Tensor) -> Tensor:
    """Reshape ``(unit, channel)`` to ``(channel, row, col)``."""
    side = round(len(per_unit) ** 0.5)
    if side * side != len(per_unit):
        raise ValueError(f"a square sheet needs a square number of units, got {len(per_unit)}")
    return per_unit.t().reshape(-1, side, side)


def _blur(sheets: Tensor, factor: int = 2) -> Tensor:
    side = sheets.shape[-1]
    small = functional.adaptive_avg_pool2d(sheets[:, None], max(1, side // factor))
    return functional.interpolate(small, size=(side, side), mode="bilinear", align_corners=False)[:, 0]
