"""Weights that few patterns make up are given back by their factors; all others are left alone."""

import pytest
import torch
from torch import Tensor

from topogrid.model.low_rank import DROPPED, MOST_PATTERNS, factors_of
from topogrid.model.wiring.attractor import torus_weights


def of_rank(rank: int, modules: int = 3, units: int = 48, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    left, right = (torch.randn(modules, units, rank, generator=generator) for _ in range(2))
    return left @ right.transpose(1, 2) / units


def put_together(weights: Tensor) -> Tensor:
    factors = factors_of(weights)
    assert factors is not None
    assert factors.receivers.shape == factors.senders.shape == (len(weights), MOST_PATTERNS, weights.shape[-1])
    assert factors.receivers.dtype == weights.dtype
    return factors.receivers.transpose(1, 2) @ factors.senders


@pytest.mark.parametrize("rank", [0, 1, 7, MOST_PATTERNS])
def test_factors_give_the_weights_back(rank: int) -> None:
    weights = of_rank(rank)
    torch.testing.assert_close(put_together(weights), weights, rtol=0, atol=2 * DROPPED)


@pytest.mark.parametrize("side", [6, 8, 12, 16])
def test_a_torus_is_made_of_few_patterns_wherever_units_are_silenced(side: int) -> None:
    weights = torus_weights(side).repeat(2, 1, 1)
    weights[1, [3, 17]] = 0.0
    weights[1, :, [3, 17]] = 0.0
    size = float(weights.abs().max())
    back = put_together(weights)
    torch.testing.assert_close(back, weights, rtol=0, atol=3 * DROPPED * size * side)
    assert float(back[1, [3, 17]].abs().max()) == 0.0
    assert float(back[1, :, [3, 17]].abs().max()) == 0.0


@pytest.mark.parametrize(
    "weights",
    [
        of_rank(MOST_PATTERNS + 1),
        torch.cat((of_rank(2), of_rank(48, modules=1))),
        of_rank(2) + 1e-4 * of_rank(48),
        torch.eye(48).repeat(2, 1, 1),
        of_rank(2).index_fill(0, torch.tensor([1]), float("nan")),
        of_rank(2).index_fill(0, torch.tensor([1]), float("inf")),
        of_rank(2, units=16),
    ],
    ids=["one more", "one full module", "a little of everything", "identity", "nan", "inf", "few units"],
)
def test_other_weights_are_left_alone(weights: Tensor) -> None:
    assert factors_of(weights) is None


def test_what_comes_out_is_the_same_every_time_and_draws_no_random_number() -> None:
    before = torch.get_rng_state()
    first, second = factors_of(of_rank(5)), factors_of(of_rank(5))
    assert first is not None
    assert second is not None
    assert all(torch.equal(one, other) for one, other in zip(first, second, strict=True))
    assert torch.equal(torch.get_rng_state(), before)


def test_some_modules_have_their_own() -> None:
    factors = factors_of(of_rank(4))
    assert factors is not None
    some = factors.of(slice(1, 3))
    assert torch.equal(some.receivers, factors.receivers[1:])
    assert torch.equal(some.senders, factors.senders[1:])
