"""Weights are averaged over the right pairs of units."""

import numpy as np
import pytest

from topogrid.analysis import weight_spectrum, weights_by_distance
from topogrid.analysis.sheets import Sheet


def test_a_law_of_distance_is_found_again() -> None:
    places = Sheet(7).row_col
    apart = np.hypot(*np.moveaxis(places[:, None] - places[None], -1, 0))
    found = weights_by_distance(-np.exp(-np.rint(apart)), places)
    np.testing.assert_allclose(found.mean, -np.exp(-found.distance))
    np.testing.assert_allclose(found.mean_magnitude, np.exp(-found.distance))
    assert found.distance[0] == 1
    assert found.n_pairs.sum() == 49 * 48
    assert found.locality > 3


def test_weights_without_topography_have_a_locality_of_1() -> None:
    weights = np.random.default_rng(0).normal(size=(3, 100, 100))
    assert weights_by_distance(weights, Sheet(10).row_col).locality == pytest.approx(1, abs=0.05)


def test_modules_are_averaged_as_one() -> None:
    weights = np.random.default_rng(0).normal(size=(2, 16, 16))
    places = Sheet(4).row_col
    both, first, second = (weights_by_distance(one, places) for one in (weights, weights[0], weights[1]))
    np.testing.assert_allclose(both.mean, (first.mean + second.mean) / 2)
    np.testing.assert_array_equal(both.n_pairs, first.n_pairs + second.n_pairs)


def test_a_unit_alone_has_no_pairs() -> None:
    found = weights_by_distance([[1.0]], [[0, 0]])
    assert found.distance.size == 0
    assert np.isnan(found.locality)


def test_eigenvalues_are_those_of_the_matrix_largest_first() -> None:
    angle = 0.3
    turn = 1.5 * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    found = weight_spectrum(np.stack([turn, np.diag([0.2, -0.7])]))
    np.testing.assert_allclose(np.abs(found), [[1.5, 1.5], [0.7, 0.2]])
    np.testing.assert_allclose(np.abs(np.angle(found[0])), angle)
    np.testing.assert_allclose(weight_spectrum(np.diag([1.0, 3.0])), [3, 1])


@pytest.mark.parametrize("weights", [np.ones((3, 4)), np.ones(3), np.full((2, 2), np.nan)])
def test_what_is_no_square_of_finite_weights_is_refused(weights: np.ndarray) -> None:
    with pytest.raises(ValueError, match="weights"):
        weight_spectrum(weights)


def test_places_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="need as many places"):
        weights_by_distance(np.ones((4, 4)), Sheet(3).row_col)
    with pytest.raises(TypeError, match="whole numbers"):
        weights_by_distance(np.ones((4, 4)), np.full((4, 2), 0.5))
