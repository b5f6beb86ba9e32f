"""Units keep tau in its bounds, learn its logarithm, and refuse parts that do not go together."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from tests.model.networks import inputs, network
from topogrid.analysis.sheets import Sheet
from topogrid.model.units import TauRNN, at_moments
from topogrid.model.wiring.base import part_of
from topogrid.model.wiring.dense import Dense
from topogrid.model.wiring.learned import Learned


def test_projection_returns_what_left_and_leaves_the_rest() -> None:
    units = network(tau=True, tau_min=1.0, tau_max=10.0).units
    assert units.log_tau is not None
    with torch.no_grad():
        units.log_tau[:4] = torch.tensor([-5.0, 0.5, 2.0, 9.0])
    units.project_tau()
    assert units.tau is not None
    torch.testing.assert_close(units.tau[:4], torch.tensor([1.0, math.exp(0.5), math.exp(2.0), 10.0]))
    assert units.tau.min() >= 1  # exactly: below it an Euler step overshoots


def test_a_tau_at_its_bound_still_has_a_gradient() -> None:
    """A clamp inside the forward pass would have none there, and the unit would be stuck."""
    net = network(tau=True, tau_min=1.0, tau_max=10.0)
    assert net.units.log_tau is not None
    prediction = net(*inputs())
    prediction.logits.square().sum().backward()
    gradient = net.units.log_tau.grad
    assert gradient is not None
    bounds = (net.units.tau == 1) | (net.units.tau > 9.999)
    assert bounds.sum() == 16
    assert (gradient[bounds] != 0).float().mean() > 0.5


def test_the_gradient_of_tau_is_that_of_its_logarithm() -> None:
    net = network(tau=True).double()
    log_tau = net.units.log_tau
    assert log_tau is not None
    code, moves = (value.double() for value in inputs())

    def loss() -> Tensor:
        logits: Tensor = net(code, moves).logits
        return logits.square().sum()

    (gradient,) = torch.autograd.grad(loss(), log_tau)
    unit = int(gradient.abs().argmax())
    with torch.no_grad():
        sides = []
        for shift in (1e-6, -2e-6):
            log_tau[unit] += shift
            sides.append(loss())
    assert gradient[unit].item() == pytest.approx((sides[0] - sides[1]).item() / 2e-6, rel=1e-5)


def test_frozen_tau_gets_no_gradient() -> None:
    net = network(tau=True, learnable_tau=False)
    net(*inputs()).logits.sum().backward()
    assert net.units.log_tau is not None
    assert net.units.log_tau.grad is None
    assert not net.units.log_tau.requires_grad
    assert net.units.wiring.weight.grad is not None


@pytest.mark.parametrize("bounds", [(0.5, 2.0), (3.0, 2.0), (math.nan, 2.0), (1.0, math.nan)])
def test_bounds_out_of_order_are_refused(bounds: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match=r"tau bounds must be 1 <= low <= high, got \("):
        TauRNN(4, tau=torch.ones(4), tau_bounds=bounds)


@pytest.mark.parametrize(
    "tau",
    [
        torch.ones(3),
        torch.ones(4, 1),
        torch.full((4,), 0.9),
        torch.tensor([1, 2, 3, 4.1]),
        torch.tensor([1, 1, 1, math.nan]),
    ],
)
def test_tau_outside_its_bounds_is_refused(tau: Tensor) -> None:
    with pytest.raises(ValueError, match=r"tau must be 4 values between 1\.0 and 4\.0 steps"):
        TauRNN(4, tau=tau, tau_bounds=(1.0, 4.0))


def test_a_wiring_of_other_units_is_refused() -> None:
    with pytest.raises(ValueError, match="a wiring of 9 units does not connect 4"):
        TauRNN(4, wiring=Dense(9))


def test_a_nudge_is_input_to_the_first_step_alone() -> None:
    """It is as much drive: without weights and with tau 1, the next state is what was nudged, and nothing after."""
    units = TauRNN(4)
    with torch.no_grad():
        units.w_in.zero_()
        units.wiring.cut()
    nudge = torch.tensor([[1.0, -1.0, 0.0, 2.0]])
    activity = units(torch.zeros(3, 1, 2), torch.ones(1, 4), nudge=nudge)
    assert torch.equal(activity[0], nudge.relu())
    assert not activity[1:].any()


def test_a_constant_input_is_a_parameter_only_where_there_is_one() -> None:
    assert TauRNN(4).drive is None
    units = TauRNN(4, drive=-0.5)
    assert units.drive is not None
    assert units.drive.tolist() == [-0.5] * 4
    assert "drive" in dict(units.named_parameters())


def test_a_start_is_divided_by_its_norm_in_each_module_where_states_are() -> None:
    sheet = Sheet(4, 2)
    units = TauRNN(16, wiring=Learned(sheet), norm="module")
    state = torch.randn(3, 16, generator=torch.Generator().manual_seed(0))
    start = units.rectified(state)
    for members in sheet.order:
        torch.testing.assert_close(start[:, members], torch.nn.functional.normalize(state[:, members].relu(), dim=-1))


@given(st.sets(st.integers(0, 11)))
def test_moments_are_those_that_are_named(chosen: set[int]) -> None:
    values = torch.arange(36.0).reshape(12, 3)
    moments = sorted(chosen)
    assert torch.equal(at_moments(values, moments), values[moments])


def test_evenly_spaced_moments_are_no_copy() -> None:
    values = torch.zeros(12, 3)
    assert at_moments(values, [1, 4, 7, 10]).data_ptr() == values[1].data_ptr()


def test_the_whole_is_no_part_whose_gradient_would_be_copied() -> None:
    values = torch.zeros(4, 3, requires_grad=True)
    assert at_moments(values, [0, 1, 2, 3]) is values
    assert part_of(values, slice(None)) is values
    assert torch.equal(part_of(values, slice(1, 3)), values[1:3])
    units = network(wiring="dense").units
    steps, seen = [units.wiring.penalty("zero").grad_fn], []
    while steps:
        step = steps.pop()
        seen.append(type(step).__name__)
        steps += [before for before, _ in step.next_functions if before is not None]
    assert "SliceBackward0" not in seen


@pytest.mark.parametrize("wiring", [Learned(Sheet(6, 3)), Dense(36)])
def test_movement_weights_get_the_size_asked_for_and_keep_their_directions(wiring: Learned | Dense) -> None:
    units = TauRNN(36, wiring=wiring)
    with torch.no_grad():
        units.w_in.normal_(generator=torch.Generator().manual_seed(0))
        units.w_in[wiring.arrange(torch.arange(36)).flatten()[:4]] = 0.0
    before, size = units.w_in.detach().clone(), units.movement_size()
    wanted = 1.0 + torch.arange(len(size), dtype=torch.float32)
    units.resize_movement(wanted)
    there = size > 0
    assert int((~there).sum()) == (1 if isinstance(wiring, Learned) else 0)  # a module without any keeps none
    torch.testing.assert_close(units.movement_size()[there], wanted[there])
    assert bool((units.movement_size()[~there] == 0).all())
    torch.testing.assert_close(functional.normalize(units.w_in, dim=1), functional.normalize(before, dim=1))
    once = units.w_in.detach().clone()
    units.resize_movement(units.movement_size())
    assert torch.equal(units.w_in, once)
