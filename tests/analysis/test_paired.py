"""The same units before and after: nothing changed is a ratio of 1, and units count that count both times."""

import dataclasses

import numpy as np
import pytest

from tests.quick_evaluations import measured_lattices
from topogrid.analysis.maps.units import UnitMeasures
from topogrid.analysis.paired import compare


@pytest.fixture(scope="module")
def view() -> UnitMeasures:
    return measured_lattices(64)


def with_spacing(view: UnitMeasures, spacing: np.ndarray, passed: np.ndarray | None = None) -> UnitMeasures:
    gate = view.gate if passed is None else view.gate._replace(passed=passed)
    return dataclasses.replace(view, lattice=view.lattice._replace(spacing=spacing), gate=gate)


def test_nothing_changed_is_all_kept_at_a_ratio_of_one(view: UnitMeasures) -> None:
    found = compare(view, view)
    assert found["lattices/n_spacing"] == np.isfinite(view.lattice.spacing).sum() > 40
    for prefix in ("", "lattices/"):
        assert found[f"{prefix}kept_share"] == found[f"{prefix}spacing_ratio"] == 1
    assert found["map_correlation"] == pytest.approx(1)
    assert found["visited_share"] == 1


def test_a_ratio_is_over_units_that_are_grid_cells_both_times(view: UnitMeasures) -> None:
    spacing, first = np.ones(64), np.arange(64) < 40
    after = np.where(np.arange(64) < 20, 1.5, 3.0)
    after[:5] = np.nan
    found = compare(with_spacing(view, spacing, first), with_spacing(view, after, np.arange(64) < 30))
    assert found["kept_share"] == pytest.approx(30 / 40)
    assert found["n_spacing"] == 25
    assert found["spacing_ratio"] == found["spacing_ratio_low"] == 1.5
    assert found["spacing_ratio_high"] == 3.0
    assert found["lattices/n_spacing"] == 59


def test_without_a_grid_cell_there_is_no_ratio(view: UnitMeasures) -> None:
    none = with_spacing(view, np.ones(64), np.zeros(64, dtype=bool))
    found = compare(none, none)
    assert found["n_spacing"] == 0
    assert np.isnan([found["kept_share"], found["spacing_ratio"], found["spacing_ratio_high"]]).all()


def test_fields_that_moved_do_not_correlate_and_another_box_has_no_correlation(view: UnitMeasures) -> None:
    moved = dataclasses.replace(view.rate_maps, maps=np.roll(view.rate_maps.maps, 2, axis=2))
    assert compare(view, dataclasses.replace(view, rate_maps=moved))["map_correlation"] < 0.5
    larger = dataclasses.replace(view.rate_maps, box_size=(4.4, 4.4))
    assert np.isnan(compare(view, dataclasses.replace(view, rate_maps=larger))["map_correlation"])


def test_other_units_are_refused(view: UnitMeasures) -> None:
    fewer = dataclasses.replace(view, rate_maps=dataclasses.replace(view.rate_maps, maps=view.rate_maps.maps[:9]))
    with pytest.raises(ValueError, match="the same units are compared, got 64 and 9"):
        compare(view, fewer)
    with pytest.raises(TypeError, match="UnitMeasures"):
        compare(view, None)  # type: ignore[arg-type]
