"""One step of modules is its formula, one step back is its gradient, and rooms are written where they are."""

import pytest
import torch
from torch import Tensor

from topogrid.model.module_kernels import LEAKY, NORMED, choose, room_to_keep

CASES = [
    pytest.param(norm, activation, leaky, id=f"{norm} {activation} leaky={leaky}")
    for norm, activation in (("none", "relu"), ("none", "tanh"), ("module", "relu"))
    for leaky in (False, True)
]


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.double)


def defined(norm: str, activation: str, summed: Tensor, before: Tensor, leak: Tensor | None) -> Tensor:
    """Return the state after a step as its definition has it; time constants of normed units are in ``summed``."""
    if norm == "module":
        return torch.nn.functional.normalize(summed.relu(), dim=-1)
    passed = summed.relu() if activation == "relu" else summed.tanh()
    return passed if leak is None else before + (passed - before) * leak


@pytest.mark.parametrize(("norm", "activation", "leaky"), CASES)
def test_a_step_and_its_way_back_are_those_of_the_definition(norm: str, activation: str, leaky: bool) -> None:
    summed, before, outside = draw(2, 4, 6), draw(2, 4, 6, seed=1).relu(), draw(2, 4, 6, seed=2)
    leak = 0.1 + 0.8 * draw(2, 1, 6, seed=3).sigmoid() if leaky else None
    leaves = [summed.clone().requires_grad_(), before.clone().requires_grad_()]
    wanted = defined(norm, activation, *leaves, leak)
    of_input, of_state = torch.autograd.grad((outside * wanted).sum(), leaves, allow_unused=True)

    kernels = choose(norm)  # type: ignore[arg-type]
    kept = room_to_keep(norm, (2, 1, 4, 6), summed)[:, 0]  # type: ignore[arg-type]
    wide = torch.full((2, 4, 8), 7.0, dtype=torch.double)
    after = wide[..., :6]
    kernels.advance(summed, before, after, kept, leak, activation)
    torch.testing.assert_close(after, wanted.detach())
    assert bool((wide[..., 6:] == 7.0).all())

    grad, into = outside.clone(), torch.empty_like(outside)
    kernels.retreat(grad, after, kept, leak, torch.empty_like(outside), into, activation)
    torch.testing.assert_close(into, of_input)
    if norm == "none":
        torch.testing.assert_close(grad, torch.zeros_like(grad) if of_state is None else of_state)


def test_a_module_that_falls_silent_has_a_finite_gradient() -> None:
    silent = torch.full((1, 1, 3), -1.0)
    after, norm, into = torch.empty(1, 1, 3), torch.empty(1, 1, 1), torch.empty(1, 1, 3)
    NORMED.advance(silent, silent, after, norm, None, "relu")
    assert not after.any()
    NORMED.retreat(torch.ones(1, 1, 3), after, norm, None, torch.empty(1, 1, 3), into, "relu")
    assert torch.equal(into, torch.zeros(1, 1, 3))


def test_each_norm_has_its_kernels() -> None:
    assert choose("none") is LEAKY
    assert choose("module") is NORMED
