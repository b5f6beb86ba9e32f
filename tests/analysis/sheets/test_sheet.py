"""Units stand where the sheet says, and first time constants are laid out as their names promise."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from topogrid.analysis.sheets import Sheet
from topogrid.model.tau import coordinates, tau_layout

LAYOUTS = ["gradient", "radial", "bands", "random", "uniform"]


def layout(name: str, side: int, bounds: tuple[float, float] = (1.0, 10.0), n_bands: int = 4, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return tau_layout(name, Sheet(side), bounds, n_bands=n_bands, generator=generator)


def test_unit_index_is_row_times_side_plus_column() -> None:
    sheet = Sheet.of_units(25)
    assert (sheet.side, sheet.n_units) == (5, 25)
    places = coordinates(sheet)
    for unit in range(25):
        torch.testing.assert_close(places[unit], torch.tensor([unit // 5, unit % 5]) / 4)


@pytest.mark.parametrize(
    ("n_units", "nearest"),
    [(2, 1), (3, 4), (4095, 4096), (4097, 4096), (577, 576), (0, 1), (-4, 1), (10**12 + 1, 10**12)],
)
def test_a_sheet_is_square(n_units: int, nearest: int) -> None:
    with pytest.raises(ValueError, match=f"square number of units, got {n_units}; the nearest is {nearest}$"):
        Sheet.of_units(n_units)


def test_the_smallest_sheet_is_one_unit() -> None:
    sheet = Sheet.of_units(1)
    assert coordinates(sheet).tolist() == [[0, 0]]
    for name in LAYOUTS:
        tau = layout(name, 1, n_bands=1)
        assert tau.shape == (1,)
        assert 1 <= tau.item() <= 10


@given(
    name=st.sampled_from(LAYOUTS),
    side=st.integers(1, 12),
    low=st.floats(1, 100),
    span=st.floats(0, 100),
    n_bands=st.integers(1, 12),
)
def test_layouts_keep_to_their_bounds_and_reach_them(
    name: str, side: int, low: float, span: float, n_bands: int
) -> None:
    tau = layout(name, side, (low, low + span), n_bands)
    assert tau.shape == (side * side,)
    assert tau.dtype == torch.float32
    assert tau.min() >= torch.tensor(low)
    assert tau.max() <= torch.tensor(low + span)
    if side >= 2 and name in ("gradient", "random"):
        torch.testing.assert_close(torch.stack((tau.min(), tau.max())), torch.tensor([low, low + span]))


def test_gradient_rises_along_the_rows_only() -> None:
    tau = layout("gradient", 6).reshape(6, 6)
    torch.testing.assert_close(tau, torch.linspace(1, 10, 6)[:, None].expand(6, 6))


@pytest.mark.parametrize("side", [5, 6])
def test_radial_is_symmetric_and_rises_outwards(side: int) -> None:
    tau = layout("radial", side).reshape(side, side)
    for other in (tau.flip(0), tau.flip(1), tau.t()):
        torch.testing.assert_close(tau, other)
    middle, corner = tau[side // 2, side // 2], tau[0, 0]
    torch.testing.assert_close(torch.stack((middle, corner)), torch.tensor([1.0, 10.0]))
    distance = (coordinates(Sheet(side)) - 0.5).norm(dim=-1)
    order = distance.argsort()
    assert (tau.flatten()[order].diff() > -1e-5).all()


@pytest.mark.parametrize(("side", "n_bands"), [(8, 4), (9, 4), (24, 5), (6, 1), (4, 4)])
def test_modules_are_equal_steps_along_the_rows(side: int, n_bands: int) -> None:
    tau = layout("bands", side, n_bands=n_bands).reshape(side, side)
    assert (tau == tau[:, :1]).all()
    values, rows_each = tau[:, 0].unique(return_counts=True)
    assert len(values) == n_bands
    assert (tau[:, 0].diff() >= 0).all()
    assert rows_each.max() - rows_each.min() <= 1
    wanted = torch.linspace(1, 10, n_bands) if n_bands > 1 else torch.tensor([5.5])
    torch.testing.assert_close(values, wanted)


def test_random_shuffles_an_even_ramp() -> None:
    tau = layout("random", 8)
    torch.testing.assert_close(tau.sort().values, torch.linspace(1, 10, 64))
    assert torch.equal(tau, layout("random", 8))
    assert not torch.equal(tau, layout("random", 8, seed=1))
    # Neighbours know nothing of one another: 64 values correlate by chance with an sd of 1/8.
    sheet = tau.reshape(8, 8)
    assert abs(torch.corrcoef(torch.stack((sheet[:-1].flatten(), sheet[1:].flatten())))[0, 1]) < 0.4


def test_uniform_is_the_middle_of_the_bounds() -> None:
    assert (layout("uniform", 3, (2.0, 5.0)) == 3.5).all()


def test_no_layout_but_random_needs_randomness() -> None:
    for name in LAYOUTS:
        if name == "random":
            with pytest.raises(ValueError, match="needs a generator"):
                tau_layout(name, Sheet(3), (1, 2))
        else:
            assert math.isfinite(tau_layout(name, Sheet(3), (1, 2)).sum())


def test_an_unknown_layout_lists_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"one of gradient, radial, bands, random, uniform, got 'stripes'"):
        layout("stripes", 3)
