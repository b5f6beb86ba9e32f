"""Spatial information in bits, on maps that say a known number of them."""

import numpy as np
import pytest

from topogrid.analysis import spatial_information


def test_information_counts_the_bits_of_a_share_of_the_box() -> None:
    quarter = np.zeros((1, 4, 4))
    quarter[0, :2, :2] = 3.0
    uniform = np.ones((4, 4))
    assert spatial_information(quarter, uniform)[0] == pytest.approx(2.0)
    assert spatial_information(7 * quarter, 5 * uniform)[0] == pytest.approx(2.0)
    assert spatial_information(np.ones((1, 4, 4)), uniform)[0] == pytest.approx(0.0)


def test_information_weighs_bins_by_time() -> None:
    rates = np.array([[[1.0, 0.0]]])
    assert spatial_information(rates, np.array([[1, 7]]))[0] == pytest.approx(3.0)
    unvisited = np.array([[[1.0, 0.0, np.nan]]])
    assert spatial_information(unvisited, np.array([[1, 7, 0]]))[0] == pytest.approx(3.0)


def test_information_is_undefined_for_dead_and_negative_units() -> None:
    maps = np.stack([np.zeros((4, 4)), np.eye(4) - 0.1, np.full((4, 4), np.nan)])
    assert np.isnan(spatial_information(maps, np.ones((4, 4)))).all()


@pytest.mark.parametrize("occupancy", [np.ones((4, 5)), -np.ones((4, 4)), np.full((4, 4), np.nan)])
def test_information_refuses_bad_occupancy(occupancy: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"pass RateMaps\.occupancy"):
        spatial_information(np.ones((1, 4, 4)), occupancy)
