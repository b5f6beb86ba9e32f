"""Measures of maps are told over grid cells and over all lattices, settled and from the start, under names of each."""

import pytest

from topogrid.measures import MEASURES
from topogrid.measures.maps import SHEET, UNITS, from_the_start, of_all_lattices
from topogrid.measures.record import Measure

BOTH = [*UNITS, *SHEET]


@pytest.mark.parametrize("measure", SHEET, ids=lambda one: one.key)
def test_order_on_the_sheet_has_a_name_in_each_of_four_places(measure: Measure) -> None:
    four = [measure, of_all_lattices(measure), from_the_start(measure), from_the_start(of_all_lattices(measure))]
    assert [MEASURES[one.key] for one in four] == four
    places = [one.key.removesuffix(measure.key.split("/")[1]) for one in four]
    assert places == ["validation/", "validation/lattices/", "validation/start/", "validation/start/lattices/"]
    assert len({one.about for one in four}) == 4
    assert not four[2].panel
    assert not four[3].panel


def test_nulls_and_intervals_are_tracked_in_the_same_place_as_what_they_are_of() -> None:
    for change in (lambda one: one, of_all_lattices, from_the_start):
        for measure in map(change, SHEET):
            beside = [*(measure.interval or ()), *([measure.null.key] if measure.null else [])]
            place = measure.key.rpartition("/")[0]
            assert all(key in MEASURES and key.rpartition("/")[0] == place for key in beside), measure.key


def test_a_share_is_shown_in_percent_and_beside_a_null_in_percent() -> None:
    shares = [one for one in BOTH if one.label and ("share" in one.key)]
    assert len(shares) > 8
    for one in shares:
        assert one.factor == 100
        assert one.unit.startswith("%")
        assert one.null is None or (one.null.factor, one.null.unit[0]) == (100, "%")


def test_a_share_that_chance_gives_some_of_is_never_without_its_null() -> None:
    row = {one.key: 0.5 for one in BOTH}
    told = {one.key: one.told_beside_null(row) for one in UNITS if "share_above" in one.key or one.key.endswith("gate")}
    of_units = {key: text for key, text in told.items() if "null" not in key}
    assert set(of_units.values()) == {"50.0 (50.0)"}
    assert len(of_units) == 3


def test_what_needs_a_map_of_tau_says_so() -> None:
    needs = {one.key for one in SHEET if one.of_tau}
    assert {one.key for one in SHEET if one.label and ("tau" in one.key or "slope" in one.key)} <= needs
    assert "validation/spacing_morans_i" not in needs
