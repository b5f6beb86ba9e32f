"""What holds for every wiring, and what an attractor does before anything is learned."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from topogrid.analysis.sheets import Sheet
from topogrid.model.kernels import normalised
from topogrid.model.network import Feedback, PathIntegrator
from topogrid.model.recurrence import leaky_recurrence
from topogrid.model.units import TauRNN
from topogrid.model.wiring import WIRINGS, attractor
from topogrid.model.wiring.attractor import Attractor
from topogrid.model.wiring.fitting import along_rays
from topogrid.model.wiring.learned import Learned
from topogrid.settings.config import TrainConfig
from topogrid.settings.presets import settings_of
from topogrid.streams import make_generators
from topogrid.world.place_cells import PlaceCells

CONFIGS: dict[str, dict[str, Any]] = {
    "dense": {"tau": True, "wiring": "dense"},
    "dense, driven": {"tau": True, "wiring": "dense", "drive": 0.5},
    "dense, normed": {"tau": True, "wiring": "dense", "norm": "module"},
    "dense, driven and normed": {"tau": True, "wiring": "dense", "norm": "module", "drive": 0.5},
    "attractor": {"tau": True, "wiring": "attractor"},
    "blocks": {"tau": True, "wiring": "blocks"},
    "blocks, plain": {"wiring": "blocks"},
    "learned": {"tau": True, "wiring": "learned"},
    "learned, driven": {"tau": True, "wiring": "learned", "drive": 0.5},
    "learned, plain": {"wiring": "learned"},
}


def config_of(kind: str, **changes: Any) -> TrainConfig:
    return TrainConfig(**settings_of("smoke", CONFIGS[kind] | changes))


def network_of(config: TrainConfig, seed: int = 0) -> PathIntegrator:
    generators = make_generators(seed, "cpu", ("weights", "place_cells"))
    network = PathIntegrator.from_config(config, generator=generators["weights"])
    network.units.wiring.fit(network, PlaceCells.from_config(config, generators["place_cells"]), config)
    return network


def moves(time: int, batch: int, seed: int = 0, size: float = 0.01) -> Tensor:
    return size * torch.randn(time, batch, 2, generator=torch.Generator().manual_seed(seed))


# --- gain from movement


@pytest.mark.parametrize("kind", ["attractor", "learned"])
def test_gain_falls_in_even_ratios_over_modules_and_its_mean_stays(kind: str) -> None:
    even, laid_out = (network_of(config_of(kind, movement_gain_ratio=ratio)) for ratio in (1.0, 3.0))
    length = [
        network.units.wiring.arrange(network.units.w_in).norm(dim=-1).mean(dim=-1).detach()
        for network in (even, laid_out)
    ]
    gain = length[1] / length[0]
    assert gain[0] / gain[-1] == pytest.approx(3.0, rel=1e-5)
    assert gain.log().diff().std() < 1e-5
    assert gain.log().mean() == pytest.approx(0.0, abs=1e-5)


# --- every wiring


def test_every_wiring_is_tried_here() -> None:
    assert {CONFIGS[kind]["wiring"] for kind in CONFIGS} == set(WIRINGS)


@pytest.mark.parametrize("kind", CONFIGS)
def test_silenced_units_stay_at_0(kind: str) -> None:
    config = config_of(kind)
    network = network_of(config)
    with torch.no_grad():
        network.readout.normal_(generator=torch.Generator().manual_seed(0))
    gone = torch.tensor([0, 5, config.n_grid_cells - 1])
    network.silence(gone)
    code = torch.rand(3, config.n_place_cells, generator=torch.Generator().manual_seed(0))
    activity = network(code, moves(6, 3)).activity
    assert not activity[:, :, gone].any()
    assert activity.any()
    other = activity.clone()
    other[:, :, gone] = 1.0
    assert torch.equal(network.read_out(other), network.read_out(activity))


@pytest.mark.parametrize("kind", CONFIGS)
def test_a_silenced_unit_tells_the_others_nothing(kind: str) -> None:
    network = network_of(config_of(kind))
    network.silence(torch.tensor([7]))
    start = torch.rand(2, network.units.wiring.n_units, generator=torch.Generator().manual_seed(1))
    loud = start.clone()
    start[:, 7], loud[:, 7] = 0.0, 9.0
    quiet = network.units(moves(1, 2), start)
    heard = network.units(moves(1, 2), loud)
    others = [unit for unit in range(start.shape[1]) if unit != 7]
    if network.units.norm == "module":  # it only takes part in the norm of its own module
        module = network.units.wiring.arrange(torch.arange(start.shape[1])) if start.shape[1] != 64 else None
        if module is not None:
            mine = next(row for row in module.tolist() if 7 in row)
            others = [unit for unit in others if unit not in mine]
        else:
            return
    torch.testing.assert_close(heard[..., others], quiet[..., others])


@pytest.mark.parametrize("kind", CONFIGS)
def test_cut_units_hear_nothing_of_one_another(kind: str) -> None:
    network = network_of(config_of(kind))
    network.units.wiring.cut()
    assert not network.units.wiring.weight.any()


@pytest.mark.parametrize("kind", CONFIGS)
def test_a_walk_in_parts_is_the_walk(kind: str) -> None:
    config = config_of(kind)
    network = network_of(config)
    code = torch.rand(2, config.n_place_cells, generator=torch.Generator().manual_seed(0))
    state, displacement = network.start_state(code), moves(9, 2)
    whole = network.walk(displacement, state)
    torch.testing.assert_close(whole, network.units(displacement, state))
    first = network.walk(displacement[:4], state)
    torch.testing.assert_close(torch.cat((first, network.walk(displacement[4:], first[-1], n_before=4))), whole)


@pytest.mark.parametrize("kind", CONFIGS)
def test_feedback_pulls_at_its_own_steps_wherever_a_walk_is_cut(kind: str) -> None:
    config = config_of(kind)
    network = network_of(config)
    code = torch.rand(2, config.n_place_cells, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        network.readout.normal_(generator=torch.Generator().manual_seed(0))
    feedback = Feedback(0.2, 4, lambda logits: logits.softmax(dim=-1))
    state, displacement = network.start_state(code), moves(11, 2)
    whole = network.walk(displacement, state, feedback=feedback)
    assert not torch.allclose(whole, network.walk(displacement, state))
    for cut in (1, 4, 6):
        first = network.walk(displacement[:cut], state, feedback=feedback)
        rest = network.walk(displacement[cut:], first[-1], feedback=feedback, n_before=cut)
        torch.testing.assert_close(torch.cat((first, rest)), whole)


# --- modules


@pytest.mark.parametrize("wiring", [Attractor, Learned])
def test_modules_are_the_patches_of_the_sheet(wiring: Any) -> None:
    sheet = Sheet(16, 2)
    modules = wiring(sheet)
    units = torch.arange(256)
    assert modules.arrange(units).tolist() == sheet.order.tolist()
    states = torch.rand(3, 5, 256, generator=torch.Generator().manual_seed(0))
    arranged = torch.stack([modules.arrange_states(state) for state in states])
    assert torch.equal(arranged[1, 2, 3], states[1, 3, sheet.order[2]])
    assert torch.equal(modules.restore_states(arranged), states)


@pytest.mark.parametrize("norm", ["none", "module"])
@pytest.mark.parametrize("with_tau", [False, True])
def test_modules_are_networks_of_their_own(norm: Any, with_tau: bool) -> None:
    """A scrambled order of units would show: the same weights in one dense matrix do the same."""
    sheet, generator = Sheet(6, 2), torch.Generator().manual_seed(0)
    tau = 1.5 + torch.rand(36, generator=generator) if with_tau else None
    units = TauRNN(36, tau=tau, tau_bounds=(1.0, 9.0), wiring=Learned(sheet), norm=norm, drive=0.3)
    with torch.no_grad():
        units.w_in.normal_(generator=generator)
        units.wiring.weight.normal_(generator=generator)
    start = torch.rand(4, 36, generator=generator)
    activity = units(moves(5, 4, size=1.0), start)
    assert units.drive is not None
    for module, members in enumerate(sheet.order):
        alone = leaky_recurrence(
            moves(5, 4, size=1.0),
            start[:, members],
            units.w_in[members],
            units.wiring.weight[module],
            None if tau is None else tau[members],
            drive=units.drive[members],
            norm=norm,
        )
        torch.testing.assert_close(activity[..., members], alone)


@pytest.mark.parametrize("norm", ["none", "module"])
@pytest.mark.parametrize("modules", [0, 1, 3])
@pytest.mark.parametrize("with_tau", [False, True])
def test_gradient_of_drive_norm_and_modules_agrees_with_finite_differences(
    norm: Any, modules: int, with_tau: bool
) -> None:
    generator = torch.Generator().manual_seed(1)
    lead = (modules,) if modules else ()

    def draw(*size: int) -> Tensor:
        return torch.randn(*size, generator=generator, dtype=torch.double).requires_grad_()

    displacement, start = draw(4, 3, 2), draw(*lead, 3, 5)
    w_in, w_rec, drive = draw(*lead, 5, 2), draw(*lead, 5, 5), draw(*lead, 5)
    tau = (1.5 + torch.rand(*lead, 5, generator=generator, dtype=torch.double)).requires_grad_()

    def activity(*inputs: Tensor) -> Tensor:
        moved, first, movement, recurrent, constant, slow = inputs
        return leaky_recurrence(
            moved, first, movement, recurrent, slow if with_tau else None, drive=constant, norm=norm
        )

    assert torch.autograd.gradcheck(activity, (displacement, start, w_in, w_rec, drive, tau), nondet_tol=1e-12)


def test_activity_is_of_norm_1_in_every_module_and_a_silent_module_stays_silent() -> None:
    states = torch.randn(3, 4, 6, generator=torch.Generator().manual_seed(0))
    states[1, 2] = -1.0
    size = normalised(states).norm(dim=-1)
    assert size[1, 2] == 0
    size[1, 2] = 1
    torch.testing.assert_close(size, torch.ones(3, 4))


# --- the attractor


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


def test_encoder_and_readout_of_an_untrained_attractor_know_the_place() -> None:
    config = config_of("attractor", n_place_cells=256, pc_width=(0.12,))
    generators = make_generators(0, "cpu", ("weights", "place_cells"))
    network = PathIntegrator.from_config(config, generator=generators["weights"])
    cells = PlaceCells.from_config(config, generators["place_cells"])
    network.units.wiring.fit(network, cells, config)
    first = {name: value.clone() for name, value in network.state_dict().items()}
    network.units.wiring.fit(network, cells, config)
    assert all(torch.equal(first[name], value) for name, value in network.state_dict().items())
    places, states = along_rays(network, config.box_size, torch.tensor(0.3), states_of(network))
    error = cells.error(cells.decode(network.read_out(states)), places)
    assert error.median() < 0.2
    again = network.start_state(cells.encode(places))
    assert torch.corrcoef(torch.stack((again.flatten(), states.flatten())))[0, 1] > 0.7


def states_of(network: PathIntegrator) -> Tensor:
    generator = make_generators(0, "cpu", ("fit",))["fit"]
    return 0.1 * torch.rand(network.units.wiring.n_units, generator=generator)
