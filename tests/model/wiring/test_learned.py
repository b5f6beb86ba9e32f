"""Learned modules begin as the identity, with directions spread evenly, and with no read-out."""

import math

import pytest
import torch

from tests.model.networks import config_of, network_of
from topogrid.analysis.sheets import Sheet
from topogrid.model.network import PathIntegrator
from topogrid.model.wiring.learned import FIRST_ENCODER, FIRST_MOVEMENT

SHEET = Sheet(12, 2)


@pytest.fixture(scope="module")
def begun() -> PathIntegrator:
    return network_of(config_of("learned", recurrent_noise=0.0))


def test_directions_of_a_module_are_even_and_of_one_length(begun: PathIntegrator) -> None:
    movement = begun.units.w_in.detach()
    torch.testing.assert_close(movement.norm(dim=-1), torch.full((144,), FIRST_MOVEMENT))
    for members in SHEET.order:
        angle = torch.atan2(movement[members, 1], movement[members, 0]).sort().values
        torch.testing.assert_close(angle.diff(), torch.full((35,), 2 * math.pi / 36), rtol=1e-3, atol=1e-4)


def test_neighbours_of_a_module_do_not_prefer_neighbouring_directions(begun: PathIntegrator) -> None:
    movement = begun.units.w_in.detach()
    for members in SHEET.order:
        along = torch.nn.functional.cosine_similarity(movement[members[:-1]], movement[members[1:]], dim=-1)
        assert abs(along.mean()) < 0.6


def test_weights_begin_as_the_identity_and_the_readout_as_nothing(begun: PathIntegrator) -> None:
    weight = begun.units.wiring.weight
    assert torch.equal(weight, torch.eye(36).expand(4, 36, 36))
    assert not begun.readout.any()
    size = begun.encoder.detach().abs().max()
    assert 0.99 * FIRST_ENCODER < size <= FIRST_ENCODER


def test_noise_on_the_identity_has_the_size_asked_for() -> None:
    weight = network_of(config_of("learned", recurrent_noise=0.6)).units.wiring.weight.detach()
    assert (weight - torch.eye(36)).std().item() == pytest.approx(0.6 / 6, rel=0.05)
