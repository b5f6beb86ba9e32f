"""A module is a hexagonal torus whose bump stands still, and moves with the animal at the pace of its tau."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.model.networks import config_of
from topogrid.analysis.sheets import Sheet
from topogrid.model.network import PathIntegrator
from topogrid.model.units import TauRNN
from topogrid.model.wiring import attractor
from topogrid.model.wiring.attractor import Attractor


@pytest.mark.parametrize("side", [8, 12, 16])
def test_units_stand_on_a_hexagonal_torus(side: int) -> None:
    """Every unit has six neighbours at distance 1, however the torus is cut open."""
    place = attractor.positions(side).double()
    periods = torch.tensor([[side, 0.0], [side / 2, side * math.sqrt(3) / 2]], dtype=torch.double)
    offset = place[:, None] - place[None]
    shifts = [a * periods[0] + b * periods[1] for a in (-1, 0, 1) for b in (-1, 0, 1)]
    distance = torch.stack([(offset + shift).norm(dim=-1) for shift in shifts]).amin(dim=0)
    assert ((distance - 1).abs() < 1e-5).sum(dim=1).tolist() == [6] * side**2
    # Weights know nothing of where the torus is cut.
    for period in periods:
        turns = attractor.wave_vectors(side).double() @ period / (2 * math.pi)
        torch.testing.assert_close(turns, turns.round(), atol=1e-5, rtol=0)


def test_wiring_is_symmetric_up_to_its_shift(monkeypatch: pytest.MonkeyPatch) -> None:
    shifted = attractor.torus_weights(12)
    assert not torch.allclose(shifted, shifted.t())
    monkeypatch.setattr(attractor, "SHIFT", 0.0)
    straight = attractor.torus_weights(12)
    torch.testing.assert_close(straight, straight.t())
    torch.testing.assert_close(shifted.sum(dim=1).mean(), straight.sum(dim=1).mean(), atol=1e-4, rtol=1e-4)


def test_the_four_directions_are_dealt_out_evenly_and_turned_together() -> None:
    directions = attractor.preferred_directions(12)
    assert directions.sum(dim=0).abs().max() < 1e-4
    turned = attractor.turned_directions(Sheet(24, 2), torch.Generator().manual_seed(0))
    angle = torch.rad2deg(torch.atan2(turned[:, 0, 1], turned[:, 0, 0])) % 90
    np.testing.assert_allclose(sorted(angle.tolist()), [0, 15, 30, 45], atol=1e-3)


def phases(activity: Tensor, side: int) -> Tensor:
    """Phase of the bump along the three wave vectors, ``(..., 3)``, radians."""
    waves = attractor.positions(side) @ attractor.wave_vectors(side).t()
    return torch.atan2(activity @ waves.sin(), activity @ waves.cos())


def lone_module(tau: float, side: int = 12) -> TauRNN:
    sheet = Sheet(side, 1)
    values = torch.full((side**2,), tau)
    units = TauRNN(side**2, tau=values, tau_bounds=(1.0, 20.0), wiring=Attractor(sheet), drive=1.0)
    with torch.no_grad():
        units.wiring.weight.copy_(attractor.torus_weights(side))
        units.w_in.copy_(36.0 * attractor.preferred_directions(side))
    return units


def settled(units: TauRNN) -> Tensor:
    first = 0.1 * torch.rand(1, units.wiring.n_units, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        return units(torch.zeros(400, 1, 2), first)[-1]


def test_a_bump_stands_still_without_movement_and_comes_back_after_a_loop() -> None:
    """It creeps to the nearest place that the lattice of units likes, by far less than movement takes it."""
    units = lone_module(3.0, side=16)
    here = settled(units)
    assert 0.3 < (here > 1e-6).float().mean() < 0.5
    with torch.no_grad():
        later = units(torch.zeros(200, 1, 2), here)[-1]
        loop = torch.tensor([[0.01, 0.0], [0.0, 0.01], [-0.01, 0.0], [0.0, -0.01]]).repeat_interleave(20, dim=0)
        path = units(torch.cat((loop, torch.zeros(40, 2)))[:, None], here)

    def moved(state: Tensor) -> float:
        turn = phases(state, 16) - phases(here, 16)
        return float((torch.remainder(turn + math.pi, 2 * math.pi) - math.pi).abs().max())

    assert moved(later) < 0.15
    assert moved(path[19]) > 1.0
    assert moved(path[-1]) < 0.2


def test_spacing_is_proportional_to_tau() -> None:
    """0.2325 m times tau: the bump of a slow module moves slowly."""
    for tau in (2.4, 3.4, 4.8):
        units = lone_module(tau)
        here = settled(units)
        gradient = []
        for axis in (0, 1):
            step = torch.zeros(60, 1, 2)
            step[..., axis] = 0.008
            with torch.no_grad():
                path = units(step, here)[:, 0]
            turned = phases(path[59], 12) - phases(path[39], 12)
            gradient.append(torch.remainder(turned + math.pi, 2 * math.pi) - math.pi)
        waves = torch.stack(gradient, dim=-1) / (20 * 0.008)  # radians per metre along x and y
        spacing = 2 / math.sqrt(3) * 2 * math.pi / waves.norm(dim=-1)
        assert float(spacing.mean()) == pytest.approx(0.2325 * tau, rel=0.04)


def test_only_what_is_asked_for_learns() -> None:
    for recurrent in (False, True):
        for movement in (False, True):
            config = config_of("attractor", learn_recurrent=recurrent, learn_movement=movement)
            units = PathIntegrator.from_config(config, generator=torch.Generator().manual_seed(0)).units
            assert units.drive is not None
            learns = [weight.requires_grad for weight in (units.wiring.weight, units.drive, units.w_in)]
            assert learns == [recurrent, recurrent, movement]
