"""Patches of alike lattices are told from the same units in random order."""

import numpy as np
import pytest

from topogrid.analysis import patch_topography


def test_a_smooth_map_of_orientation_has_a_small_spread_and_its_permutation_a_large_one() -> None:
    rng = np.random.default_rng(0)
    orientation = np.add.outer(np.linspace(0, 59, 20), np.zeros(20))
    found = patch_topography(rng.normal(1.0, 0.2, (20, 20)), orientation, rng=rng)
    # Five rows of 3.1 degrees each.
    assert found.orientation_sd == pytest.approx(59 / 19 * np.sqrt(2), rel=0.02)
    assert found.permuted_orientation_sd > 3 * found.orientation_sd
    assert found.n_patches == 16 * 16


def test_orientation_is_circular() -> None:
    rng = np.random.default_rng(0)
    around_the_turn = np.where(rng.random((12, 12)) < 0.5, 0.5, 59.5)
    assert patch_topography(np.ones((12, 12)), around_the_turn, rng=rng).orientation_sd < 0.6


def test_the_smallest_score_of_a_patch_is_that_of_its_worst_unit() -> None:
    rng = np.random.default_rng(0)
    score = np.ones((10, 10))
    score[0, 0] = -1
    found = patch_topography(score, np.zeros((10, 10)), rng=rng)
    assert found.smallest_score == pytest.approx(1 - 2 / 36)
    # Anywhere else, a bad unit is in more patches than in a corner.
    assert found.permuted_smallest_score < found.smallest_score


def test_scores_that_cluster_leave_more_good_patches_than_the_same_at_random() -> None:
    rng = np.random.default_rng(0)
    score = np.where(np.arange(20)[:, None] < 10, 1.2, 0.0) + np.zeros((20, 20))
    found = patch_topography(score, np.zeros((20, 20)), rng=rng)
    assert found.smallest_score > 0.3
    assert found.permuted_smallest_score < 0.01


def test_units_without_a_lattice_are_left_out() -> None:
    rng = np.random.default_rng(0)
    orientation = np.full((8, 8), np.nan)
    nothing = patch_topography(np.full((8, 8), np.nan), orientation, rng=rng)
    assert np.isnan([nothing.smallest_score, nothing.orientation_sd, nothing.permuted_orientation_sd]).all()
    orientation[::2] = 10.0
    assert patch_topography(np.ones((8, 8)), orientation, rng=rng).orientation_sd == pytest.approx(0, abs=1e-3)


def test_a_sheet_smaller_than_a_patch_is_refused() -> None:
    with pytest.raises(ValueError, match="a patch of 5 units a side does not fit"):
        patch_topography(np.ones((4, 4)), np.ones((4, 4)), rng=np.random.default_rng(0))
