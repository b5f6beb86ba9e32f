"""Surrogates keep what they promise and lose the hexagon."""

import numpy as np
import pytest
from numpy.typing import NDArray

from topogrid.analysis import NULLS, grid_scores
from topogrid.analysis.maps.nulls import ring_radius
from topogrid.analysis.synthetic import lattice_map, random_lattices

Float = NDArray[np.float64]


@pytest.mark.parametrize("null", NULLS)
def test_surrogates_keep_rates_and_unvisited_bins_but_not_the_hexagon(null: str) -> None:
    maps = random_lattices(150, np.random.default_rng(1))
    surrogates = NULLS[null](maps, np.random.default_rng(2))
    np.testing.assert_array_equal(np.isnan(surrogates), np.isnan(maps))
    np.testing.assert_array_equal(np.sort(surrogates.reshape(150, -1)), np.sort(maps.reshape(150, -1)))
    assert (grid_scores(maps).score_60 > 0.8).all()
    assert (grid_scores(surrogates).score_60 > 0.8).mean() < 0.2


@pytest.mark.parametrize("null", NULLS)
def test_surrogates_are_repeatable_and_new_each_time(null: str) -> None:
    maps = random_lattices(5, np.random.default_rng(3))
    first, again = (NULLS[null](maps, np.random.default_rng(4)) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    rng = np.random.default_rng(4)
    NULLS[null](maps, rng)
    assert not np.array_equal(NULLS[null](maps, rng), first, equal_nan=True)


def test_ring_radius_is_the_wave_number_of_the_lattice() -> None:
    spacing = np.array([0.5, 0.74, 0.95, 1.1])
    maps = np.stack([lattice_map(s, 20, threshold=-0.5) for s in spacing])
    np.testing.assert_allclose(ring_radius(maps), 2.2 * 2 / (np.sqrt(3) * spacing), rtol=0.08)


@pytest.mark.parametrize("null", ["ring", "spectrum"])
def test_period_survives_in_ring_and_spectrum_noise(null: str) -> None:
    maps = random_lattices(60, np.random.default_rng(5))
    surrogates = NULLS[null](maps, np.random.default_rng(6))
    assert np.corrcoef(ring_radius(maps), ring_radius(surrogates))[0, 1] > 0.9
