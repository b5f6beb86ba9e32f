"""Recurrent weights that a few patterns make up: what a state sends passes through as few numbers.

A sum of three cosines of where receiver and sender stand, as attractors are wired, is ``W = sum_k r_k s_k^T`` of seven
patterns: a constant, and the sine and cosine of three waves (low-rank recurrence: Mastrogiuseppe & Ostojic, Neuron
2018). A product with ``W`` takes n^2 multiplications for each state of n units, one with its factors 2 x 8 n.

Shapes: M module, K pattern, n unit of a module.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

MOST_PATTERNS = 8
"""Of weights that are worth taking apart; with fewer, the rest is silent, so that rows stay aligned."""
DROPPED = 1e-6
"""What may be left out, over the size of the weights: the rounding of single precision."""
_SPARE = 8  # directions that are tried besides, so that none of the patterns is missed


class Factors(NamedTuple):
    """Patterns of weights ``(M, n, n)``, a row of which belongs to the receiving unit."""

    receivers: Tensor
    """``(M, K, n)``"""
    senders: Tensor
    """``(M, K, n)``"""

    def of(self, modules: slice) -> Factors:
        """Return those of some modules."""
        return Factors(self.receivers[modules], self.senders[modules])


@torch.no_grad()
def factors_of(weights: Tensor) -> Factors | None:
    """Take the weights of modules apart, if at most `MOST_PATTERNS` patterns make up each of them.

    Looks at the weights: not for use on a GPU, which would have to be waited for.

    Parameters
    ----------
    weights : Tensor, ``(M, n, n)``

    Returns
    -------
    Factors or None
        ``None`` too where units are so few that nothing is gained, or weights are not finite.

    References
    ----------
    Halko, Martinsson & Tropp, SIAM Rev. 2011 (the range of a matrix from its products with random vectors).
    """
    units = weights.shape[-1]
    if units < 4 * MOST_PATTERNS:
        return None
    wide = weights.double()
    generator = torch.Generator().manual_seed(0)
    tried = torch.randn(units, MOST_PATTERNS + _SPARE, generator=generator, dtype=torch.double)
    basis = torch.linalg.qr(wide @ tried).Q
    inside = basis.transpose(1, 2) @ wide
    if not bool(torch.isfinite(inside).all()):
        return None
    left, size, right = torch.linalg.svd(inside, full_matrices=False)
    largest = size[:, 0].clamp_min(torch.finfo(torch.double).tiny)
    missed = torch.linalg.matrix_norm(wide - basis @ inside) + size[:, MOST_PATTERNS]
    if bool((missed > DROPPED * largest).any()):
        return None
    # Both factors get the root of each pattern's size, so that neither is rounded harder than the other.
    root = size[:, :MOST_PATTERNS].sqrt()
    receivers = (basis @ left[..., :MOST_PATTERNS] * root[:, None]).transpose(1, 2)
    senders = right[:, :MOST_PATTERNS] * root[..., None]
    # To the bit, so that a silenced unit stays at 0.
    receivers = receivers * (wide != 0).any(dim=2)[:, None]
    senders = senders * (wide != 0).any(dim=1)[:, None]
    return Factors(*(one.to(weights.dtype).contiguous() for one in (receivers, senders)))
