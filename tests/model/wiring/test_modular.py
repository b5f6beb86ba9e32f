"""Modules are the patches of the sheet, each a network of its own, with gains that fall in even ratios."""

import copy
from typing import Any

import pytest
import torch
from torch import nn

from tests.model.networks import config_of, moves, network_of
from topogrid.analysis.sheets import Sheet
from topogrid.model.low_rank import factors_of
from topogrid.model.recurrence import leaky_recurrence
from topogrid.model.units import TauRNN
from topogrid.model.wiring import modular
from topogrid.model.wiring.attractor import Attractor
from topogrid.model.wiring.learned import Learned
from topogrid.model.wiring.modular import Modular


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


def test_every_unit_gets_what_its_module_has() -> None:
    modules = Learned(Sheet(6, 3))
    values = modules.by_unit(torch.arange(9))
    assert torch.equal(modules.arrange(values), torch.arange(9)[:, None].expand(9, 4))


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


def test_a_silenced_unit_loses_its_row_and_its_column_in_its_own_module() -> None:
    sheet = Sheet(4, 2)
    wiring = Learned(sheet)
    nn.init.ones_(wiring.weight)
    wiring.silence(torch.tensor([5]))  # row 1, column 1: the last unit of the first module
    there = torch.tensor([1.0, 1.0, 1.0, 0.0])
    assert torch.equal(wiring.weight[0], there[:, None] * there[None])
    assert bool((wiring.weight[1:] == 1).all())


def test_gains_of_one_module_or_of_ratio_1_are_all_1() -> None:
    assert Modular.movement_gains(1, 9.0).tolist() == [1.0]
    assert Modular.movement_gains(4, 1.0).tolist() == [1.0] * 4


def test_weights_that_rest_are_taken_apart_once_and_again_when_they_change(monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[int] = []
    monkeypatch.setattr(modular, "factors_of", lambda weights: (found.append(1), factors_of(weights))[1])
    wiring = network_of(config_of("attractor", n_grid_cells=256, modules_per_side=2)).units.wiring
    first = wiring.factors
    assert first is not None
    assert wiring.factors is first
    wiring.silence(torch.tensor([0]))
    silenced = wiring.factors
    assert silenced is not None
    put_together = silenced.receivers.transpose(1, 2) @ silenced.senders
    torch.testing.assert_close(put_together, wiring.weight.detach(), rtol=0, atol=1e-6)
    with torch.no_grad():
        wiring.weight.normal_(generator=torch.Generator().manual_seed(0))
    assert wiring.factors is None
    assert len(found) == 3
    wiring.cut()
    assert wiring.factors is not None
    assert float(wiring.factors.senders.abs().max()) == 0.0


def test_weights_elsewhere_than_on_a_cpu_are_not_looked_at() -> None:
    wiring = network_of(config_of("attractor", n_grid_cells=256, modules_per_side=2)).units.wiring
    assert wiring.factors is not None
    assert wiring.to("meta").factors is None


def test_a_network_made_in_inference_mode_does_the_same_by_all_its_weights() -> None:
    config = config_of("attractor", n_grid_cells=256, modules_per_side=2)
    start, moved = torch.rand(3, 256, generator=torch.Generator().manual_seed(0)), moves(30, 3)
    wanted = network_of(config).units(moved, start)
    with torch.inference_mode():
        units = network_of(config).units
        assert units.wiring.factors is None
        torch.testing.assert_close(units(moved, start), wanted, rtol=1e-4, atol=1e-5)


def test_a_copy_takes_its_own_weights_apart() -> None:
    network = network_of(config_of("attractor", n_grid_cells=256, modules_per_side=2))
    assert network.units.wiring.factors is not None
    other = copy.deepcopy(network)
    with torch.no_grad():
        other.units.wiring.weight.mul_(0.5)
    for one in (network, other):
        assert one.units.wiring.factors is not None
        together = one.units.wiring.factors.receivers.transpose(1, 2) @ one.units.wiring.factors.senders
        torch.testing.assert_close(together, one.units.wiring.weight.detach(), rtol=0, atol=1e-6)


@pytest.mark.parametrize("settings", [{"wiring": "attractor", "learn_recurrent": True}, {"wiring": "learned"}])
def test_weights_that_learn_are_not_taken_apart(settings: dict[str, Any]) -> None:
    wiring = network_of(
        config_of(settings.pop("wiring"), n_grid_cells=256, modules_per_side=2, **settings)
    ).units.wiring
    assert wiring.factors is None


def test_an_attractor_does_the_same_by_its_patterns_as_by_all_its_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    config = config_of("attractor", n_grid_cells=256, modules_per_side=2)
    units = network_of(config).units
    start, moved = torch.rand(3, 256, generator=torch.Generator().manual_seed(0)), moves(30, 3)
    by_patterns = units(moved, start)
    monkeypatch.setattr(modular, "factors_of", lambda _weights: None)
    by_weights = network_of(config).units(moved, start)
    assert not torch.equal(by_patterns, by_weights)
    torch.testing.assert_close(by_patterns, by_weights, rtol=1e-4, atol=1e-5)
