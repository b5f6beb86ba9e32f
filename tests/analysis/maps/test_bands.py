"""Stripes are told from lattices, whatever their direction and wavelength."""

import numpy as np
import pytest

from topogrid.analysis import band_scores

BINS = 32
Y, X = np.meshgrid(*(2 * ((np.arange(BINS) + 0.5) / BINS,)), indexing="ij")


def waves(cycles: float, angles: list[float], phase: float = 0.3) -> np.ndarray:
    return 1 + sum(np.cos(2 * np.pi * cycles * (X * np.cos(angle) + Y * np.sin(angle)) + phase) for angle in angles)


@pytest.mark.parametrize("angle", np.linspace(0, np.pi, 7))
@pytest.mark.parametrize("cycles", [2.0, 3.3])
def test_stripes_have_a_score_near_one_in_any_direction(angle: float, cycles: float) -> None:
    assert band_scores(waves(cycles, [angle])[None])[0] > 0.97


@pytest.mark.parametrize("turn", [0.0, 0.2, 0.5])
def test_lattices_have_a_score_near_zero(turn: float) -> None:
    hexagonal = waves(3, [turn, turn + np.pi / 3, turn + 2 * np.pi / 3])
    square = waves(3, [turn, turn + np.pi / 2])
    assert (band_scores(np.stack([hexagonal, square])) < 0.25).all()


def test_bins_that_were_not_visited_change_little() -> None:
    stripes = waves(2.5, [0.4])
    stripes[:4, :4] = np.nan
    assert band_scores(stripes[None])[0] > 0.9


def test_neither_level_nor_unit_of_rates_matters() -> None:
    maps = np.random.default_rng(0).random((5, BINS, BINS))
    np.testing.assert_allclose(band_scores(3e-7 * maps + 2e-7), band_scores(maps), rtol=1e-5)


def test_a_constant_map_has_no_score() -> None:
    assert np.isnan(band_scores(np.ones((1, BINS, BINS)))[0])
