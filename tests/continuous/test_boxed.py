"""In a box, a sheet of one tau has grids of the spacing that this tau has by itself."""

import numpy as np
import pytest

from topogrid.continuous.boxed import MIDDLE_SPACING_M, own_spacing, spacing_in_a_box
from topogrid.continuous.sheet import Sheet


def test_spacing_goes_with_tau() -> None:
    np.testing.assert_allclose(own_spacing([6.0, 12.0, 24.0], 12.0), MIDDLE_SPACING_M * np.array([0.5, 1.0, 2.0]))


def test_a_sheet_of_one_tau_has_one_spacing_everywhere() -> None:
    found = spacing_in_a_box(Sheet(32, 96), np.full(96, 12.0), 12.0, seed=0, n_walks=24, seconds=3.0)
    assert found.grid_like.mean() > 0.6
    there = found.spacing[np.isfinite(found.spacing)]
    assert there.size > 12
    assert np.median(there) == pytest.approx(MIDDLE_SPACING_M, rel=0.12)
    assert there.std() / there.mean() < 0.05
