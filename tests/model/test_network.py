"""A network is encoder, recurrence and read-out, drawn from its seed alone, on any device and in any precision."""

import pytest
import torch

from tests.model.networks import CONFIGS, config_of, inputs, moves, network, network_of
from topogrid.model.network import Feedback, PathIntegrator
from topogrid.model.recurrence import leaky_recurrence
from topogrid.model.units import TauRNN

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


# --- first weights


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


def read_out_of(kind: str) -> PathIntegrator:
    one = network_of(config_of(kind))
    with torch.no_grad():
        one.readout.normal_(0, 0.1, generator=torch.Generator().manual_seed(2))
    return one


def code_of(one: PathIntegrator, batch: int = 3) -> torch.Tensor:
    return torch.rand(batch, one.encoder.shape[1], generator=torch.Generator().manual_seed(0)).softmax(dim=-1)


@pytest.mark.parametrize("kind", CONFIGS)
@pytest.mark.parametrize("every", [None, 4])
def test_a_walk_at_some_moments_is_the_walk_at_all_of_them(kind: str, every: int | None) -> None:
    one, displacement = read_out_of(kind), moves(11, 3)
    feedback = None if every is None else Feedback(0.05, every, lambda logits: logits.softmax(dim=-1))
    state = one.start_state(code_of(one)).detach()
    whole = one.walk(displacement, state, feedback=feedback, n_before=3)
    moments = [0, 4, 5, 9]
    some = one.walk(displacement, state, feedback=feedback, n_before=3, moments=moments)
    torch.testing.assert_close(some.activity, whole.activity[moments])
    torch.testing.assert_close(some.state, whole.state)
    nothing = one.walk(displacement, state, feedback=feedback, n_before=3, moments=[])
    assert nothing.activity.shape == (0, *whole.activity.shape[1:])
    torch.testing.assert_close(nothing.state, whole.state)


@pytest.mark.parametrize("kind", CONFIGS)
def test_what_is_read_at_moments_has_the_gradient_of_what_is_picked(kind: str) -> None:
    one, displacement, moments = read_out_of(kind), moves(9, 3), [2, 3, 8]
    weights = [weight for weight in one.parameters() if weight.requires_grad]
    read = one(code_of(one), displacement, moments=moments).logits
    picked = one(code_of(one), displacement).logits[moments]
    torch.testing.assert_close(read, picked)
    ours, theirs = (torch.autograd.grad(logits.square().sum(), weights) for logits in (read, picked))
    for one_gradient, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one_gradient, other)


# --- feedback from the place code in training


def looping(strength: float = 0.05) -> Feedback:
    return Feedback(strength, 3, lambda logits: logits.softmax(dim=-1))


@pytest.mark.parametrize("kind", CONFIGS)
def test_walks_with_feedback_are_those_of_running_time_and_joint_or_not(kind: str) -> None:
    one, displacement, code = read_out_of(kind), moves(10, 3), code_of(read_out_of(kind))
    walked = one.walk(displacement, one.start_state(code).detach(), feedback=looping()).activity
    joint = one(code, displacement, feedback=looping())
    torch.testing.assert_close(joint.activity, walked)
    torch.testing.assert_close(joint.logits, one.read_out(walked))
    some = one(code, displacement, moments=[2, 7, 9], feedback=looping(), joint=False)
    torch.testing.assert_close(some.logits, joint.logits[[2, 7, 9]])
    (to_readout,) = torch.autograd.grad(some.logits.square().sum(), [one.readout])
    assert to_readout.any()
    without = one(code, displacement, feedback=looping(0.0)).activity
    torch.testing.assert_close(without, one(code, displacement).activity)
    assert not torch.allclose(joint.activity, without)


@pytest.mark.parametrize("kind", CONFIGS)
def test_gradients_go_round_the_loop(kind: str) -> None:
    """Along random directions in all weights, the loss changes as its gradient says."""
    one, displacement = read_out_of(kind).double(), moves(8, 3).double()
    code, weights = code_of(one).double(), [weight for weight in one.parameters() if weight.requires_grad]
    outside = torch.randn(3, 3, len(one.readout), generator=torch.Generator().manual_seed(4), dtype=torch.double)

    def loss() -> torch.Tensor:
        return (outside * one(code, displacement, moments=[1, 4, 7], feedback=looping(0.2)).logits).sum()

    found = torch.autograd.grad(loss(), weights)
    for number, weight in enumerate(weights):
        way = torch.randn(weight.shape, generator=torch.Generator().manual_seed(number), dtype=torch.double)
        size, there = 1e-6 / float(way.norm()), []
        for sign in (1.0, -2.0, 1.0):  # there, to the other side, and back
            with torch.no_grad():
                weight.add_(way, alpha=sign * size)
            there.append(float(loss().detach()))
        measured = (there[0] - there[1]) / (2 * size)
        assert float((found[number] * way).sum()) == pytest.approx(measured, rel=1e-4, abs=1e-6)


def test_without_the_loop_the_gradient_is_another_one() -> None:
    """What the loop adds to the gradient of the read-out is no rounding."""
    one, displacement = read_out_of("learned"), moves(8, 3)

    def gradient(feedback: Feedback) -> torch.Tensor:
        seen = one(code_of(one), displacement, feedback=feedback).logits.square().sum()
        return torch.autograd.grad(seen, [one.readout])[0]

    round_it = gradient(looping(0.2))
    cut = gradient(looping(0.2)._replace(code=lambda logits: logits.softmax(dim=-1).detach()))
    assert (round_it - cut).norm() > 1e-3 * cut.norm()
