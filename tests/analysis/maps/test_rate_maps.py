"""Streaming rate maps against plain bookkeeping, and the theory line."""

import numpy as np
import pytest

from topogrid.analysis import RateMapAccumulator


def test_maps_are_the_mean_of_each_bin() -> None:
    rng = np.random.default_rng(1)
    positions, activity = rng.uniform([-1.0, -0.5], [1.0, 0.5], (500, 2)), rng.normal(size=(500, 3))
    accumulator = RateMapAccumulator(3, (2.0, 1.0), (8, 4))
    accumulator.add(positions, activity)
    result = accumulator.rate_maps()
    for row in range(4):
        for col in range(8):
            x, y = positions.T
            here = (x >= result.edges_x[col]) & (x < result.edges_x[col + 1])
            here &= (y >= result.edges_y[row]) & (y < result.edges_y[row + 1])
            assert result.occupancy[row, col] == here.sum()
            np.testing.assert_allclose(result.maps[:, row, col], activity[here].mean(axis=0), atol=1e-12)


def test_batches_add_up_and_single_precision_stays_exact() -> None:
    rng = np.random.default_rng(2)
    positions = rng.uniform(-1.1, 1.1, (40_000, 2))
    activity = (1000 + rng.random((40_000, 2))).astype(np.float32)
    whole, parts = RateMapAccumulator(2, 2.2, 5), RateMapAccumulator(2, 2.2, 5)
    whole.add(positions, activity.astype(np.float64))
    for start in range(0, 40_000, 7_000):
        parts.add(positions[start : start + 7_000], activity[start : start + 7_000])
    np.testing.assert_array_equal(whole.rate_maps().occupancy, parts.rate_maps().occupancy)
    np.testing.assert_allclose(parts.rate_maps().maps, whole.rate_maps().maps, rtol=2e-6)


def test_unvisited_bins_are_nan_and_y_points_up() -> None:
    accumulator = RateMapAccumulator(1, 1.0, 2)
    accumulator.add([[-0.3, 0.3]], [[7.0]])  # left and up: second row, first column
    np.testing.assert_array_equal(accumulator.rate_maps().maps, [[[np.nan, np.nan], [7.0, np.nan]]])


def test_walls_belong_to_the_bins_inside_them() -> None:
    accumulator = RateMapAccumulator(1, 1.0, 3)
    accumulator.add([[0.5, 0.5], [-0.5, -0.5]], [[1.0], [2.0]])
    maps = accumulator.rate_maps().maps
    assert maps[0, 2, 2] == 1.0
    assert maps[0, 0, 0] == 2.0


def test_one_bin_count_keeps_bins_square() -> None:
    result = RateMapAccumulator(1, (2.0, 1.0), 20).rate_maps()
    assert result.maps.shape == (1, 10, 20)
    assert result.box_size == (2.0, 1.0)
    np.testing.assert_allclose(np.diff(result.edges_x), np.diff(result.edges_y)[0])


def test_a_snapshot_is_not_changed_by_later_samples() -> None:
    accumulator = RateMapAccumulator(1, 1.0, 1)
    accumulator.add([[0.0, 0.0]], [[1.0]])
    before = accumulator.rate_maps()
    accumulator.add([[0.0, 0.0]], [[3.0]])
    assert before.maps.item() == 1.0
    assert before.occupancy.item() == 1
    assert accumulator.rate_maps().maps.item() == 2.0


@pytest.mark.parametrize(
    ("positions", "activity", "message"),
    [
        ([[0.0, 0.0]], [[1.0, 2.0]], r"activity \(sample, 1\), got \(1, 2\) and \(1, 2\)"),
        ([[0.0, 0.0, 0.0]], [[1.0]], "x and y in metres"),
        ([[0.0, 0.7]], [[1.0]], "must lie in a box of 1 x 1 m"),
        ([[0.0, np.nan]], [[1.0]], "1 of 1 that are NaN"),
    ],
)
def test_bad_samples_are_refused(positions: list[list[float]], activity: list[list[float]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        RateMapAccumulator(1, 1.0, 4).add(positions, activity)


@pytest.mark.parametrize(("n_units", "n_bins"), [(0, 4), (1, 0), (1, (4, 0))])
def test_impossible_maps_are_refused(n_units: int, n_bins: int | tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="must be at least 1, got 0"):
        RateMapAccumulator(n_units, 1.0, n_bins)
