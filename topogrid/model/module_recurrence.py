"""The recurrence of units that are connected inside modules, through time, with its own gradient.

Shapes: T time, B batch, M module, N unit of a module.

What makes it fast without changing what is computed:

* States are ``(M, 1 + T, B, N)``: the product of a step is one batch over modules, and the gradient of the weights is
  one over all ``T * B`` rows, of which nothing is copied.
* Movement and constant drive are three more senders behind the N units. No drive is written down for all steps, and
  their gradient is a part of that of the weights.
* Normed units take time constants into their weights: ``relu(h + (w h + u - h) / tau)`` is ``relu(v h + u / tau)`` with
  ``v = I + (w - I) / tau``. The gradient of tau then follows from that of ``v``.
* Weights that do not learn and that a few patterns make up, as an attractor's, are passed by way of these patterns:
  `topogrid.model.low_rank`.
* On a CPU a few modules walk to the end before the next ones begin, so that what they use stays in the caches.
* Where the place code is read at some moments only, gradients come from those alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from topogrid.model.kernels import Activation, Norm
from topogrid.model.low_rank import Factors
from topogrid.model.module_kernels import ModuleKernels, choose, room_to_keep
from topogrid.model.module_products import OTHERS, Products, products_of
from topogrid.model.products import Precision, module_groups
from topogrid.model.recurrence_inputs import check_moments, check_shapes, check_words

Exact = Literal["identity", "nothing"]
"""What of the recurrent weights passes in fp32 where the rest is rounded."""


class _How(NamedTuple):
    """How a recurrence is computed."""

    factors: Factors | None
    """Patterns that make up the recurrent weights, which then do not learn."""
    groups: tuple[slice, ...]
    """Modules that walk from the first step to the last before the next ones begin."""
    activation: Activation
    norm: Norm
    precision: Precision
    adds_state: bool
    """Whether rounded weights are without the identity, so that the state itself is added to their product."""
    kernels: ModuleKernels
    moments: tuple[int, ...]
    from_start: bool
    whole: bool
    """Whether all activity is returned, not only what is seen of it."""
    differentiable: bool

    def products(self, weights: Tensor, group: slice) -> Products:
        """Return both ways through the weights of some modules."""
        factors = None if self.factors is None else self.factors.of(group)
        return products_of(weights[group], factors, self.precision, adds_state=self.adds_state)


class Followed(NamedTuple):
    """Activity of modules along walks."""

    activity: Tensor
    """``(T, M, B, N)`` after each step, or ``(1 + T, M, B, N)`` with the start before."""
    seen: Tensor
    """``(moment, M, B, N)``, after the steps that were asked for."""


def module_recurrence(
    displacement: Tensor,
    start: Tensor,
    w_in: Tensor,
    w_rec: Tensor,
    *,
    tau: Tensor | None = None,
    drive: Tensor | None = None,
    nudge: Tensor | None = None,
    moments: Sequence[int] = (),
    from_start: bool = False,
    whole: bool = True,
    activation: Activation = "relu",
    norm: Norm = "none",
    precision: Precision = "fp32",
    exact: Exact = "identity",
    compiled: bool = False,
    factors: Factors | None = None,
) -> Followed:
    """Integrate a batch of walks through leaky units inside modules.

    Arguments are those of `topogrid.model.recurrence.leaky_recurrence`, of which this is the part for modules, and

    Parameters
    ----------
    moments : sequence of int
        Steps, counted from 0, to return a copy of besides. A loss that looks at these alone is cheaper to differentiate
        than one that picks them out of all activity.
    from_start : bool
        Return the start too, as the first of all states.
    whole : bool
        Return all activity. Else, where no gradient is wanted, it is forgotten step after step, and none is returned.
    factors : Factors, optional
        Of ``w_rec``, where few patterns make it up: products go through these, in full precision.

    Returns
    -------
    Followed

    Raises
    ------
    ValueError
        As `topogrid.model.recurrence.leaky_recurrence`, or if moments are no steps in rising order, or if there are
        factors of weights that learn or that time constants are taken into.
    """
    if factors is not None and (w_rec.requires_grad or norm != "none"):
        raise ValueError("factors stand for recurrent weights that do not learn, of units without a norm")
    check_words(activation, norm, precision, exact)
    check_shapes(displacement, start, {"w_in": w_in, "w_rec": w_rec, "tau": tau, "drive": drive, "nudge": nudge})
    check_moments(moments, len(displacement))
    inputs = (displacement, start, w_in, w_rec, tau, drive, nudge)
    differentiable = torch.is_grad_enabled() and any(one is not None and one.requires_grad for one in inputs)
    # With a norm the identity is always exact: it costs nothing there.
    adds_state = factors is None and precision == "bf16" and (exact == "identity" or norm == "module")
    # Compiled kernels are made for one shape, so that all modules walk together.
    groups = (slice(0, len(w_rec)),) if compiled else module_groups(w_rec if factors is None else start)
    how = _How(
        factors, groups, activation, norm, precision, adds_state, choose(norm, compiled=compiled), tuple(moments),
        from_start, whole or differentiable, differentiable,
    )  # fmt: skip
    states, seen = _ModuleRecurrence.apply(*inputs, how)  # type: ignore[no-untyped-call]
    return Followed(states.transpose(0, 1), seen)


class _ModuleRecurrence(torch.autograd.Function):
    """Forward and backward through time by hand; see `module_recurrence`."""

    @staticmethod
    def forward(ctx: Any, *given: Any) -> tuple[Tensor, Tensor]:
        displacement, start, w_in, w_rec, tau, drive, nudge, how = given
        modules, batch, units = start.shape
        time = len(displacement)
        leak = None if tau is None else (1.0 / tau).unsqueeze(-2)
        weights = _all_weights(w_in, w_rec, drive, leak, how)
        slots = 1 + time if how.whole else 2  # a state and the one after it are all that a step needs
        states = start.new_empty(modules, slots, batch, units + OTHERS)
        states[:, 0, :, :units] = start
        others = _others(displacement, states)
        kept = room_to_keep(how.norm, (modules, time if how.differentiable else 1, batch, units), start)
        seen = start.new_empty(len(how.moments), *start.shape)
        given_first = nudge if nudge is None or leak is None or how.norm == "none" else nudge * leak
        for group in how.groups:
            _follow(group, states, others, weights, leak, given_first, kept, seen, how)
        activity = states[:, 0 if how.from_start else 1 :, :, :units] if how.whole else states[:, :0, :, :units]
        ctx.save_for_backward(displacement, w_in, w_rec, drive, leak, kept, states, nudge, weights)
        ctx.how = how
        ctx.set_materialize_grads(False)
        return activity, seen

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grad_outputs: Tensor | None) -> tuple[Tensor | None, ...]:
        displacement, w_in, w_rec, drive, leak, kept, states, nudge, weights = ctx.saved_tensors
        needs_moves, needs_start, needs_w_in, needs_w_rec, needs_tau, needs_drive, needs_nudge, _ = ctx.needs_input_grad
        nothing = (None,) * 8
        how: _How = ctx.how
        grad_activity, grad_seen = grad_outputs
        grad_seen = grad_seen if how.moments else None
        if grad_activity is None and grad_seen is None:
            return nothing
        normed = how.norm == "module"
        of_weights = needs_w_in or needs_w_rec or needs_drive or (needs_tau and normed)
        change = torch.zeros_like(states[:, 0, :, : w_rec.shape[-1]]) if needs_tau and not normed else None
        keep = of_weights or needs_moves
        grad_start = torch.zeros_like(states[:, 0, :, : w_rec.shape[-1]], memory_format=torch.contiguous_format)
        into = grad_start.new_empty(len(states), kept.shape[1] if keep else 1, *grad_start.shape[1:])
        for group in how.groups:
            back = _WayBack(group, weights, leak, kept, states, how, change)
            back(grad_activity, grad_seen, into[group], grad_start[group], keep=keep)
        grad_moves = _movement_gradient(into, w_in, leak if normed else None, displacement) if needs_moves else None
        grads: dict[str, Tensor] = {}
        if of_weights:
            grads = _weight_gradients(into, states, w_in, w_rec, drive, leak, nudge, how)
        grad_nudge = into[:, 0] if needs_nudge else None
        if grad_nudge is not None and leak is not None and normed:
            grad_nudge = grad_nudge * leak
        grad_tau = grads.get("tau")
        if change is not None:
            # The sum is the gradient of log leak, and d log leak / d tau is -leak.
            grad_tau = -change.sum(dim=-2) * leak.squeeze(-2)
        return (
            grad_moves,
            grad_start if needs_start else None,
            grads["w_in"] if needs_w_in else None,
            grads["w_rec"] if needs_w_rec else None,
            grad_tau if needs_tau else None,
            grads["drive"] if needs_drive else None,
            grad_nudge,
            None,
        )


def _all_weights(w_in: Tensor, w_rec: Tensor, drive: Tensor | None, leak: Tensor | None, how: _How) -> Tensor:
    """Return weights from all senders ``(M, N, N + OTHERS)``; of normed units, with their time constants.

    Where factors stand for those from units, from the others alone.
    """
    between = w_rec if how.factors is None else w_rec[..., :0]
    units = between.shape[-1]
    weights = w_rec.new_zeros(*w_rec.shape[:-1], units + OTHERS)
    weights[..., :units] = between
    weights[..., units : units + 2] = w_in
    if drive is not None:
        weights[..., units + 2] = drive
    own = weights.diagonal(dim1=-2, dim2=-1)
    if how.norm == "module":
        own.sub_(1.0)
        if leak is not None:
            weights.mul_(leak.transpose(-2, -1))
        if not how.adds_state:
            own.add_(1.0)
    elif how.adds_state:
        own.sub_(1.0)
    return weights


def _others(displacement: Tensor, states: Tensor) -> Tensor:
    """Return what is sent besides by units in every step, ``(T, M, B, OTHERS)``, of one module where all move alike."""
    by_module = displacement.unsqueeze(1) if displacement.ndim == 3 else displacement
    others = states.new_zeros(*by_module.shape[:-1], OTHERS)
    others[..., :2] = by_module
    others[..., 2].fill_(1.0)
    return others


def _follow(
    group: slice,
    states: Tensor,
    others: Tensor,
    weights: Tensor,
    leak: Tensor | None,
    nudge: Tensor | None,
    kept: Tensor,
    seen: Tensor,
    how: _How,
) -> None:
    """Walk with some of the modules from the first step to the last."""
    states, kept, seen = states[group], kept[group], seen[:, group]
    others = others if others.shape[1] == 1 else others[:, group]
    leak = None if leak is None else leak[group]
    slots, units = states.shape[1], weights.shape[1]
    places = {moment: place for place, moment in enumerate(how.moments)}
    products = how.products(weights, group)
    for step in range(len(others)):
        before, after = states[:, step % slots], states[:, (step + 1) % slots, :, :units]
        before[..., units:].copy_(others[step])  # here, where the rest of the state is still at hand
        summed = products.forth(before)
        if step == 0 and nudge is not None:
            summed.add_(nudge[group])
        to_keep = kept[:, step if how.differentiable else 0]
        how.kernels.advance(summed, before[..., :units], after, to_keep, leak, how.activation)
        if step in places:
            seen[places[step]].copy_(after)


class _WayBack:
    """The loop backward through time, of some of the modules.

    Parameters
    ----------
    group : slice
        Which modules these are.
    weights, leak, kept, states : Tensor
        As the way forward used and left them.
    how : _How
    change : Tensor, ``(M, B, N)``, optional
        Where to add up gradient times change of the state, which is the gradient of the logarithm of the leak.
    """

    def __init__(
        self,
        group: slice,
        weights: Tensor,
        leak: Tensor | None,
        kept: Tensor,
        states: Tensor,
        how: _How,
        change: Tensor | None,
    ) -> None:
        self._group, self._how = group, how
        self._leak, self._change = (None if one is None else one[group] for one in (leak, change))
        self._kept, self._states = kept[group], states[group, ..., : weights.shape[-2]]
        self._products = how.products(weights, group)
        self._passes = how.norm == "none" and leak is not None
        self._room = torch.empty_like(self._states[:, 0], memory_format=torch.contiguous_format)

    def __call__(
        self, grad_activity: Tensor | None, grad_seen: Tensor | None, into: Tensor, grad: Tensor, *, keep: bool
    ) -> None:
        """Go back from the last step to the first.

        Parameters
        ----------
        grad_activity, grad_seen : Tensor, optional
            Gradients of what the way forward returned, of all modules.
        into : Tensor, ``(group, T, B, N)``
            Receives the gradients of every step's input where these are to be kept; else it has room for one step.
        grad : Tensor, ``(group, B, N)``
            Zeros; receives the gradient of the start.
        keep : bool
        """
        how, states, time = self._how, self._states, self._kept.shape[1]
        first = 0 if how.from_start else 1
        where = {moment + 1: place for place, moment in enumerate(how.moments)} if grad_seen is not None else {}
        if grad_activity is None and keep:
            into[:, max(where) :].zero_()
        begin = time if grad_activity is not None else max(where)
        for step in range(begin, 0, -1):
            if grad_activity is not None:
                grad.add_(grad_activity[self._group, step - first])
            if step in where and grad_seen is not None:
                grad.add_(grad_seen[where[step], self._group])
            if self._change is not None:
                self._change.addcmul_(grad, states[:, step]).addcmul_(grad, states[:, step - 1], value=-1.0)
            here = into[:, step - 1 if keep else 0]
            how.kernels.retreat(
                grad, states[:, step], self._kept[:, step - 1], self._leak, self._room, here, how.activation
            )
            self._products.back(grad, here, passes=self._passes)
        if how.from_start and grad_activity is not None:
            grad.add_(grad_activity[self._group, 0])


def _weight_gradients(
    into: Tensor,
    states: Tensor,
    w_in: Tensor,
    w_rec: Tensor,
    drive: Tensor | None,
    leak: Tensor | None,
    nudge: Tensor | None,
    how: _How,
) -> dict[str, Tensor]:
    """Return the gradients of weights, drive and, of normed units, time constants."""
    units = w_rec.shape[-1]
    receivers, senders = into.flatten(1, 2).transpose(1, 2), states[:, :-1].flatten(1, 2)
    if how.precision == "bf16":
        between = torch.bmm(receivers.bfloat16(), senders[..., :units].bfloat16()).to(states.dtype)
        total = torch.cat((between, torch.bmm(receivers, senders[..., units:])), dim=-1)
    else:
        total = torch.bmm(receivers, senders)
    recurrent, movement, constant = total[..., :units], total[..., units : units + 2], total[..., units + 2]
    grads: dict[str, Tensor] = {}
    if how.norm == "module" and leak is not None:
        rate = leak.transpose(-2, -1)
        of_rate = (recurrent * w_rec).sum(dim=-1) - recurrent.diagonal(dim1=-2, dim2=-1)
        of_rate = of_rate + (movement * w_in).sum(dim=-1)
        if drive is not None:
            of_rate = of_rate + constant * drive
        if nudge is not None:
            of_rate = of_rate + (into[:, 0] * nudge).sum(dim=-2)
        grads["tau"] = -of_rate * rate.squeeze(-1).square()
        recurrent, movement, constant = recurrent * rate, movement * rate, constant * rate.squeeze(-1)
    return grads | {"w_rec": recurrent, "w_in": movement, "drive": constant}


def _movement_gradient(into: Tensor, w_in: Tensor, rate: Tensor | None, displacement: Tensor) -> Tensor:
    """Return the gradient of displacements, in their shape."""
    weights = w_in if rate is None else w_in * rate.transpose(-2, -1)
    each = torch.matmul(into, weights.unsqueeze(1)).transpose(0, 1)
    return each if displacement.ndim == 4 else each.sum(dim=1)
