"""Each layout puts the smallest and the largest time constant where its name says, inside the bounds."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.model.networks import network
from topogrid.analysis.sheets import Sheet
from topogrid.model.tau import coordinates, tau_layout


@pytest.mark.parametrize("bounds", [(1.0, 10.0), (1.3, 7.7), (2.0, 2.0), (1.0, 1e6)])
@pytest.mark.parametrize("layout", ["gradient", "radial", "modules", "random", "uniform"])
def test_tau_starts_inside_its_bounds(layout: str, bounds: tuple[float, float]) -> None:
    tau = network(tau=True, tau_init=layout, tau_min=bounds[0], tau_max=bounds[1]).units.tau
    assert tau is not None
    assert tau.min() >= bounds[0] * (1 - 1e-6)
    assert tau.max() <= bounds[1] * (1 + 1e-6)


SHEET = Sheet(8)


def layout(name: str, sheet: Sheet = SHEET, low: float = 1.0, high: float = 8.0, **further: Any) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return tau_layout(name, sheet, (low, high), generator=generator, **further).reshape(sheet.side, sheet.side)


def test_a_gradient_rises_along_the_rows_in_even_steps() -> None:
    torch.testing.assert_close(layout("gradient"), torch.arange(1.0, 9.0)[:, None].expand(8, 8))


def test_a_radial_layout_rises_from_the_centre_and_looks_alike_from_every_side() -> None:
    tau = layout("radial", Sheet(7))
    assert (tau[3, 3], tau[0, 0]) == (1.0, 8.0)
    torch.testing.assert_close(tau, tau.flip(0))
    torch.testing.assert_close(tau, tau.t())
    assert (tau[3, 3:].diff() > 0).all()


@pytest.mark.parametrize(("n_bands", "levels"), [(1, [4.5]), (2, [1.0, 8.0]), (4, [1.0, 10 / 3, 17 / 3, 8.0])])
def test_bands_are_of_equal_width_and_reach_both_bounds(n_bands: int, levels: list[float]) -> None:
    rows = layout("bands", n_bands=n_bands)
    assert torch.equal(rows, rows[:, :1].expand(8, 8))
    torch.testing.assert_close(rows[:, 0], torch.tensor(levels).repeat_interleave(8 // n_bands))


def test_a_random_layout_is_an_even_ramp_in_an_order_of_its_generator() -> None:
    tau = layout("random")
    torch.testing.assert_close(tau.flatten().sort().values, torch.linspace(1, 8, 64))
    assert torch.equal(tau, layout("random"))
    other = tau_layout("random", SHEET, (1.0, 8.0), generator=torch.Generator().manual_seed(1))
    assert not torch.equal(tau.flatten(), other)
    with pytest.raises(ValueError, match="random tau layout needs a generator"):
        tau_layout("random", SHEET, (1.0, 8.0))


def test_rows_and_columns_run_from_0_to_1_in_sheet_order() -> None:
    place = coordinates(Sheet(5))
    np.testing.assert_allclose(4 * place.numpy(), Sheet(5).row_col, atol=1e-6)
    assert coordinates(Sheet(1)).tolist() == [[0.0, 0.0]]


def test_an_unknown_layout_is_refused_with_all_there_are() -> None:
    with pytest.raises(ValueError, match="one of gradient, radial, bands, random, uniform, got 'spiral'"):
        tau_layout("spiral", SHEET, (1.0, 8.0))
