"""Every unit is measured on its own map, and the dead ones count in every share."""

import dataclasses

import numpy as np
import pytest

from tests.quick_evaluations import measured_lattices
from topogrid.analysis import grid_gate, grid_scores, measure_lattice
from topogrid.analysis.maps.units import UnitMeasures, measure_units


@pytest.fixture(scope="module")
def view() -> UnitMeasures:
    return measured_lattices(64)


def test_each_measure_is_that_of_the_map_of_the_unit(view: UnitMeasures) -> None:
    maps = view.rate_maps.maps
    np.testing.assert_allclose(view.scores.score_60[:4], grid_scores(maps[:4]).score_60)
    np.testing.assert_allclose(view.lattice.spacing[:4], measure_lattice(maps[:4], 2.2).spacing)
    assert {len(values) for values in (view.border, view.information, view.gate.passed, view.peak)} == {64}
    np.testing.assert_array_equal(view.peak, maps.max(axis=(1, 2)))


def test_dead_units_are_those_that_never_fire_and_stay_in_every_share(view: UnitMeasures) -> None:
    assert view.dead.tolist() == [False] * 63 + [True]
    assert np.isnan(view.scores.score_60[63])
    living = view.scores.score_60[:63]
    assert view.share_above(0.3) == (living > 0.3).sum() / 64
    assert view.share_above(-9.0) == 63 / 64


def test_never_visited_bins_kill_no_unit(view: UnitMeasures) -> None:
    maps = view.rate_maps.maps.copy()
    maps[:, 0, 0] = np.nan
    holed = dataclasses.replace(view, rate_maps=dataclasses.replace(view.rate_maps, maps=maps))
    np.testing.assert_array_equal(holed.dead, view.dead)


def test_what_are_no_rate_maps_is_refused(view: UnitMeasures) -> None:
    with pytest.raises(TypeError, match="rate maps to measure must be") as refused:
        measure_units(view.rate_maps.maps, np.random.default_rng(0))  # type: ignore[arg-type]
    assert "\n" not in str(refused.value)
    with pytest.raises(TypeError, match="rng must be"):
        measure_units(view.rate_maps, None)  # type: ignore[arg-type]
    oblong = dataclasses.replace(view.rate_maps, box_size=(2.2, 1.1))
    with pytest.raises(ValueError, match="square bins"):
        measure_units(oblong, np.random.default_rng(0))


def test_the_gate_is_that_of_the_maps_alone(view: UnitMeasures) -> None:
    whole = measure_units(view.rate_maps, np.random.default_rng(5), n_surrogates=6)
    alone = grid_gate(view.rate_maps, n_surrogates=6, rng=np.random.default_rng(5))
    for together, one in zip(whole.gate, alone, strict=True):
        np.testing.assert_allclose(together, one)
