"""The step that topogrid's step of modules is compared with: a plain autograd loop over the same network and loss.

One batched product a time step for the units and one for movement, states stacked at the end, distances for isometry
by the formula, PyTorch's default Adam, and every term read back with ``.item()`` in every step. Same first weights,
same batches, the place code read at the same moments.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from topogrid.model.network import PathIntegrator
from topogrid.settings.config import TrainConfig
from topogrid.training import losses
from topogrid.training.geometry import RANGE
from topogrid.training.objective import Batch, length_scale

_EPSILON = 1e-4  # under the root of squared distances, whose slope at 0 autograd cannot take


class PlainModules(nn.Module):
    """A sheet with modules as one would first write it.

    Parameters
    ----------
    network : PathIntegrator
        Where its first weights are copied from.
    config : TrainConfig
        Of attractor or learned modules.
    all_states : bool
        Compare all states of a batch with one another, not those alone that ``config`` has compared.
    """

    def __init__(self, network: PathIntegrator, config: TrainConfig, *, all_states: bool = False) -> None:
        super().__init__()
        self.all_states = all_states
        self.config, self.network = config, network
        units, wiring = network.units, network.units.wiring
        self.order = torch.from_numpy(config.sheet.order)
        self.encoder, self.readout = (nn.Parameter(one.detach().clone()) for one in (network.encoder, network.readout))
        self.w_in, self.w_rec = (nn.Parameter(one.detach().clone()) for one in (units.w_in, wiring.weight))
        self.w_in.requires_grad_(units.w_in.requires_grad)
        self.w_rec.requires_grad_(wiring.weight.requires_grad)
        assert units.tau is not None  # noqa: S101 -- modules that are compared have time constants
        self.tau = nn.Parameter(units.tau.detach().clone())
        self.drive = None if units.drive is None else units.drive.detach().clone()
        learned = [weight for weight in self.own() if weight.requires_grad]
        self.optimiser = torch.optim.Adam(learned, lr=config.lr)

    def own(self) -> list[nn.Parameter]:
        """Return the weights of the plain loop."""
        return [self.encoder, self.readout, self.w_in, self.w_rec, self.tau]

    def train_step(self, batch: Batch, moments: list[int]) -> dict[str, float]:
        """Learn from one batch; returns the terms of the loss, each read back on its own."""
        terms = self._modules_alone(batch) if not moments else self._read(batch, moments)
        config = self.config
        bounds = (config.tau_min, config.tau_max)
        terms["smoothness"] = config.tau_smoothness_weight * losses.tau_smoothness(self.tau, config.tau_levels)
        diversity = losses.tau_diversity(self.tau, config.tau_diversity, bounds)
        terms["diversity"] = config.tau_variance_weight * diversity
        total = torch.stack(list(terms.values())).sum()
        self.optimiser.zero_grad()
        total.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.own(), config.grad_clip)
        self.optimiser.step()
        with torch.no_grad():
            self.tau.clamp_(config.tau_min, config.tau_max)
        return {name: term.item() for name, term in terms.items()} | {"total": total.item()}

    def _read(self, batch: Batch, moments: list[int]) -> dict[str, Tensor]:
        """Return the cross-entropy of the place code along walks that all modules share."""
        first = functional.linear(batch.start_code, self.encoder).relu()
        state = first[:, self.order].transpose(0, 1)
        states = self._follow(state, batch.displacement[:, None])
        by_module = states.transpose(1, 2).flatten(2)
        sheet = by_module[..., self.order.flatten().argsort()]
        logits = functional.linear(sheet[1:][moments], self.readout)
        log_code = functional.log_softmax(logits, dim=-1)
        return {"ce": -(batch.code * log_code).sum(dim=-1).mean()}

    def _modules_alone(self, batch: Batch) -> dict[str, Tensor]:
        """Return isometry and capacity of modules that have walks of their own."""
        config = self.config
        first = torch.einsum("mbp,mup->mbu", batch.start_code, self.encoder[self.order])
        states = self._follow(functional.normalize(first.relu(), dim=-1), batch.displacement)
        states = states.transpose(0, 1).flatten(1, 2)
        began = batch.position[:1] - batch.displacement[:1]
        position = torch.cat((began, batch.position)).transpose(0, 1).flatten(1, 2)
        capacity = -config.capacity_weight * states.mean(dim=(1, 2)).sum()
        if states.shape[1] > config.isometry_states and not self.all_states:
            chosen = torch.arange(config.isometry_states) * states.shape[1] // config.isometry_states
            states, position = states[:, chosen], position[:, chosen]
        size = states.square().sum(dim=-1)
        squared = size[:, :, None] + size[:, None, :] - 2 * torch.bmm(states, states.transpose(1, 2))
        apart = (squared.clamp_min(0) + _EPSILON).sqrt()
        scale = length_scale(self.network, config)
        wanted = torch.cdist(position, position) * scale[:, None, None]
        weight = (-(wanted**2) / (2 * RANGE**2)).exp() * (1 - torch.eye(states.shape[1]))
        weight = weight / weight.sum(dim=(1, 2), keepdim=True)
        isometry = config.isometry_weight * (weight * (apart - wanted) ** 2).sum()
        return {"isometry": isometry, "capacity": capacity}

    def _follow(self, state: Tensor, displacement: Tensor) -> Tensor:
        """Return the start and every state after it, ``(1 + T, M, B, n)``."""
        w_in, tau = self.w_in[self.order], self.tau[self.order][:, None]
        drive = 0.0 if self.drive is None else self.drive[self.order][:, None]
        states = [state]
        for move in displacement:
            moved = move @ w_in.transpose(1, 2)
            summed = moved + torch.bmm(state, self.w_rec.transpose(1, 2)) + drive
            if self.config.norm == "module":
                state = functional.normalize((state + (summed - state) / tau).relu(), dim=-1)
            else:
                state = state + (summed.relu() - state) / tau
            states.append(state)
        return torch.stack(states)
