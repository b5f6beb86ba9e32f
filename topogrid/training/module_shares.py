"""Modules of a sheet that are split over processes: each computes and moves some of them, and sends no weight.

Every process draws the same walks, but follows, and moves, its own modules alone. Of what is large (recurrent weights,
encoder, read-outs) it has a copy of its own part, `OwnPart`, so that neither gradients nor the optimiser pass over that
of others. In a step processes tell each other sums over their modules: what each adds to the read-out, the gradient of
the time constants (which the loss of the whole map couples), and the size of the gradient. `ModuleShare.gather` brings
all weights together where somebody looks at them: before an evaluation or a checkpoint.

Shapes: T time, B batch, M module, m own module, n unit of a module, N unit of the sheet, P place.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from topogrid.model.kernels import normalised
from topogrid.model.network import PathIntegrator, Prediction
from topogrid.model.products import linear
from topogrid.model.wiring.modular import Modular
from topogrid.settings.config import TrainConfig
from topogrid.training.objective import Batch, Phase
from topogrid.training.processes import Processes


def splits_modules(network: PathIntegrator, config: TrainConfig, processes: Processes) -> bool:
    """Whether processes split the modules of a network rather than its walks.

    They do wherever modules come out even, unless a topographic loss compares weights of different modules, or what
    all of them predict is fed back into each.
    """
    wiring = network.units.wiring
    return (
        not processes.alone
        and isinstance(wiring, Modular)
        and wiring.sheet.n_modules % processes.count == 0
        and not config.topoloss
        and not config.training_feedback
    )


class OwnPart:
    """What one process moves of some weights: a leaf of its own, with its own place in the optimiser.

    Parameters
    ----------
    whole : nn.Parameter
        The weights of all processes.
    axis : int
        Of their units, or modules.
    places : sequence of Tensor of int
        Which of these each process moves; equally many.
    processes : Processes
    """

    def __init__(self, whole: nn.Parameter, axis: int, places: Sequence[Tensor], processes: Processes) -> None:
        self.whole = whole
        self._axis, self._places, self._processes = axis, places, processes
        self.own = nn.Parameter(self.of(whole.detach()))

    def of(self, values: Tensor) -> Tensor:
        """Return the own part of values of the shape of the whole."""
        return values.index_select(self._axis, self._places[self._processes.rank])

    @torch.no_grad()
    def take(self, optimiser: torch.optim.Optimizer) -> None:
        """Let the optimiser move the own part in place of the whole."""
        self.own.copy_(self.of(self.whole))
        self.whole.grad = None
        _hand_over(optimiser, self.whole, self.own, self.of)

    @torch.no_grad()
    def gather(self, optimiser: torch.optim.Optimizer) -> None:
        """Put the whole, and what the optimiser remembers of it, together from the parts of all processes."""

        def filled(whole: Tensor, part: Tensor) -> Tensor:
            return _put_together(whole, part, self._axis, self._places, self._processes)

        filled(self.whole, self.own)
        _hand_over(optimiser, self.own, self.whole, lambda part: filled(torch.empty_like(self.whole), part))


def _put_together(whole: Tensor, part: Tensor, axis: int, places: Sequence[Tensor], processes: Processes) -> Tensor:
    """Fill the whole, in place, from the parts of all processes; all have to call this."""
    for source, where in enumerate(places):
        sent = part.detach().clone() if source == processes.rank else torch.empty_like(part)
        whole.index_copy_(axis, where, processes.spread(sent, source))
    return whole


def _hand_over(
    optimiser: torch.optim.Optimizer, old: nn.Parameter, new: nn.Parameter, turned: Callable[[Tensor], Tensor]
) -> None:
    """Let an optimiser move other weights in the place of some, with what it remembers of each ``turned`` alike."""
    memory = optimiser.state.pop(old, {})
    if memory:
        alike = old.shape
        optimiser.state[new] = {n: turned(value) if value.shape == alike else value for n, value in memory.items()}
    for group in optimiser.param_groups:
        group["params"] = [new if weight is old else weight for weight in group["params"]]


class ModuleShare:
    """The modules of one process.

    Parameters
    ----------
    network : PathIntegrator
        With modules.
    processes : Processes
        Their number divides that of the modules.
    """

    def __init__(self, network: PathIntegrator, processes: Processes) -> None:
        wiring = network.units.wiring
        assert isinstance(wiring, Modular)  # noqa: S101 -- `splits_modules` says so
        self._network, self._wiring, self._processes = network, wiring, processes
        each = wiring.sheet.n_modules // processes.count
        order = torch.from_numpy(wiring.sheet.order).to(network.encoder.device)
        parts = [slice(rank * each, (rank + 1) * each) for rank in range(processes.count)]
        self.modules: slice = parts[processes.rank]
        """Which modules are its own."""
        self._units = [order[part].flatten() for part in parts]
        self.units: Tensor = self._units[processes.rank]
        """Their units by number on the sheet, ``(m x n,)``, module after module."""
        numbers = torch.arange(wiring.sheet.n_modules, device=self.units.device)
        of_modules = [numbers[part] for part in parts]
        large = (
            (wiring.weight, 0, of_modules),
            (network.encoder, 0, self._units),
            (network.readout, 1, self._units),
            (network.direction_readout, 1, self._units),
        )
        self._parts = {
            weight: OwnPart(weight, axis, places, processes)
            for weight, axis, places in large
            if weight is not None and weight.requires_grad
        }
        self._apart = False
        """Whether own parts are what learns, and the whole is out of date."""

    def take(self, optimiser: torch.optim.Optimizer) -> None:
        """Move own parts from now on; does nothing where they are what moves already."""
        if self._apart:
            return
        for part in self._parts.values():
            part.take(optimiser)
        if self._wiring.weight in self._parts:
            self._wiring.own = self.modules, self._parts[self._wiring.weight].own
        self._apart = True

    def predict(self, batch: Batch, phase: Phase, moments: list[int]) -> Prediction:
        """Follow the walks of a batch by own modules; what is read out is the sum over all processes.

        Parameters
        ----------
        batch : Batch
            Where modules learn alone, for own ones.
        phase : Phase
        moments : list of int
            Steps, counted from 0, at which codes are read.

        Returns
        -------
        Prediction
            With activity ``(T, m, B, n)``, or ``(1 + T, m, B, n)`` where modules learn alone.
        """
        network, units = self._network, self._network.units
        if phase == "modules":
            encoder = self._part(network.encoder).view(batch.start_code.shape[0], -1, batch.start_code.shape[2])
            start = normalised(torch.bmm(batch.start_code, encoder.transpose(1, 2)))
            own = units.follow_modules(batch.displacement, start, self.modules, from_start=True)
            return Prediction(own.activity, None)
        with torch.set_grad_enabled(phase != "readout" and torch.is_grad_enabled()):
            start = self._by_module(functional.linear(batch.start_code, self._part(network.encoder)))
            if not network.signed_start:
                start = normalised(start) if units.norm == "module" else units.rectified(start)
            whole = phase != "readout"
            own = units.follow_modules(batch.displacement, start, self.modules, moments=moments, whole=whole)
        seen = own.seen.transpose(1, 2).flatten(2)
        logits = self._summed(linear(seen, self._part(network.readout), units.precision))
        directions = None
        if network.direction_readout is not None:
            directions = self._summed(functional.linear(seen, self._part(network.direction_readout)))
        return Prediction(own.activity, logits, directions)

    def _part(self, weight: nn.Parameter) -> Tensor:
        """Return what of encoder or read-outs belongs to own units, module after module."""
        part = self._parts[weight]
        return part.own if self._apart else part.of(weight)

    def _by_module(self, states: Tensor) -> Tensor:
        """Sort states of own units ``(B, m x n)`` by module, ``(m, B, n)``."""
        count = self.modules.stop - self.modules.start
        return states.reshape(len(states), count, -1).transpose(0, 1).contiguous()

    def _summed(self, values: Tensor) -> Tensor:
        """Sum over processes; every process has the gradient of the sum already, as the loss is the same in all."""
        total: Tensor = _Summed.apply(values, self._processes)  # type: ignore[no-untyped-call]
        return total

    def settle_gradients(self, limit: float) -> Tensor:
        """Give time constants the gradient of all modules, and scale all gradients down to a joint norm.

        Parameters
        ----------
        limit : float
            Largest norm of the gradient over all processes; 0 leaves it.

        Returns
        -------
        Tensor, scalar
            The norm before.
        """
        log_tau = self._network.units.log_tau
        if log_tau is not None and log_tau.grad is not None:
            others = torch.ones_like(log_tau, dtype=torch.bool)
            others[self.units] = False
            self._processes.sum(log_tau.grad.masked_fill_(others, 0.0))
        weights = [*self._network.parameters(), *(part.own for part in self._parts.values())]
        gradients = [weight.grad for weight in weights if weight.grad is not None]
        size = torch.zeros((), device=self.units.device)
        for weight in weights:
            if weight is not log_tau and weight.grad is not None:
                size = size + torch.linalg.vector_norm(weight.grad).square()
        size = self._processes.sum(size)
        if log_tau is not None and log_tau.grad is not None:
            size = size + log_tau.grad.square().sum()
        norm = size.sqrt()
        if limit:
            share = (limit / (norm + 1e-6)).clamp_max(1.0)  # as `torch.nn.utils.clip_grad_norm_` has it
            for gradient in gradients:
                gradient.mul_(share)
        return norm

    @torch.no_grad()
    def gather(self, optimiser: torch.optim.Optimizer) -> None:
        """Bring weights, and what the optimiser remembers of them, together in all processes; all have to call this.

        Until `take` is called again, the whole is what an optimiser would move.
        """
        if self._apart:
            for part in self._parts.values():
                part.gather(optimiser)
            self._apart, self._wiring.own = False, None
        for weight in (self._network.units.w_in, self._network.units.drive):
            if weight is not None and weight.requires_grad:
                memory = optimiser.state.get(weight, {})
                for values in (weight, *(value for value in memory.values() if value.shape == weight.shape)):
                    _put_together(values, values.index_select(0, self.units), 0, self._units, self._processes)


class _Summed(torch.autograd.Function):
    """Sum over processes whose way back is the identity."""

    @staticmethod
    def forward(_ctx: object, values: Tensor, processes: Processes) -> Tensor:
        return processes.sum(values.clone())

    @staticmethod
    def backward(_ctx: object, *grad_outputs: Tensor) -> tuple[Tensor, None]:
        return grad_outputs[0], None
