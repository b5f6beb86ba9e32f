"""What holds for every wiring: silencing, cutting, walks in parts, feedback, and the gradient inside modules."""

from typing import Any

import pytest
import torch
from torch import Tensor

from tests.model.networks import CONFIGS, config_of, moves, network_of
from topogrid.model.network import Feedback
from topogrid.model.recurrence import leaky_recurrence
from topogrid.model.wiring import WIRINGS


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
    whole = network.walk(displacement, state).activity
    torch.testing.assert_close(whole, network.units(displacement, state))
    first = network.walk(displacement[:4], state)
    rest = network.walk(displacement[4:], first.state, n_before=4)
    torch.testing.assert_close(torch.cat((first.activity, rest.activity)), whole)


@pytest.mark.parametrize("kind", CONFIGS)
def test_feedback_pulls_at_its_own_steps_wherever_a_walk_is_cut(kind: str) -> None:
    config = config_of(kind)
    network = network_of(config)
    code = torch.rand(2, config.n_place_cells, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        network.readout.normal_(generator=torch.Generator().manual_seed(0))
    feedback = Feedback(0.2, 4, lambda logits: logits.softmax(dim=-1))
    state, displacement = network.start_state(code), moves(11, 2)
    whole = network.walk(displacement, state, feedback=feedback).activity
    assert not torch.allclose(whole, network.walk(displacement, state).activity)
    for cut in (1, 4, 6):
        first = network.walk(displacement[:cut], state, feedback=feedback)
        rest = network.walk(displacement[cut:], first.state, feedback=feedback, n_before=cut)
        torch.testing.assert_close(torch.cat((first.activity, rest.activity)), whole)


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
