"""Modules of a sheet that are split over processes: each computes and moves some of them, and sends no weight.

Every process draws the same walks and holds all weights, but follows, and moves, those of its own modules alone. In a
step processes tell each other sums over their modules: what each adds to the read-out, the gradient of the time
constants (which the loss of the whole map couples), and the size of the gradient. `ModuleShare.gather` brings all
weights together where somebody looks at them: before an evaluation or a checkpoint.

Shapes: T time, B batch, M module, m own module, n unit of a module, N unit of the sheet, P place.
"""

from __future__ import annotations

from collections.abc import Iterator

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
        self._network, self._processes = network, processes
        each = wiring.sheet.n_modules // processes.count
        order = torch.from_numpy(wiring.sheet.order).to(network.encoder.device)
        parts = [slice(rank * each, (rank + 1) * each) for rank in range(processes.count)]
        self._modules, self._units = parts, [order[part].flatten() for part in parts]
        self.modules: slice = parts[processes.rank]
        """Which modules are its own."""
        self.units: Tensor = self._units[processes.rank]
        """Their units by number on the sheet, ``(m x n,)``, module after module."""
        # Whole rows of modules are neighbours on the sheet, so that their weights need no copy.
        whole_rows, first = each % wiring.sheet.modules == 0, processes.rank * len(self.units)
        self._own: slice | Tensor = slice(first, first + len(self.units)) if whole_rows else self.units

    def of_batch(self, batch: Batch, phase: Phase) -> Batch:
        """Return what of a batch is for own modules; where all modules see the same walks, all of it."""
        if phase != "modules":
            return batch
        own = self.modules
        return batch._replace(
            start_code=batch.start_code[own],
            displacement=batch.displacement[:, own],
            position=batch.position[:, own],
            kept=batch.kept[own],
        )

    def predict(self, batch: Batch, phase: Phase, moments: list[int]) -> Prediction:
        """Follow the walks of a batch by own modules; what is read out is the sum over all processes.

        Parameters
        ----------
        batch : Batch
            As `of_batch` gives it.
        phase : Phase
        moments : list of int
            Steps, counted from 0, at which codes are read.

        Returns
        -------
        Prediction
            With activity ``(T, m, B, n)``, or ``(1 + T, m, B, n)`` where modules learn alone.
        """
        network, units, here = self._network, self._network.units, self._own
        if phase == "modules":
            encoder = units.wiring.arrange(network.encoder)[self.modules]
            start = normalised(torch.bmm(batch.start_code, encoder.transpose(1, 2)))
            own = units.follow_modules(batch.displacement, start, self.modules, from_start=True)
            return Prediction(own.activity, None)
        with torch.set_grad_enabled(phase != "readout" and torch.is_grad_enabled()):
            state = functional.linear(batch.start_code, network.encoder[here])
            start = self._arranged(state)
            if not network.signed_start:
                start = normalised(start) if units.norm == "module" else units.rectified(start)
            whole = phase != "readout"
            own = units.follow_modules(batch.displacement, start, self.modules, moments=moments, whole=whole)
        seen = self._restored(own.seen)
        logits = self._summed(linear(seen, network.readout[:, here].contiguous(), units.precision))
        directions = None
        if network.direction_readout is not None:
            directions = self._summed(functional.linear(seen, network.direction_readout[:, here]))
        return Prediction(own.activity, logits, directions)

    def _arranged(self, states: Tensor) -> Tensor:
        """Sort states of own units ``(B, m x n)`` by module, ``(m, B, n)``."""
        if isinstance(self._own, slice):
            return self._network.units.wiring.arrange_states(states)
        count = self.modules.stop - self.modules.start
        return states.reshape(len(states), count, -1).transpose(0, 1).contiguous()

    def _restored(self, states: Tensor) -> Tensor:
        """Bring states of own modules ``(T, m, B, n)`` into the order of own units, ``(T, B, m x n)``."""
        if isinstance(self._own, slice):
            return self._network.units.wiring.restore_states(states)
        return states.transpose(1, 2).flatten(2)

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
        gradients = [weight.grad for weight in self._network.parameters() if weight.grad is not None]
        size = torch.zeros((), device=self.units.device)
        for weight in self._network.parameters():
            if weight.grad is not None and weight is not log_tau:
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
        """Bring weights, and what the optimiser remembers of them, together in all processes; all have to call this."""
        for weight, axis in self._split_weights():
            memory = optimiser.state.get(weight, {})
            moments = [memory[name] for name in ("exp_avg", "exp_avg_sq") if name in memory]
            for values in (weight.data, *moments):
                for source, (modules, units) in enumerate(zip(self._modules, self._units, strict=True)):
                    if axis is None:
                        values[modules] = self._processes.spread(values[modules].contiguous(), source)
                    else:
                        part = self._processes.spread(values.index_select(axis, units), source)
                        values.index_copy_(axis, units, part)

    def _split_weights(self) -> Iterator[tuple[nn.Parameter, int | None]]:
        """Yield weights of which each process moves a part, and the axis of their units; modules are the first."""
        network, units = self._network, self._network.units
        if units.wiring.weight.requires_grad:
            yield units.wiring.weight, None
        for weight, axis in (
            (network.encoder, 0),
            (units.w_in, 0),
            (units.drive, 0),
            (network.readout, 1),
            (network.direction_readout, 1),
        ):
            if weight is not None and weight.requires_grad:
                yield weight, axis


class _Summed(torch.autograd.Function):
    """Sum over processes whose way back is the identity."""

    @staticmethod
    def forward(_ctx: object, values: Tensor, processes: Processes) -> Tensor:
        return processes.sum(values.clone())

    @staticmethod
    def backward(_ctx: object, *grad_outputs: Tensor) -> tuple[Tensor, None]:
        return grad_outputs[0], None
