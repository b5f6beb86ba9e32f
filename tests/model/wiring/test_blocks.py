"""Blocks begin as a dense network does, with nothing between modules, and learn from the place code alone."""

import torch

from topogrid.model.network import PathIntegrator
from topogrid.settings.config import TrainConfig
from topogrid.settings.presets import settings_of
from topogrid.training.objective import TERMS, phase_of


def network_of(**changes: object) -> tuple[PathIntegrator, TrainConfig]:
    config = TrainConfig(**settings_of("smoke", {"wiring": "blocks", "tau": True, **changes}))
    return PathIntegrator.from_config(config, generator=torch.Generator().manual_seed(0)), config


def test_each_module_begins_as_the_identity() -> None:
    network, config = network_of(recurrent_noise=0.0)
    weight = network.units.wiring.weight
    assert weight.shape == (4, 16, 16)
    assert torch.equal(weight, torch.eye(16).expand_as(weight))
    assert config.modules_per_side == 2


def test_a_module_alone_moves_when_its_units_are_pushed() -> None:
    network, config = network_of(recurrent_noise=0.5)
    still = torch.zeros(5, 1, 2)
    start = torch.zeros(1, config.n_grid_cells)
    start[0, 0] = 1.0
    activity = network.units(still, start)[-1, 0]
    reached = set(config.sheet.module_of[activity.detach().numpy() != 0])
    assert reached == {config.sheet.module_of[0]}


def test_no_term_of_learned_modules_applies_and_the_place_code_reaches_every_weight() -> None:
    network, config = network_of(recurrent_noise=0.5)
    names = {term.name for term in TERMS if term.applies(config)}
    assert not names & {"train/isometry_loss", "train/capacity_loss"}
    assert {phase_of(step, config) for step in (1, config.steps)} == {"all"}
    code = torch.softmax(torch.randn(3, config.n_place_cells), dim=-1)
    logits = network(code, torch.randn(4, 3, 2)).logits
    logits.square().mean().backward()
    for weight in (network.encoder, network.units.w_in, network.units.wiring.weight, network.readout):
        assert weight.grad is not None
        assert bool((weight.grad != 0).any())
