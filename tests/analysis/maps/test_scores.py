"""Grid scores against a plain, slow SciPy rendering of the published formula, and against synthetic truth."""

from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage, signal

from topogrid.analysis import autocorrelograms, grid_scores
from topogrid.analysis.synthetic import bin_centres, field_map, lattice_map, smooth_noise

Float = NDArray[np.float64]


def slow_autocorrelogram(rate_map: Float) -> Float:
    """Pearson's correlation at every lag by direct convolution; zero where an overlap is empty or flat."""
    visited = np.isfinite(rate_map).astype(float)
    rates = np.where(visited > 0, rate_map, 0.0)
    if np.abs(rates).max() > 0:
        rates = rates / np.abs(rates).max()

    def correlate(first: Float, second: Float) -> Float:
        return signal.convolve2d(first, second[::-1, ::-1], mode="full")

    n = np.maximum(correlate(visited, visited), 1)
    mean, mean_shifted = correlate(rates, visited) / n, correlate(visited, rates) / n
    variance = correlate(rates**2, visited) / n - mean**2
    variance_shifted = correlate(visited, rates**2) / n - mean_shifted**2
    covariance = correlate(rates, rates) / n - mean * mean_shifted
    varies = (n > 1) & (variance > 1e-10) & (variance_shifted > 1e-10)
    return np.where(varies, covariance / np.sqrt(np.where(varies, variance * variance_shifted, 1.0)), 0.0)


def slow_scores(rate_map: Float) -> tuple[float, float]:
    """Scores at 60 and 90 degrees, ring by ring and turn by turn."""
    side = len(rate_map)
    sac = slow_autocorrelogram(rate_map)
    y, x = np.indices(sac.shape) - (side - 1)
    radius = np.hypot(x, y)
    turned = {angle: ndimage.rotate(sac, angle, reshape=False, order=3) for angle in (30, 45, 60, 90, 120, 135, 150)}
    hexagonal, square = [], []
    for outer in np.linspace(0.4, 1.0, 10):
        ring = (radius > 0.2 * side) & (radius <= outer * side)
        mean, variance = sac[ring].mean(), sac[ring].var() + 1e-5
        c = {a: ((sac[ring] - mean) * (other[ring] - mean)).mean() / variance for a, other in turned.items()}
        hexagonal.append((c[60] + c[120]) / 2 - (c[30] + c[90] + c[150]) / 3)
        square.append(c[90] - (c[45] + c[135]) / 2)
    return max(hexagonal), max(square)


def gallery(n_bins: int) -> Iterator[Float]:
    """Yield maps of every kind that a scorer meets."""
    rng = np.random.default_rng(n_bins)
    yield lattice_map(0.5, 7, (0.1, 0.4), n_bins=n_bins)
    yield 1e-7 * lattice_map(0.8, 33, (0.7, 0.2), n_bins=n_bins, threshold=0.3)
    yield lattice_map(1.2, 50, n_bins=n_bins, threshold=-0.5) - 3.0
    yield rng.normal(size=(n_bins, n_bins))
    yield 1e4 * np.maximum(smooth_noise(1, n_bins, 2, rng)[0], 0)
    yield field_map(np.array([[-0.5, 0.3]]), 0.2, n_bins=n_bins)
    holes = rng.random((n_bins, n_bins)) < 0.2
    yield np.where(holes, np.nan, rng.normal(size=(n_bins, n_bins)))
    corner = lattice_map(0.7, 12, n_bins=n_bins)
    corner[: n_bins // 3, : n_bins // 4] = np.nan
    yield corner


@pytest.mark.parametrize("n_bins", [20, 32, 40])
def test_scores_equal_the_slow_formula(n_bins: int) -> None:
    maps = np.stack(list(gallery(n_bins)))
    fast = grid_scores(maps)
    slow = np.array([slow_scores(one) for one in maps])
    np.testing.assert_allclose(fast.score_60, slow[:, 0], atol=1e-6, rtol=0)
    np.testing.assert_allclose(fast.score_90, slow[:, 1], atol=1e-6, rtol=0)


@pytest.mark.parametrize("n_bins", [5, 20])
def test_autocorrelograms_equal_direct_correlation(n_bins: int) -> None:
    maps = np.stack(list(gallery(n_bins)))
    slow = np.stack([slow_autocorrelogram(one) for one in maps])
    np.testing.assert_allclose(autocorrelograms(maps), slow, atol=1e-6, rtol=0)


def test_blank_constant_and_unvisited_maps_have_no_score() -> None:
    dead = np.stack([np.zeros((20, 20)), np.full((20, 20), 3.3), np.full((20, 20), np.nan)])
    mixed = np.concatenate([dead, lattice_map(0.7)[None]])
    scores = grid_scores(mixed)
    for column in scores:
        np.testing.assert_array_equal(np.isnan(column), [True, True, True, False])
    assert not autocorrelograms(dead).any()


def test_a_network_of_dead_units_has_no_scores() -> None:
    assert np.isnan(grid_scores(np.zeros((40, 12, 12)))).all()


def test_a_lattice_is_hexagonal_and_a_chessboard_square() -> None:
    x, y = bin_centres(20, 2.2)
    chessboard = np.cos(2 * np.pi * x / 0.7) + np.cos(2 * np.pi * y / 0.7)
    scores = grid_scores(np.stack([lattice_map(0.7, 10), chessboard]))
    assert scores.score_60[0] > 1.2 > 0 > scores.score_60[1]
    assert scores.score_90[1] > 1.2 > 0.5 > scores.score_90[0]
    assert ((scores.ring_60 >= 0.4) & (scores.ring_60 <= 1.0)).all()


def test_scores_ignore_scale_offset_and_precision() -> None:
    maps = np.stack(list(gallery(20)))
    plain = grid_scores(maps)
    for other in (1e6 * maps, maps.astype(np.float32)):
        np.testing.assert_allclose(grid_scores(other).score_60, plain.score_60, atol=2e-4)
    lattice = maps[:1]
    np.testing.assert_allclose(grid_scores(lattice + 5).score_60, grid_scores(lattice).score_60, atol=1e-6)


def test_scores_do_not_depend_on_the_other_units() -> None:
    maps = np.tile(np.stack(list(gallery(20))), (40, 1, 1))  # 320 units: several chunks, more than one thread
    together = grid_scores(maps).score_60
    alone = np.array([grid_scores(one[None]).score_60[0] for one in maps[:8]])
    np.testing.assert_allclose(together, np.tile(alone, 40), atol=1e-9)


def test_an_oblong_map_is_scored_by_its_shorter_side() -> None:
    oblong = lattice_map(0.5, 20, n_bins=(36, 24), box_size=(1.8, 1.2))
    scores = grid_scores(oblong[None])
    assert scores.score_60[0] > 1.0
    np.testing.assert_allclose(grid_scores(oblong.T[None]).score_60, scores.score_60, atol=1e-9)


def test_no_units_give_no_scores() -> None:
    assert grid_scores(np.empty((0, 20, 20))).score_60.shape == (0,)
    assert autocorrelograms(np.empty((0, 20, 18))).shape == (0, 39, 35)


@pytest.mark.parametrize(
    ("maps", "message"),
    [
        (np.zeros((20, 20)), r"must be \(unit, bin_y, bin_x\), got shape \(20, 20\)"),
        (np.zeros((1, 3, 20)), "at least 4 bins a side"),
        (np.full((1, 20, 20), np.inf), "got infinities"),
    ],
)
def test_malformed_maps_are_refused(maps: Float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        grid_scores(maps)
