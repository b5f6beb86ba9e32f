"""Surrogates keep what they promise and lose the hexagon."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import fft

from topogrid.analysis import NULLS, grid_scores
from topogrid.analysis.maps.nulls import noise_on_rings, ring_radius
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


@pytest.mark.parametrize("n_bins", [11, 12, 20])
def test_noise_is_that_of_a_whole_transform_to_the_bit(n_bins: int) -> None:
    maps = random_lattices(130, np.random.default_rng(5), n_bins=n_bins)
    rng, canvas = np.random.default_rng(6), (4 * n_bins, 4 * n_bins)
    frequency = np.hypot(np.fft.fftfreq(canvas[0])[:, None], np.fft.rfftfreq(canvas[1])[None]) * n_bins
    for block in (maps[:128], maps[128:]):
        spectrum = fft.rfft2(rng.standard_normal((len(block), *canvas), dtype=np.float32))
        ring = np.exp(-((frequency - ring_radius(block)[:, None, None]) ** 2) / (2 * 0.25**2))
        noise = fft.irfft2(spectrum * ring.astype(np.float32), canvas)[:, :n_bins, :n_bins]
        order = np.where(np.isfinite(block), noise, np.inf).reshape(len(block), -1).argsort(axis=1)
        expected = np.empty(order.shape)
        np.put_along_axis(expected, order, np.sort(block.reshape(len(block), -1), axis=1), axis=1)
        start = 0 if len(block) == 128 else 128
        found = NULLS["ring"](maps, np.random.default_rng(6))[start : start + len(block)]
        np.testing.assert_array_equal(found.reshape(expected.shape), expected)


def test_maps_that_come_again_get_new_noise_on_the_same_ring() -> None:
    maps = random_lattices(4, np.random.default_rng(7))
    again, radius = np.tile(maps, (3, 1, 1)), np.tile(ring_radius(maps), 3)
    drawn = noise_on_rings(again, radius, np.random.default_rng(8))
    np.testing.assert_array_equal(drawn, NULLS["ring"](again, np.random.default_rng(8)))
    assert not np.array_equal(drawn[:4], drawn[4:8], equal_nan=True)
