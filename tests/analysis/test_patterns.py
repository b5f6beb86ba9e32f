"""Patterns that form under a place code are lattices where rates may not be negative, and none where they may."""

import numpy as np
import pytest

from topogrid.analysis import form_patterns, grid_scores, measure_lattice, predicted_spacing


def formed(sigma: float = 0.12, **options: object) -> np.ndarray:
    return form_patterns(sigma, rng=np.random.default_rng(0), n_maps=8, n_bins=36, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("sigma", [0.1, 0.13])
def test_rates_above_0_form_lattices_of_the_predicted_spacing(sigma: float) -> None:
    maps = formed(sigma)
    assert (grid_scores(maps / maps.max()).score_60 > 0.8).mean() > 0.8
    spacing = measure_lattice(maps, 2.2).spacing
    assert np.nanmedian(spacing) == pytest.approx(predicted_spacing(sigma), rel=0.08)


def test_rates_of_both_signs_form_none() -> None:
    maps = formed(non_negative=False)
    assert (np.nan_to_num(grid_scores(maps / np.abs(maps).max()).score_60) > 0.8).mean() < 0.2
    assert maps.min() < 0


def test_maps_have_norm_1_and_the_shape_of_the_box() -> None:
    maps = form_patterns(0.12, rng=np.random.default_rng(0), box_size=(2.2, 1.1), n_maps=2, n_bins=20, n_steps=3)
    assert maps.shape == (2, 10, 20)
    np.testing.assert_allclose(np.linalg.norm(maps, axis=(1, 2)), 1.0)
    assert maps.min() >= 0


def test_a_periodic_box_knows_no_walls() -> None:
    """Noise that is moved around a torus grows into the same pattern, moved."""

    class Moved:
        def __init__(self, by: int) -> None:
            self.noise = np.roll(np.random.default_rng(1).random((1, 12, 12)), by, axis=2)

    class Given(np.random.Generator):
        def __init__(self, noise: np.ndarray) -> None:
            super().__init__(np.random.PCG64(0))
            self._noise = noise

        def random(self, *_args: object, **_options: object) -> np.ndarray:  # type: ignore[override]
            return self._noise

    here, there = (
        form_patterns(0.2, rng=Given(Moved(by).noise), n_maps=1, n_bins=12, n_steps=20, periodic=True) for by in (0, 5)
    )
    np.testing.assert_allclose(np.roll(here, 5, axis=2), there, atol=1e-9)
