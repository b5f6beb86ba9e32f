"""What is done to every element between two products of modules, forward and backward.

Shapes: M module, B batch, N unit of a module; what is called a state is ``(M, B, N)``. There are two kinds of step:

* `LEAKY`: ``h + (f(x) - h) / tau`` with ``f`` a ReLU or tanh;
* `NORMED`: ``n(relu(x))``, where ``n`` divides by the norm over the units of a module (local divisive normalisation).
  What time constants do stands in the weights already: `topogrid.model.module_recurrence`.

Everything is written where it is to stay. Whatever is called ``scratch`` is room for one state.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from topogrid.model.kernels import SMALLEST_NORM, Activation, Norm


class ModuleKernels(NamedTuple):
    """The work between two products; see the functions of this module for what goes in and comes out."""

    advance: Callable[..., None]
    retreat: Callable[..., None]


def choose(norm: Norm, *, compiled: bool = False) -> ModuleKernels:
    """Return the kernels of a norm, to be compiled when they are first called if so wished."""
    return _compiled(norm) if compiled else _KERNELS[norm]


def room_to_keep(norm: Norm, shape: tuple[int, ...], like: Tensor) -> Tensor:
    """Return room for what the way back needs of every step, ``(M, T, B, N)``, or ``(M, T, B, 1)`` for norms."""
    return like.new_empty(*shape[:-1], 1 if norm == "module" else shape[-1])


def _advance(
    summed: Tensor, before: Tensor, after: Tensor, passed: Tensor, leak: Tensor | None, activation: Activation
) -> None:
    """Write the state ``after`` a step whose input is ``summed``; ``passed`` receives what ``f`` lets by."""
    if activation == "relu":
        torch.clamp_min(summed, 0.0, out=passed)
    else:
        torch.tanh(summed, out=passed)
    if leak is None:
        after.copy_(passed)
    else:
        torch.lerp(before, passed, leak, out=after)


def _retreat(
    grad: Tensor,
    after: Tensor,
    passed: Tensor,
    leak: Tensor | None,
    scratch: Tensor,
    into: Tensor,
    activation: Activation,
) -> None:
    """Write the gradient of a step's input to ``into``.

    ``grad`` comes as the gradient of the state after the step, and leaves as what of it goes past the step to the state
    before.
    """
    del after
    scaled = grad if leak is None else torch.mul(grad, leak, out=scratch)
    if activation == "relu":
        torch.ops.aten.threshold_backward.grad_input(scaled, passed, 0.0, grad_input=into)
    else:
        torch.ops.aten.tanh_backward.grad_input(scaled, passed, grad_input=into)
    grad.zero_() if leak is None else grad.sub_(scaled)


def _advance_normed(
    summed: Tensor, before: Tensor, after: Tensor, norm: Tensor, leak: Tensor | None, activation: Activation
) -> None:
    """Write the state ``after`` a step whose input is ``summed``; ``norm``, ``(M, B, 1)``, receives its norm before."""
    del before, leak, activation
    summed.clamp_min_(0.0)
    torch.linalg.vector_norm(summed, dim=-1, keepdim=True, out=norm)
    torch.div(summed, norm.clamp_min_(SMALLEST_NORM), out=after)


def _retreat_normed(
    grad: Tensor,
    after: Tensor,
    norm: Tensor,
    leak: Tensor | None,
    scratch: Tensor,
    into: Tensor,
    activation: Activation,
) -> None:
    """Write the gradient of a step's input to ``into``; nothing goes past the step, and ``grad`` is used up.

    With ``g = r / |r|`` the gradient of ``r`` is that of ``g`` without its part along ``g``, over ``|r|``.
    """
    del leak, activation
    along = torch.mul(grad, after, out=scratch).sum(dim=-1, keepdim=True)
    torch.ops.aten.threshold_backward.grad_input(grad, after, 0.0, grad_input=into)
    into.addcmul_(after, along, value=-1.0).div_(norm)


LEAKY = ModuleKernels(_advance, _retreat)
NORMED = ModuleKernels(_advance_normed, _retreat_normed)
_KERNELS: dict[Norm, ModuleKernels] = {"none": LEAKY, "module": NORMED}


@functools.cache
def _compiled(norm: Norm) -> ModuleKernels:
    return ModuleKernels(*(torch.compile(kernel) for kernel in _KERNELS[norm]))
