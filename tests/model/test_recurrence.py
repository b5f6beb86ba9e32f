"""The hand-written recurrence computes what a plain loop computes, and so does its gradient."""

from typing import NamedTuple

import pytest
import torch
from torch import Tensor

from topogrid.model.recurrence import leaky_recurrence

ACTIVATIONS = ["relu", "tanh"]
# (time, batch, unit)
SHAPES = [(1, 1, 1), (1, 3, 4), (5, 1, 4), (5, 3, 1), (4, 3, 5), (7, 2, 3)]


class Arguments(NamedTuple):
    displacement: Tensor
    start: Tensor
    w_in: Tensor
    w_rec: Tensor
    tau: Tensor


def arguments(shape: tuple[int, int, int] = (6, 4, 9), dtype: torch.dtype = torch.double, seed: int = 0) -> Arguments:
    time, batch, unit = shape
    generator = torch.Generator().manual_seed(seed)

    def draw(*size: int) -> Tensor:
        return torch.randn(*size, generator=generator, dtype=dtype)

    w_rec = torch.eye(unit, dtype=dtype) + 0.3 * draw(unit, unit) / unit**0.5
    tau = 1.2 + 5 * torch.rand(unit, generator=generator, dtype=dtype)
    return Arguments(draw(time, batch, 2), draw(batch, unit), draw(unit, 2), w_rec, tau)


def plain_loop(
    displacement: Tensor, start: Tensor, w_in: Tensor, w_rec: Tensor, tau: Tensor | None, activation: str
) -> Tensor:
    """Return the definition, one line a step, differentiated by autograd."""
    function = {"relu": torch.relu, "tanh": torch.tanh}[activation]
    state, states = start, []
    for move in displacement:
        drive = function(move @ w_in.t() + state @ w_rec.t())
        state = drive if tau is None else state + (drive - state) / tau
        states.append(state)
    return torch.stack(states)


def leaves(values: Arguments, *, with_tau: bool) -> list[Tensor]:
    return [value.clone().requires_grad_() for value in (values if with_tau else values[:4])]


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("tau", ["none", "learned", "frozen"])
@pytest.mark.parametrize("shape", SHAPES)
def test_gradient_agrees_with_finite_differences(shape: tuple[int, int, int], tau: str, activation: str) -> None:
    values = arguments(shape)
    inputs = leaves(values, with_tau=tau == "learned")
    frozen = values.tau if tau == "frozen" else None

    def run(*given: Tensor) -> Tensor:
        time_constants = given[4] if len(given) == 5 else frozen
        return leaky_recurrence(*given[:4], time_constants, activation=activation)

    assert torch.autograd.gradcheck(run, inputs)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("with_tau", [False, True])
def test_fp32_agrees_with_a_plain_loop_and_its_autograd(with_tau: bool, activation: str) -> None:
    values = arguments((20, 8, 36), torch.float32)
    weigh = torch.randn(20, 8, 36, generator=torch.Generator().manual_seed(1))
    results = []
    for function in (leaky_recurrence, plain_loop):
        inputs = leaves(values, with_tau=with_tau)
        tau = inputs[4] if with_tau else None
        activity = function(*inputs[:4], tau, activation=activation)
        gradients = torch.autograd.grad((weigh * activity).sum(), inputs)
        results.append((activity.detach(), *gradients))
    for ours, plain in zip(*results, strict=True):
        torch.testing.assert_close(ours, plain, rtol=1e-4, atol=1e-5 * float(plain.abs().max()))


@pytest.mark.parametrize("block", [1, 4, 9, 100])
def test_the_weight_gradient_does_not_depend_on_its_blocks(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    inputs = leaves(arguments(), with_tau=True)
    whole = torch.autograd.grad(leaky_recurrence(*inputs).square().sum(), inputs)
    monkeypatch.setattr("topogrid.model.products.WEIGHT_BLOCK", block)
    in_blocks = torch.autograd.grad(leaky_recurrence(*inputs).square().sum(), inputs)
    torch.testing.assert_close(in_blocks, whole)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("tau", [None, 1.0])
def test_with_tau_1_it_is_the_rnn_of_pytorch(tau: float | None, activation: str) -> None:
    time, batch, unit = 12, 5, 16
    values = arguments((time, batch, unit), torch.float32)
    rnn = torch.nn.RNN(2, unit, nonlinearity=activation, bias=False)
    with torch.no_grad():
        rnn.weight_ih_l0.copy_(0.3 * values.w_in)
        rnn.weight_hh_l0.copy_(0.5 * values.w_rec)
        wanted, _ = rnn(values.displacement, values.start[None])
    ones = None if tau is None else torch.full((unit,), tau)
    ours = leaky_recurrence(
        values.displacement, values.start, 0.3 * values.w_in, 0.5 * values.w_rec, ones, activation=activation
    )
    torch.testing.assert_close(ours, wanted, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_no_tau_means_tau_of_ones(activation: str) -> None:
    values = arguments((9, 4, 9), torch.float32)
    results = []
    for tau in (None, torch.ones(9)):
        inputs = leaves(values, with_tau=False)
        activity = leaky_recurrence(*inputs, tau, activation=activation)
        results.append((activity.detach(), *torch.autograd.grad(activity.square().sum(), inputs)))
    for without, ones in zip(*results, strict=True):
        torch.testing.assert_close(without, ones, rtol=1e-5, atol=1e-5)


def test_a_slow_unit_without_drive_forgets_exponentially() -> None:
    tau = torch.tensor([1.0, 4.0, 25.0], dtype=torch.double)
    silent = torch.zeros(3, 3, dtype=torch.double)
    activity = leaky_recurrence(
        torch.zeros(20, 1, 2, dtype=torch.double), torch.ones(1, 3, dtype=torch.double), silent[:, :2], silent, tau
    )
    steps = torch.arange(1, 21, dtype=torch.double)[:, None]
    torch.testing.assert_close(activity[:, 0], (1 - 1 / tau) ** steps)


def test_the_first_state_has_seen_the_first_displacement() -> None:
    values = arguments((3, 2, 4))
    moved = values.displacement.clone()
    moved[0] += 1
    activity = leaky_recurrence(values.displacement, values.start, values.w_in, values.w_rec, values.tau)
    other = leaky_recurrence(moved, values.start, values.w_in, values.w_rec, values.tau)
    assert not torch.equal(activity[0], other[0])
    late = values.displacement.clone()
    late[2] += 1
    other = leaky_recurrence(late, values.start, values.w_in, values.w_rec, values.tau)
    assert torch.equal(activity[:2], other[:2])


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_arguments_are_left_as_they_are(activation: str) -> None:
    values = arguments()
    before = [value.clone() for value in values]
    inputs = [value.requires_grad_() for value in values]
    leaky_recurrence(*inputs, activation=activation).square().sum().backward()
    assert all(torch.equal(value, old) for value, old in zip(values, before, strict=True))


@pytest.mark.parametrize("with_tau", [False, True])
def test_strides_of_the_arguments_do_not_matter(with_tau: bool) -> None:
    values = arguments((5, 3, 4))
    tau = values.tau if with_tau else None
    wanted = leaky_recurrence(*values[:4], tau)
    strided = [
        values.displacement.transpose(0, 1).contiguous().transpose(0, 1),
        values.start.t().contiguous().t(),
        values.w_in.t().contiguous().t(),
        values.w_rec.t().contiguous().t(),
    ]
    inputs = [value.requires_grad_() for value in strided]
    activity = leaky_recurrence(*inputs, tau)
    activity.sum().backward()  # a gradient whose strides are all zero
    torch.testing.assert_close(activity, wanted)


@pytest.mark.parametrize("with_tau", [False, True])
def test_bf16_stays_close_to_fp32_near_the_identity(with_tau: bool) -> None:
    """Relative errors (2-norms) over 20 steps: below 0.2 % in activity and 1 % in every gradient.

    A state kept in bf16 would be off by up to 0.4 % after a single step.
    """
    values = arguments((20, 32, 144), torch.float32)
    values = values._replace(
        displacement=0.02 * values.displacement, w_rec=torch.eye(144) + 0.05 * (values.w_rec - torch.eye(144))
    )
    results = []
    for precision in ("fp32", "bf16"):
        inputs = leaves(values, with_tau=with_tau)
        tau = inputs[4] if with_tau else None
        activity = leaky_recurrence(*inputs[:4], tau, precision=precision)
        assert activity.dtype == torch.float32
        gradients = torch.autograd.grad(activity.square().mean(), inputs)
        assert all(gradient.dtype == torch.float32 for gradient in gradients)
        results.append((activity.detach(), *gradients))
    for index, (exact, rounded) in enumerate(zip(*results, strict=True)):
        error = (rounded - exact).norm() / exact.norm()
        assert error < (0.01 if index else 0.002)
    assert not torch.equal(results[0][0], results[1][0])


def test_in_bf16_a_slow_integrator_keeps_small_increments() -> None:
    """1000 increments of 1e-3 of the state each: a bf16 state would not move at all."""
    start = torch.ones(1, 1)
    moves = torch.full((1000, 1, 2), 0.5e-3)
    activity = leaky_recurrence(moves, start, torch.ones(1, 2), torch.eye(1), precision="bf16")
    assert activity[-1].item() == pytest.approx(2.0, rel=1e-4)


@pytest.mark.parametrize("with_tau", [False, True])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_forward_and_backward_run_on_meta(activation: str, precision: str, with_tau: bool) -> None:
    values = arguments((4, 3, 9), torch.float32)
    inputs = [value.to("meta").requires_grad_() for value in (values if with_tau else values[:4])]
    activity = leaky_recurrence(*inputs, activation=activation, precision=precision)
    gradients = torch.autograd.grad(activity.sum(), inputs)
    assert activity.shape == (4, 3, 9)
    assert [gradient.shape for gradient in gradients] == [value.shape for value in inputs]


@pytest.mark.parametrize(("time", "batch"), [(0, 3), (4, 0)])
def test_nothing_in_nothing_out(time: int, batch: int) -> None:
    values = arguments((time, batch, 4))
    inputs = leaves(values, with_tau=True)
    activity = leaky_recurrence(*inputs)
    assert activity.shape == (time, batch, 4)
    assert torch.autograd.grad(activity.sum(), inputs[3])[0].abs().sum() == 0


def test_a_second_derivative_is_refused_rather_than_wrong() -> None:
    values = arguments((4, 3, 5))
    inputs = leaves(values, with_tau=True)
    (gradient,) = torch.autograd.grad(leaky_recurrence(*inputs).square().sum(), inputs[3], create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.sum().backward()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"displacement": torch.zeros(6, 3, 2)}, r"displacement must be \(6, 4, 2\).*got \(6, 3, 2\)"),
        ({"displacement": torch.zeros(6, 4, 3)}, r"displacement must be \(6, 4, 2\).*got \(6, 4, 3\)"),
        ({"displacement": torch.zeros(4, 2)}, r"displacement \(time, batch, 2\).*got \(4, 9\) and \(4, 2\)"),
        ({"displacement": torch.zeros(())}, r"displacement \(time, batch, 2\)"),
        ({"start": torch.zeros(9)}, r"start must be \(batch, unit\).*got \(9,\)"),
        ({"start": torch.zeros(1, 1, 4, 9)}, r"start must be \(batch, unit\).*got \(1, 1, 4, 9\)"),
        ({"start": torch.zeros(1, 4, 9)}, r"w_in must be \(1, 9, 2\) to go with start \(1, 4, 9\), got \(9, 2\)"),
        ({"start": torch.zeros(4, 8)}, r"w_in must be \(8, 2\).*got \(9, 2\)"),
        ({"w_in": torch.zeros(2, 9)}, r"w_in must be \(9, 2\).*got \(2, 9\)"),
        ({"w_rec": torch.zeros(9, 8)}, r"w_rec must be \(9, 9\).*got \(9, 8\)"),
        ({"tau": torch.zeros(())}, r"tau must be \(9,\).*got \(\)"),
        ({"tau": torch.zeros(9, 1)}, r"tau must be \(9,\).*got \(9, 1\)"),
    ],
)
def test_shapes_that_do_not_belong_together(change: dict[str, Tensor], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        leaky_recurrence(*arguments(dtype=torch.float32)._replace(**change))


@pytest.mark.parametrize(("name", "value"), [("activation", "gelu"), ("precision", "fp16")])
def test_unknown_words(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=f"{name} must be .* got '{value}'"):
        leaky_recurrence(*arguments(), **{name: value})
