"""One step forward is its formula, one step back is its gradient, and both are in place."""

import pytest
import torch
from torch import Tensor

from topogrid.model.kernels import LEAKY, Change, choose, normalised


def test_activity_is_of_norm_1_in_every_module_and_a_silent_module_stays_silent() -> None:
    states = torch.randn(3, 4, 6, generator=torch.Generator().manual_seed(0))
    states[1, 2] = -1.0
    size = normalised(states).norm(dim=-1)
    assert size[1, 2] == 0
    size[1, 2] = 1
    torch.testing.assert_close(size, torch.ones(3, 4))


class Step:
    """One step of the kernel beside the same by autograd."""

    def __init__(self, activation: str, *, leaky: bool, add_state: bool) -> None:
        generator = torch.Generator().manual_seed(3)

        def draw(*shape: int) -> Tensor:
            return torch.randn(*shape, generator=generator, dtype=torch.double)

        self.drive, self.before = draw(4, 6), draw(4, 6).relu()
        self.leak = 0.1 + 0.8 * torch.rand(6, generator=generator, dtype=torch.double) if leaky else None
        self.outside = draw(4, 6)
        self.kernels, self.activation, self.add_state = choose(), activation, add_state

    def defined(self, drive: Tensor, before: Tensor, log_leak: Tensor | None) -> Tensor:
        """Return the state after the step as its definition has it."""
        drive = drive + before if self.add_state else drive
        state = drive.relu() if self.activation == "relu" else drive.tanh()
        return state if log_leak is None else before + (state - before) * log_leak.exp()

    def advanced(self) -> tuple[Tensor, Tensor]:
        """Return the state after the step and what is kept of it."""
        activity = self.before.new_empty(1, 4, 6)
        passed = self.kernels.keep(activity, self.leak, self.activation)[0]  # type: ignore[arg-type]
        state = activity[0]
        state.copy_(0.25 * self.drive)
        self.kernels.advance(state, 0.75 * self.drive, self.before, passed, self.leak, self.activation, self.add_state)
        return state, passed


STEPS = [
    pytest.param(activation, leaky, add_state, id=f"{activation} leaky={leaky} add={add_state}")
    for activation in ("relu", "tanh")
    for leaky in (False, True)
    for add_state in (False, True)
]


@pytest.mark.parametrize(("activation", "leaky", "add_state"), STEPS)
def test_a_step_forward_is_its_definition(activation: str, leaky: bool, add_state: bool) -> None:
    step = Step(activation, leaky=leaky, add_state=add_state)
    before = step.before.clone()
    state, _passed = step.advanced()
    log_leak = None if step.leak is None else step.leak.log()
    torch.testing.assert_close(state, step.defined(step.drive, step.before, log_leak))
    assert torch.equal(step.before, before)


@pytest.mark.parametrize(("activation", "leaky", "add_state"), STEPS)
def test_a_step_back_is_the_gradient_of_the_definition(activation: str, leaky: bool, add_state: bool) -> None:
    """Of the drive, of the state before it, and of the logarithm of the leak, summed over walks."""
    step = Step(activation, leaky=leaky, add_state=add_state)
    after, passed = step.advanced()
    change = Change(torch.zeros(6, dtype=torch.double), step.before) if leaky else None
    third = step.outside / 3
    of_drive, past_weights = step.kernels.retreat(
        third.clone(), third, third, passed, after, step.leak, change, step.activation, step.add_state
    )
    log_leak = None if step.leak is None else step.leak.log().requires_grad_()
    leaves = [step.drive.clone().requires_grad_(), step.before.clone().requires_grad_(), log_leak]
    given = [leaf for leaf in leaves if leaf is not None]
    value = (step.outside * step.defined(*leaves)).sum()  # type: ignore[arg-type]
    wanted = torch.autograd.grad(value, given, allow_unused=True)
    torch.testing.assert_close(of_drive, wanted[0])
    if past_weights is not None:
        torch.testing.assert_close(past_weights, wanted[1])
    if change is not None:
        torch.testing.assert_close(change.total, wanted[2])


def test_kernels_are_not_compiled_unless_asked() -> None:
    assert choose() is LEAKY
