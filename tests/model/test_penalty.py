"""Weight decay is the sum of squares, of all units or of modules, and its gradient is twice the weights."""

import numpy as np
import pytest
import torch
from torch import Tensor

from topogrid.model.penalty import sum_of_squares, weight_decay


def draw(*shape: int, dtype: torch.dtype = torch.double) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0), dtype=dtype)


def test_weight_decay_towards_zero_and_towards_the_identity() -> None:
    weights = draw(9, 9)
    assert weight_decay(weights).item() == pytest.approx((weights.numpy() ** 2).sum())
    assert weight_decay(weights, "identity").item() == pytest.approx(((weights.numpy() - np.eye(9)) ** 2).sum())
    assert weight_decay(torch.eye(9), "identity") == 0
    weights.requires_grad_()
    (gradient,) = torch.autograd.grad(weight_decay(weights, "identity"), weights)
    torch.testing.assert_close(gradient, 2 * (weights.detach() - torch.eye(9)))
    with pytest.raises(ValueError, match="'zero' or 'identity', got 'one'"):
        weight_decay(weights, "one")


@pytest.mark.parametrize("towards", ["zero", "identity"])
def test_the_penalty_of_modules_is_the_sum_of_theirs(towards: str) -> None:
    modules = draw(3, 5, 5)
    torch.testing.assert_close(weight_decay(modules, towards), sum(weight_decay(one, towards) for one in modules))


@pytest.mark.parametrize("shape", [(4, 4), (2, 3, 3), (1, 1)])
def test_the_gradient_written_by_hand_agrees_with_autograd(shape: tuple[int, ...]) -> None:
    values = draw(*shape).requires_grad_()
    assert torch.autograd.gradcheck(sum_of_squares, (values,))
    (ours,) = torch.autograd.grad(3 * sum_of_squares(values), values)
    (wanted,) = torch.autograd.grad(3 * values.square().sum(), values)
    torch.testing.assert_close(ours, wanted)


def test_single_precision_is_exact_over_millions_of_weights() -> None:
    values = torch.full((1500, 1500), 0.1)
    assert sum_of_squares(values).item() == pytest.approx(0.01 * 1500**2, rel=1e-6)
