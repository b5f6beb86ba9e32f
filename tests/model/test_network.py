"""The network starts as its settings say, keeps tau in its bounds, and computes encoder, recurrence and read-out."""

import dataclasses
import math
from typing import Any

import pytest
import torch
from torch import Tensor

from topogrid.model.network import PathIntegrator
from topogrid.model.recurrence import leaky_recurrence
from topogrid.model.units import TauRNN
from topogrid.model.wiring.dense import REFERENCE_UNITS, initialise
from topogrid.settings.config import TrainConfig

SMALL = TrainConfig(n_grid_cells=64, n_place_cells=48, pc_width=(0.2,))


def network(seed: int = 0, precision: str = "fp32", **changes: Any) -> PathIntegrator:
    config = dataclasses.replace(SMALL, **changes)
    generator = torch.Generator().manual_seed(seed)
    return PathIntegrator.from_config(config, generator=generator, precision=precision)  # type: ignore[arg-type]


def inputs(time: int = 7, batch: int = 5, seed: int = 1) -> tuple[Tensor, Tensor]:
    """Return a place code ``(batch, place)`` and displacements ``(time, batch, 2)``."""
    generator = torch.Generator().manual_seed(seed)
    code = torch.softmax(torch.randn(batch, 48, generator=generator), dim=-1)
    return code, 0.02 * torch.randn(time, batch, 2, generator=generator)


def rest(values: Tensor) -> Tensor:
    """Return what remains of a square matrix without the identity."""
    return values - torch.eye(len(values))


# --- the plain and the tau network


def test_shapes_and_the_order_of_the_parts() -> None:
    net = network(tau=True)
    code, moves = inputs()
    prediction = net(code, moves)
    assert prediction.activity.shape == (7, 5, 64)
    assert prediction.logits.shape == (7, 5, 48)
    start = (code @ net.encoder.t()).relu()
    activity = leaky_recurrence(moves, start, net.units.w_in, net.units.wiring.weight, net.units.tau)
    torch.testing.assert_close(prediction.activity, activity)
    torch.testing.assert_close(prediction.logits, activity @ net.readout.t())


def test_a_plain_network_has_no_time_constants() -> None:
    plain, tau = network(), network(tau=True)
    assert plain.units.tau is None
    assert plain.units.log_tau is None
    assert set(plain.state_dict()) == {"encoder", "readout", "units.w_in", "units.wiring.weight"}
    assert set(tau.state_dict()) == {*plain.state_dict(), "units.log_tau"}
    plain.units.project_tau()  # nothing to do, nothing to fail on


def test_tau_of_one_is_the_plain_network() -> None:
    plain = network()
    units = TauRNN(64, tau=torch.ones(64), tau_bounds=(1, 1))
    same = PathIntegrator(48, units)
    same.load_state_dict({**plain.state_dict(), "units.log_tau": torch.zeros(64)})
    for one, other in zip(plain(*inputs()), same(*inputs()), strict=True):
        torch.testing.assert_close(one, other)


def test_plain_and_tau_network_of_a_seed_start_from_the_same_weights() -> None:
    plain, tau = network().state_dict(), network(tau=True).state_dict()
    assert all(torch.equal(weight, tau[name]) for name, weight in plain.items())


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_the_start_is_rectified_unless_asked(activation: str) -> None:
    code, _ = inputs()
    signed = network(activation=activation, signed_start=True).start_state(code)
    squashed = network(activation=activation).start_state(code)
    assert signed.min() < 0 < signed.max()
    torch.testing.assert_close(squashed, {"relu": torch.relu, "tanh": torch.tanh}[activation](signed))


# --- time constants


@pytest.mark.parametrize("bounds", [(1.0, 10.0), (1.3, 7.7), (2.0, 2.0), (1.0, 1e6)])
@pytest.mark.parametrize("layout", ["gradient", "radial", "modules", "random", "uniform"])
def test_tau_starts_inside_its_bounds(layout: str, bounds: tuple[float, float]) -> None:
    tau = network(tau=True, tau_init=layout, tau_min=bounds[0], tau_max=bounds[1]).units.tau
    assert tau is not None
    assert tau.min() >= bounds[0] * (1 - 1e-6)
    assert tau.max() <= bounds[1] * (1 + 1e-6)


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


# --- first weights


def test_identity_init() -> None:
    net = network(init="identity", input_gain=5.0, recurrent_noise=0.01)
    noise = rest(net.units.wiring.weight.detach())
    assert noise.std().item() == pytest.approx(0.01 / 8, rel=0.05)
    assert abs(noise.diagonal().mean().item()) < 4 * 0.01 / 8 / 8
    assert torch.equal(rest(network(recurrent_noise=0.0).units.wiring.weight.detach()), torch.zeros(64, 64))
    # As Glorot has it on the reference sheet, whatever the size of this one.
    for weight, fan_in in ((net.encoder, 48), (net.units.w_in, 2)):
        bound = 5 * math.sqrt(6 / (fan_in + REFERENCE_UNITS))
        assert 0.95 * bound < weight.abs().max() <= bound


def test_with_identity_init_activity_and_logits_start_alike_on_every_sheet() -> None:
    sizes = []
    for n_units in (256, 1024):
        prediction = network(n_grid_cells=n_units)(*inputs(20, 50))
        sizes.append([value.square().mean().sqrt().item() for value in prediction])
    assert sizes[0] == pytest.approx(sizes[1], rel=0.3)


def test_with_identity_init_the_first_prediction_is_where_the_walk_began() -> None:
    net = network(init="identity", recurrent_noise=0.0)
    torch.testing.assert_close(net.readout, net.encoder.t() * REFERENCE_UNITS / 64)
    code, moves = inputs()
    logits = net(code, torch.zeros_like(moves)).logits
    torch.testing.assert_close(logits, logits[:1].expand_as(logits))


@pytest.mark.parametrize("init", ["identity", "xavier"])
def test_weights_follow_the_seed_alone(init: str) -> None:
    first, again, other = (network(seed, init=init).state_dict() for seed in (3, 3, 4))
    for name, weight in first.items():
        assert torch.equal(weight, again[name])
        assert not torch.equal(weight, other[name])


def test_making_a_network_leaves_global_randomness_alone() -> None:
    state = torch.get_rng_state()
    network(tau=True, tau_init="random")
    assert torch.equal(torch.get_rng_state(), state)


def test_xavier_init_fills_its_bounds() -> None:
    net = network(init="xavier")
    for weight in (net.encoder, net.readout, net.units.w_in, net.units.wiring.weight):
        bound = math.sqrt(6 / sum(weight.shape))
        assert 0.9 * bound < weight.abs().max() <= bound
        assert weight.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.15)
    # The settings of the other scheme have no part in this one.
    louder = network(init="xavier", input_gain=50.0, recurrent_noise=3.0)
    assert all(torch.equal(weight, louder.state_dict()[name]) for name, weight in net.state_dict().items())


def test_an_unknown_init_is_refused() -> None:
    with pytest.raises(ValueError, match="init must be 'identity' or 'xavier', got 'orthogonal'"):
        initialise(network(), "orthogonal", torch.Generator())


# --- precision and devices


def test_bf16_stays_close_to_fp32() -> None:
    """Relative errors (2-norms): activity below 0.2 %, logits below 1 %."""
    exact, rounded = (network(precision=precision, tau=True)(*inputs(20, 30)) for precision in ("fp32", "bf16"))
    assert rounded.activity.dtype == rounded.logits.dtype == torch.float32
    assert (rounded.activity - exact.activity).norm() < 0.002 * exact.activity.norm()
    error = (rounded.logits - exact.logits).norm()
    assert 0 < error < 0.01 * exact.logits.norm()


def test_it_runs_on_meta() -> None:
    net = network(tau=True).to("meta")
    code, moves = (value.to("meta") for value in inputs())
    prediction = net(code, moves)
    prediction.logits.sum().backward()
    net.units.project_tau()
    assert prediction.logits.shape == (7, 5, 48)
    assert all(parameter.grad is not None for parameter in net.parameters())


# --- bad arguments


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
