"""Isometry and capacity: what they are lowest for, and that the gradient made at once is that of autograd."""

import math

import pytest
import torch
from torch import Tensor

from topogrid.training import geometry


def normed(*size: int, seed: int = 0) -> Tensor:
    drawn = torch.rand(*size, generator=torch.Generator().manual_seed(seed), dtype=torch.double)
    return drawn / drawn.norm(dim=-1, keepdim=True)


def places(*size: int, seed: int = 1, side: float = 0.4) -> Tensor:
    return side * torch.rand(*size, 2, generator=torch.Generator().manual_seed(seed), dtype=torch.double)


def by_definition(states: Tensor, position: Tensor, scale: Tensor) -> Tensor:
    total = states.new_zeros(())
    for module, rho in enumerate(scale):
        size = states.shape[1]
        cost, weights = states.new_zeros(()), 0.0
        for one in range(size):
            for other in range(size):
                if one != other:
                    wanted = float(rho * (position[module, one] - position[module, other]).norm())
                    apart = (states[module, one] - states[module, other]).norm()
                    weight = math.exp(-(wanted**2) / (2 * geometry.RANGE**2))
                    cost, weights = cost + weight * (apart - wanted) ** 2, weights + weight
        total = total + cost / weights
    return total


def test_isometry_is_its_definition_and_so_is_its_gradient() -> None:
    states = normed(2, 6, 5).requires_grad_()
    position, scale = places(2, 6), torch.tensor([6.0, 11.0], dtype=torch.double)
    cost = geometry.isometry(states, position, scale)
    torch.testing.assert_close(cost, by_definition(states, position, scale))
    (made,) = torch.autograd.grad(3 * cost, states)
    (wanted,) = torch.autograd.grad(3 * by_definition(states, position, scale), states)
    torch.testing.assert_close(made, wanted)


def test_an_isometric_map_costs_nothing_and_a_wrong_scale_does() -> None:
    """On three pairs of units that turn as waves do, distances follow for short ways whatever their direction."""
    position = places(1, 40, side=0.02)
    scale = torch.tensor([8.0], dtype=torch.double)
    waves = torch.stack([torch.tensor([math.cos(a), math.sin(a)]) for a in (0.0, 2.0944, 4.18879)]).double()
    turn = position @ waves.t() * 8.0 * math.sqrt(2)
    states = torch.cat((turn.cos(), turn.sin()), dim=-1) / math.sqrt(3)
    right, wide = (geometry.isometry(states, position, scale * factor) for factor in (1.0, 1.5))
    assert right < 1e-4
    assert wide > 10 * right


def test_states_that_coincide_have_a_finite_gradient() -> None:
    states = normed(1, 4, 3)
    states[0, 1] = states[0, 0]
    states.requires_grad_()
    (gradient,) = torch.autograd.grad(
        geometry.isometry(states, places(1, 4), torch.tensor([9.0], dtype=torch.double)), states
    )
    assert gradient.isfinite().all()


def test_capacity_is_larger_the_more_units_share_the_norm() -> None:
    few, many = torch.zeros(1, 1, 16), torch.full((1, 1, 16), 0.25)
    few[..., 0] = 1.0
    first = torch.zeros(1, dtype=torch.long)
    assert geometry.look(many, first).mean > geometry.look(few, first).mean > 0


@pytest.mark.parametrize("used", [("compared", "mean"), ("compared",), ("mean",)])
def test_a_look_at_states_is_a_choice_and_a_mean_and_so_is_its_gradient(used: tuple[str, ...]) -> None:
    states, chosen = normed(2, 7, 5).requires_grad_(), torch.tensor([0, 2, 5])
    looked = geometry.look(states, chosen)
    plain = {"compared": states[:, chosen], "mean": states.mean(dim=(1, 2))}
    found, wanted = torch.zeros(()), torch.zeros(())
    for name, one in plain.items():
        torch.testing.assert_close(getattr(looked, name), one)
        if name in used:
            weight = places(*one.shape, seed=3)[..., 0]
            found, wanted = found + (weight * getattr(looked, name)).sum(), wanted + (weight * one).sum()
    torch.testing.assert_close(torch.autograd.grad(found, states), torch.autograd.grad(wanted, states))


def test_length_scales_fall_with_tau_unless_they_are_blind_to_it() -> None:
    tau = torch.tensor([[1.0, 2.0], [3.0, 3.0]])
    w_in = 3.0 * torch.ones(2, 2, 2)
    driven = geometry.driven_scale(w_in, tau)
    torch.testing.assert_close(driven[0] / driven[1], torch.tensor(2.0))
    torch.testing.assert_close(geometry.driven_scale(2 * w_in, tau), 2 * driven)
    wanted = geometry.wanted_scale(tau)
    torch.testing.assert_close(wanted, geometry.TAU_TO_SCALE / torch.tensor([1.5, 3.0]))
    assert geometry.equal_scale(tau).unique().numel() == 1


@pytest.mark.parametrize("scale", [6.0, 60.0])
def test_walks_of_a_module_begin_near_one_another(scale: float) -> None:
    generator = torch.Generator().manual_seed(0)
    start = 2.2 * torch.rand(600, 2, generator=generator) - 1.1
    chosen = geometry.walks_in_windows(start, (2.2, 2.2), torch.full((5,), scale), 20, generator)
    assert chosen.shape == (5, 20)
    for walks in chosen:
        assert walks.unique().numel() == 20
        extent = (start[walks].amax(dim=0) - start[walks].amin(dim=0)).max()
        assert extent < 2.2 * min(1.0, 1.6 * max(geometry.WINDOW / scale, 2.2 * math.sqrt(20 / 600)))


def test_the_stream_of_walks_goes_on_alike_whatever_the_scales() -> None:
    start = 2.2 * torch.rand(60, 2, generator=torch.Generator().manual_seed(0)) - 1.1
    ends = []
    for scale in (5.0, 50.0):
        generator = torch.Generator().manual_seed(1)
        geometry.walks_in_windows(start, (2.2, 2.2), torch.full((3,), scale), 10, generator)
        ends.append(generator.get_state())
    assert torch.equal(*ends)
