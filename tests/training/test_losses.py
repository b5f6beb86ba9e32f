"""Every term agrees with a few lines of NumPy or SciPy, and ranks what it is meant to rank."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import ndimage, special
from torch import Tensor

from topogrid.model.penalty import weight_decay
from topogrid.training.losses import (
    activity_cost,
    laplacian_pyramid_loss,
    place_cross_entropy,
    tau_diversity,
    tau_smoothness,
)

Float = NDArray[np.float64]
WHOLE = [slice(None)]


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.double)


def blurred(sheet: Float, factor: int) -> Float:
    """Return a square map averaged in ``side // factor`` bins a side, and enlarged bilinearly."""
    side = len(sheet)
    n_bins = max(1, side // factor)
    edges = [(k * side // n_bins, -(-(k + 1) * side // n_bins)) for k in range(n_bins)]
    small = np.array([[sheet[a:b, c:d].mean() for c, d in edges] for a, b in edges])
    at = (np.arange(side) + 0.5) * n_bins / side - 0.5
    large: Float = ndimage.map_coordinates(small, np.meshgrid(at, at, indexing="ij"), order=1, mode="nearest")
    return large


def rows(values: Float) -> Tensor:
    """Return one value a row, the same in all columns, as units of a sheet."""
    return torch.from_numpy(np.repeat(values[:, None], len(values), axis=1).ravel())


# --- cross-entropy


@pytest.mark.parametrize("leading", [(), (5,), (4, 3), (2, 3, 4)])
def test_cross_entropy_agrees_with_scipy(leading: tuple[int, ...]) -> None:
    logits = draw(*leading, 12)
    code = torch.softmax(draw(*leading, 12, seed=1), dim=-1)
    wanted = -(code.numpy() * special.log_softmax(logits.numpy(), axis=-1)).sum(axis=-1).mean()
    assert place_cross_entropy(logits, code, WHOLE).item() == pytest.approx(wanted)


def test_cross_entropy_of_several_populations_is_their_mean() -> None:
    parts = [slice(0, 5), slice(5, 12), slice(12, 20)]
    logits = draw(4, 3, 20)
    code = torch.cat([torch.softmax(draw(4, 3, part.stop - part.start), dim=-1) for part in parts], dim=-1)
    each = [place_cross_entropy(logits[..., part], code[..., part], WHOLE) for part in parts]
    torch.testing.assert_close(place_cross_entropy(logits, code, parts), torch.stack(each).mean())


def test_knowing_nothing_costs_the_logarithm_of_the_number_of_cells() -> None:
    code = torch.softmax(draw(6, 512), dim=-1)
    assert place_cross_entropy(torch.full((6, 512), 3.0).double(), code, WHOLE).item() == pytest.approx(math.log(512))


def test_cross_entropy_is_lowest_at_the_target_where_it_is_the_entropy() -> None:
    code = torch.softmax(draw(7, 30), dim=-1)
    logits = code.log().requires_grad_()
    loss = place_cross_entropy(logits, code, WHOLE)
    assert loss.item() == pytest.approx(torch.special.entr(code).sum(dim=-1).mean().item())
    (gradient,) = torch.autograd.grad(loss, logits)
    assert gradient.abs().max() < 1e-12


def test_a_target_with_zeros_and_huge_logits_stay_finite() -> None:
    code = torch.tensor([[0.0, 0.5, 0.5]])
    logits = torch.tensor([[1e4, -1e4, 0.0]], requires_grad=True)
    loss = place_cross_entropy(logits, code, WHOLE)
    loss.backward()  # type: ignore[no-untyped-call]
    assert torch.isfinite(loss)
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()


# --- activity


def test_activity_cost_is_the_mean_square() -> None:
    activity = draw(4, 3, 9)
    assert activity_cost(activity).item() == pytest.approx((activity.numpy() ** 2).mean())


# --- smoothness


@pytest.mark.parametrize("side", [1, 2, 3, 5, 8])
def test_tau_smoothness_agrees_with_scipy(side: int) -> None:
    tau = 5 + draw(side, side)
    wanted = ((tau.numpy() - blurred(tau.numpy(), 2)) ** 2).mean()
    assert tau_smoothness(tau.flatten()).item() == pytest.approx(wanted, abs=1e-12)


@pytest.mark.parametrize("side", [1, 2, 5, 8])
def test_a_constant_tau_costs_nothing(side: int) -> None:
    assert tau_smoothness(torch.full((side * side,), 7.5)) < 1e-12


def test_a_ramp_is_smooth_and_an_edge_and_noise_are_not() -> None:
    side = 64
    order = np.random.default_rng(0).permutation(side * side)
    ramp = rows(np.linspace(1, 50, side))
    edge = rows(np.where(np.arange(side) < side // 2, 1.0, 50.0))
    ramp_cost, edge_cost, noise_cost = (tau_smoothness(tau).item() for tau in (ramp, edge, ramp[order]))
    assert ramp_cost < 0.01
    assert 500 * ramp_cost < edge_cost < noise_cost


# --- diversity


def test_diversity_agrees_with_numpy() -> None:
    tau = 10 + 3 * draw(25)
    assert tau_diversity(tau, "variance", (1, 20)).item() == pytest.approx(-tau.numpy().var())
    wanted = ((np.sort(tau.numpy()) - np.linspace(1, 20, 25)) ** 2).mean()
    assert tau_diversity(tau, "uniform", (1, 20)).item() == pytest.approx(wanted)
    with pytest.raises(ValueError, match="'variance' or 'uniform', got 'entropy'"):
        tau_diversity(tau, "entropy", (1, 20))


def test_the_uniform_cost_asks_for_a_ramp_in_any_order() -> None:
    ramp = torch.linspace(1, 50, 64, dtype=torch.double)
    order = torch.randperm(64, generator=torch.Generator().manual_seed(0))
    assert tau_diversity(ramp[order], "uniform", (1, 50)) < 1e-20
    halves = torch.where(torch.arange(64) < 32, 1.0, 50.0).double()
    for other in (halves, torch.full_like(ramp, 25.5), ramp.sqrt()):
        assert tau_diversity(other, "uniform", (1, 50)) > 10


def test_equal_time_constants_are_told_apart_by_their_place() -> None:
    """Left to a library, which of them goes up differs between processors: a GPU and a CPU learned different maps."""
    tau = torch.full((4096,), 5.0, requires_grad=True)
    (gradient,) = torch.autograd.grad(tau_diversity(tau, "uniform", (1, 9)), tau)
    assert (gradient.diff() < 0).all()  # the later a unit stands on the sheet, the further up it is pulled


def test_the_uniform_cost_pushes_equal_tau_apart() -> None:
    tau = torch.full((16,), 5.0, requires_grad=True)
    (gradient,) = torch.autograd.grad(tau_diversity(tau, "uniform", (1, 9)), tau)
    assert (gradient > 0).sum() == (gradient < 0).sum() == 8


def test_the_variance_reward_asks_for_two_domains() -> None:
    """The trap of the original objective: at tau 1 to 50 two halves score -55, a smooth ramp only -21."""
    ramp = rows(np.linspace(1, 50, 64))
    halves = rows(np.where(np.arange(64) < 32, 1.0, 50.0))
    scores = [
        (1.0 * tau_smoothness(tau) + 0.1 * tau_diversity(tau, "variance", (1, 50))).item() for tau in (halves, ramp)
    ]
    assert scores == pytest.approx([-55, -21], abs=1)
    uniform = [(tau_smoothness(tau) + 0.1 * tau_diversity(tau, "uniform", (1, 50))).item() for tau in (halves, ramp)]
    assert uniform[1] < 0.05 < 20 < uniform[0]


# --- topographic loss on weights


@pytest.mark.parametrize("factor", [2, 3, 4])
@pytest.mark.parametrize("side", [4, 5, 8])
def test_laplacian_pyramid_loss_agrees_with_scipy(side: int, factor: int) -> None:
    weights = draw(side, side, 3)
    cosines = []
    for channel in range(3):
        sheet = weights[..., channel].numpy()
        low = blurred(sheet, factor)
        cosines.append((sheet * low).sum() / np.sqrt((sheet**2).sum() * (low**2).sum()))
    loss = laplacian_pyramid_loss(weights.reshape(side * side, 3), factor)
    assert loss.item() == pytest.approx(1 - np.mean(cosines))


def test_smooth_maps_cost_nothing_and_noise_much() -> None:
    angle = torch.arange(32) * (2 * math.pi / 32)
    y, x = torch.meshgrid(angle, angle, indexing="ij")
    smooth = torch.stack((x.cos(), y.sin(), x + y, torch.ones_like(x)), dim=-1).reshape(-1, 4)
    noise = draw(32 * 32, 4)
    assert abs(laplacian_pyramid_loss(smooth).item()) < 1e-3
    assert laplacian_pyramid_loss(noise).item() > 0.4
    # Only the arrangement on the sheet counts, not the size of the weights.
    assert laplacian_pyramid_loss(100 * noise).item() == pytest.approx(laplacian_pyramid_loss(noise).item())
    shuffled = smooth[torch.randperm(32 * 32, generator=torch.Generator().manual_seed(0))]
    assert laplacian_pyramid_loss(shuffled[:, :3]).item() > 0.3


def test_a_wider_blur_asks_for_more() -> None:
    noise = draw(32 * 32, 4)
    costs = [laplacian_pyramid_loss(noise, factor).item() for factor in (2, 4, 8, 16)]
    assert costs == sorted(costs)


# --- common to all


@pytest.mark.parametrize(
    ("loss", "size"),
    [
        (lambda x: place_cross_entropy(x, torch.softmax(draw(5, 9, seed=1), dim=-1).to(x), WHOLE), (5, 9)),
        (weight_decay, (9, 9)),
        (lambda x: weight_decay(x, "identity"), (9, 9)),
        (activity_cost, (2, 3, 9)),
        (tau_smoothness, (25,)),
        (lambda x: tau_diversity(x, "variance", (1, 9)), (25,)),
        (lambda x: tau_diversity(x, "uniform", (1, 9)), (25,)),
        (laplacian_pyramid_loss, (25, 4)),
        (lambda x: laplacian_pyramid_loss(x, 3), (25, 4)),
    ],
)
def test_gradients_agree_with_finite_differences_and_zeros_keep_them_finite(
    loss: Callable[[Tensor], Tensor], size: tuple[int, ...]
) -> None:
    values = draw(*size).requires_grad_()
    value = loss(values)
    assert value.shape == ()
    assert torch.autograd.gradcheck(loss, (values,))
    zeros = torch.zeros(size, requires_grad=True)
    (gradient,) = torch.autograd.grad(loss(zeros), zeros)
    assert torch.isfinite(gradient).all()


@pytest.mark.parametrize("loss", [tau_smoothness, lambda tau: laplacian_pyramid_loss(tau[:, None])])
@pytest.mark.parametrize("n_units", [2, 24, 26])
def test_a_sheet_has_to_be_square(loss: Callable[[Tensor], Tensor], n_units: int) -> None:
    with pytest.raises(ValueError, match=f"square number of units, got {n_units}"):
        loss(torch.ones(n_units))
