"""Values of any size come to ordinary size by powers of two, those of ordinary size stay as they are to the bit."""

import numpy as np
import pytest

from topogrid.analysis.levels import levelled, near_one, power_of_two

ROWS = np.array([[0.25, -3.0, np.nan], [1.0, 0.0, 2.0]])


@pytest.mark.parametrize("scale", [2.0**-600, 2.0**-40, 2.0**40, 2.0**600])
def test_scaling_rounds_nothing(scale: float) -> None:
    scaled = near_one(scale * ROWS)
    peaks = np.nanmax(np.abs(scaled), axis=1)
    assert ((peaks >= 0.5) & (peaks <= 1)).all()
    for row, before in zip(scaled, ROWS, strict=True):
        ratio = row[before != 0] / before[before != 0]
        assert np.unique(ratio[np.isfinite(ratio)]).size == 1
        assert np.log2(ratio[0]) % 1 == 0


def test_values_of_ordinary_size_are_left_alone() -> None:
    assert near_one(ROWS) is ROWS
    assert levelled(ROWS, beyond=1.0) is ROWS
    nothing = np.zeros((2, 3))
    assert near_one(nothing) is nothing


def test_each_row_has_a_scale_of_its_own_unless_all_are_scaled_together() -> None:
    both = np.array([[1e200, 0.5e200], [1e-200, 0.5e-200]])
    np.testing.assert_allclose(near_one(both)[:, 1] / near_one(both)[:, 0], 0.5)
    assert near_one(both).min() > 0.2
    together = np.ldexp(both, power_of_two(both))
    assert together.max() <= 1
    assert together[1].max() < 1e-300
    assert power_of_two(ROWS) == 0


def test_a_row_far_from_zero_is_measured_from_its_lowest_value() -> None:
    far = np.array([[901.0, 903.0, np.nan], [-5.0, 0.0, 5.0]])
    found = levelled(far, beyond=1.0)
    np.testing.assert_array_equal(found, [[0, 2, np.nan], [-5, 0, 5]])
    np.testing.assert_array_equal(levelled(far, beyond=1e9), near_one(far))


def test_a_row_that_varies_by_rounding_is_constant_exactly() -> None:
    row = np.array([[0.1, 0.1 + 1e-16, np.nan, np.nextafter(0.1, 1)]])
    found = levelled(row, beyond=1.0)[0]
    assert np.unique(found[[0, 1, 3]]).size == 1
    assert np.isnan(found[2])
