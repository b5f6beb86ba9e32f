"""What processes do with their own modules adds up to what one does with all of them."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.training.small_states import ATTRACTOR, LEARNED, MODULES, batch_for, settings, state_of
from topogrid.training.module_shares import ModuleShare, OwnPart, splits_modules
from topogrid.training.objective import Batch, Context, Phase, objective, phase_of, read_steps
from topogrid.training.processes import ALONE, Processes
from topogrid.training.state import TrainState

KINDS: dict[str, dict[str, Any]] = {
    "attractor": ATTRACTOR | {"head_direction_cells": 4},
    "few patterns": ATTRACTOR | {"n_grid_cells": 256},
    "learned": LEARNED | {"isometry_states": 32, "weight_decay": 0.01, "activity_cost": 0.1},
    "read-out of learned": LEARNED | {"readout_steps": 2},
    "blocks": MODULES | {"wiring": "blocks", "activity_cost": 0.1, "weight_decay": 0.01},
}


class Pretended(Processes):
    """One of two processes that hears nothing of the other, so that sums over processes stay its own part."""

    def sum(self, values: Tensor) -> Tensor:
        return values


def share_of(state: TrainState, rank: int) -> ModuleShare:
    return ModuleShare(state.network, Pretended(rank=rank, count=2))


def made(kind: str) -> tuple[TrainState, Any, Phase, list[int]]:
    config = settings(**KINDS[kind] | {"steps": 8})
    state = state_of(config)
    with torch.no_grad():
        state.network.readout.normal_(0, 0.1, generator=torch.Generator().manual_seed(3))
        if state.network.direction_readout is not None:
            state.network.direction_readout.normal_(0, 0.1, generator=torch.Generator().manual_seed(4))
    state.step = config.steps - 1 if kind != "learned" else 2
    phase = phase_of(state.step + 1, config)
    return state, batch_for(state, config), phase, read_steps(state.step + 1, config)


def of_batch(batch: Batch, phase: Phase, modules: slice) -> Batch:
    """Take what of a batch is for some modules."""
    if phase != "modules":
        return batch
    by_module = {"start_code": batch.start_code[modules], "kept": batch.kept[modules]}
    return batch._replace(displacement=batch.displacement[:, modules], position=batch.position[:, modules], **by_module)


@pytest.mark.parametrize("kind", KINDS)
def test_shares_add_up_to_the_whole(kind: str) -> None:
    state, batch, phase, moments = made(kind)
    whole = state.predict(batch, phase, moments)
    shares = [share_of(state, rank) for rank in (0, 1)]
    parts = [share.predict(of_batch(batch, phase, share.modules), phase, moments) for share in shares]
    if phase == "modules":
        torch.testing.assert_close(torch.cat([part.activity for part in parts], dim=1), whole.activity)
        return
    for name in ("logits", "directions"):
        wanted = getattr(whole, name)
        if wanted is not None:
            torch.testing.assert_close(sum(getattr(part, name) for part in parts), wanted)


@pytest.mark.parametrize("kind", ["learned", "blocks"])
def test_terms_over_own_modules_add_up_and_so_do_their_gradients(kind: str) -> None:
    state, batch, phase, moments = made(kind)
    network, config = state.network, state.config
    context = Context(network, state.place_cells, state.predict(batch, phase, moments), batch, config,
                      state.topoloss_weight, moments)  # fmt: skip
    names = [name for name in ("train/reg_loss", "train/activity_loss", "train/isometry_loss", "train/capacity_loss")
             if name in objective(context, phase)]  # fmt: skip
    assert names
    terms = objective(context, phase)
    recurrent = network.units.wiring.weight
    (wanted,) = torch.autograd.grad(sum(terms[name] for name in names), [recurrent])  # type: ignore[arg-type]
    total, found = dict.fromkeys(names, 0.0), torch.zeros_like(recurrent)
    for rank in (0, 1):
        share = share_of(state, rank)
        own = of_batch(batch, phase, share.modules)
        seen = share.predict(own, phase, moments)
        here = context._replace(prediction=seen, batch=own, modules=share.modules, share=0.5)
        parts = objective(here, phase)
        (gradient,) = torch.autograd.grad(sum(parts[name] for name in names), [recurrent])  # type: ignore[arg-type]
        found += gradient
        for name in names:
            total[name] += parts[name].item()
    for name in names:
        assert total[name] == pytest.approx(terms[name].item(), rel=1e-5)
    torch.testing.assert_close(found, wanted)


def test_every_unit_belongs_to_one_process() -> None:
    state, *_ = made("attractor")
    units = torch.cat([share_of(state, rank).units for rank in (0, 1)])
    assert sorted(units.tolist()) == list(range(256))


def test_modules_are_split_where_they_come_out_even_and_no_loss_couples_them() -> None:
    state, *_ = made("blocks")
    two, three = Processes(0, 2), Processes(0, 3)
    assert splits_modules(state.network, state.config, two)
    assert not splits_modules(state.network, state.config, three)
    assert not splits_modules(state.network, state.config, ALONE)
    for coupling in ({"topoloss": True}, {"training_feedback": 0.1}):
        coupled = settings(**KINDS["blocks"] | coupling)
        assert not splits_modules(state.network, coupled, two)
    dense = state_of(settings(tau=True))
    assert not splits_modules(dense.network, dense.config, two)


def test_a_gradient_is_clipped_by_its_size_over_all_processes() -> None:
    state, *_ = made("blocks")
    share = share_of(state, 1)
    for weight in state.network.parameters():
        weight.grad = torch.ones_like(weight)
    log_tau = state.network.units.log_tau
    assert log_tau is not None
    norm = share.settle_gradients(0.5)
    others = [weight for weight in state.network.parameters() if weight is not log_tau]
    size = sum(weight.numel() for weight in others) + len(share.units)
    assert float(norm) == pytest.approx(size**0.5, rel=1e-4)
    clipped = torch.cat([weight.grad.flatten() for weight in state.network.parameters() if weight.grad is not None])
    assert float(clipped.norm()) == pytest.approx(0.5, rel=1e-4)


class Listening(Processes):
    """A process that hears what the other one has said before, and says its own."""

    def __init__(self, rank: int, heard: list[Tensor]) -> None:
        super().__init__(rank, 2)
        self.__dict__ |= {"heard": heard, "said": []}

    def spread(self, values: Tensor, source: int) -> Tensor:
        if source == self.rank:
            self.__dict__["said"].append(values.clone())
            return values
        heard: list[Tensor] = self.__dict__["heard"]
        return heard.pop(0) if heard else values


@pytest.mark.parametrize("axis", [0, 1])
def test_parts_are_moved_as_the_whole_would_be_and_put_together_again(axis: int) -> None:
    draw = torch.Generator().manual_seed(5)
    first, *gradients = (torch.randn(6, 4, generator=draw) for _ in range(4))
    size = first.shape[axis]
    places = list(torch.randperm(size, generator=draw).split(size // 2))

    def taking(weight: nn.Parameter) -> torch.optim.Optimizer:
        return torch.optim.Adam([{"params": [nn.Parameter(torch.ones(2))], "lr": 1.0}, {"params": [weight]}], lr=0.1)

    whole = nn.Parameter(first.clone())
    wanted = taking(whole)
    for gradient in gradients:
        whole.grad = gradient.clone()
        wanted.step()

    heard: list[Tensor] = []
    for rank in (1, 0):  # the second process first, so that the first one can hear it
        processes, weight = Listening(rank, heard), nn.Parameter(first.clone())
        part, optimiser = OwnPart(weight, axis, places, processes), taking(weight)
        part.take(optimiser)
        assert optimiser.param_groups[1]["params"] == [part.own]
        assert part.own.numel() == first.numel() // 2
        for gradient in gradients:
            part.own.grad = gradient.index_select(axis, places[rank])
            optimiser.step()
        part.gather(optimiser)
        heard = processes.__dict__["said"]
    assert torch.equal(weight, whole)
    assert optimiser.param_groups[1]["params"][0] is weight
    found, known = optimiser.state[weight], wanted.state[whole]
    assert set(found) == set(known)
    assert all(torch.equal(found[name], known[name]) for name in known)
    assert part.own not in optimiser.state
