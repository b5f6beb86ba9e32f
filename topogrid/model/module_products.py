"""What units of modules send each other in a step, and how gradients go back through it.

Shapes: M module, B batch, N unit of a module, K pattern of weights that few make up.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from topogrid.model.low_rank import Factors
from topogrid.model.products import Precision

OTHERS = 4
"""Senders that are no units: movement along x and y, a constant, and one that is silent, so that rows are aligned."""


class Products(Protocol):
    """Both ways through the weights of some modules."""

    def forth(self, senders: Tensor) -> Tensor:
        """Return what all senders ``(M, B, N + OTHERS)`` send, ``(M, B, N)``, in room that the next call fills anew."""

    def back(self, grad: Tensor, into: Tensor, *, passes: bool) -> None:
        """Write the gradient of states to ``grad`` from that of what was sent, ``into``, both ``(M, B, N)``.

        It is added to what ``grad`` holds if that ``passes``.
        """


class FullProducts:
    """Of every unit with every other.

    Parameters
    ----------
    weights : Tensor, ``(M, N, N + OTHERS)``
    precision : {"fp32", "bf16"}
        Of what units send; movement is not rounded.
    adds_state : bool
        Whether rounded weights are without the identity, so that the state itself is added.
    """

    def __init__(self, weights: Tensor, precision: Precision, *, adds_state: bool) -> None:
        self._units = weights.shape[-2]
        self._weights = weights.transpose(1, 2)
        between = weights[..., : self._units]
        self._between = between.bfloat16() if precision == "bf16" else between
        self._rounds, self._adds_state = precision == "bf16", adds_state
        self._room: Tensor | None = None

    def forth(self, senders: Tensor) -> Tensor:
        """See `Products`."""
        if self._room is None:
            self._room = senders.new_empty(*senders.shape[:-1], self._units)
        if not self._rounds:
            return torch.bmm(senders, self._weights, out=self._room)
        torch.bmm(senders[..., self._units :], self._weights[:, self._units :], out=self._room)
        states = senders[..., : self._units]
        self._room.add_(torch.bmm(states.bfloat16(), self._between.transpose(1, 2)))
        return self._room.add_(states) if self._adds_state else self._room

    def back(self, grad: Tensor, into: Tensor, *, passes: bool) -> None:
        """See `Products`."""
        if not self._rounds:
            grad.baddbmm_(into, self._between, beta=1.0 if passes else 0.0)
            return
        if not passes:
            grad.zero_()
        grad.add_(torch.bmm(into.bfloat16(), self._between))
        if self._adds_state:
            grad.add_(into)


class FewPatterns:
    """By way of the patterns that make up the weights, in full precision: they are so few that it costs nothing.

    Parameters
    ----------
    weights : Tensor, ``(M, N, OTHERS)``
        From what is no unit.
    factors : Factors
        Of the weights between units.
    """

    def __init__(self, weights: Tensor, factors: Factors) -> None:
        self._units, self._patterns = weights.shape[-2], factors.senders.shape[1]
        self._receivers, self._senders = factors
        self._others = weights
        self._rooms: tuple[Tensor, Tensor, Tensor] | None = None

    def forth(self, senders: Tensor) -> Tensor:
        """See `Products`."""
        if self._rooms is None:
            modules, batch, _ = senders.shape
            few = senders.new_empty(modules, self._patterns + OTHERS, batch)
            to_units = torch.cat((self._receivers, self._others.transpose(1, 2)), dim=1)
            self._rooms = few, to_units, senders.new_empty(modules, batch, self._units)
        few, to_units, room = self._rooms
        # With batches along the rows, as products with few columns are slow.
        few[:, : self._patterns].copy_(torch.bmm(self._senders, senders[..., : self._units].transpose(1, 2)))
        few[:, self._patterns :].copy_(senders[..., self._units :].transpose(1, 2))
        return torch.bmm(few.transpose(1, 2), to_units, out=room)

    def back(self, grad: Tensor, into: Tensor, *, passes: bool) -> None:
        """See `Products`."""
        few = torch.bmm(self._receivers, into.transpose(1, 2))
        grad.baddbmm_(few.transpose(1, 2), self._senders, beta=1.0 if passes else 0.0)


def products_of(weights: Tensor, factors: Factors | None, precision: Precision, *, adds_state: bool) -> Products:
    """Return the products of some modules: `FewPatterns` where there are factors, else `FullProducts`."""
    if factors is not None:
        return FewPatterns(weights, factors)
    return FullProducts(weights, precision, adds_state=adds_state)
