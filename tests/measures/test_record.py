"""A measure knows how its number is shown: unit, digits, null, and the same over other units."""

import math

import pytest

from topogrid.measures.decoding import ERROR
from topogrid.measures.maps import ABOVE_03, COUPLING, LATTICES, SLOPE

ROW = {
    "validation/share_above_0.3": 0.5,
    "validation/null_share_above_0.3": 0.25,
    "validation/trajectory_error_cm": 12.345,
    "validation/tau_spacing_rho": math.nan,
}


def test_a_number_is_shown_with_its_factor_digits_and_null() -> None:
    assert ABOVE_03.of(ROW) == 50.0
    assert ABOVE_03.told(ROW) == "50.0"
    assert ABOVE_03.told_beside_null(ROW) == "50.0 (25.0)"
    assert ABOVE_03.over_null.of(ROW) == 25.0
    assert ERROR.told_beside_null(ROW) == "12.3"
    assert (ERROR.title, ERROR.heading) == ("error, training length (cm)", "error cm")


@pytest.mark.parametrize("row", [{}, ROW])
def test_what_has_no_value_is_told_as_such(row: dict[str, float]) -> None:
    assert math.isnan(COUPLING.of(row))
    assert COUPLING.told_beside_null(row) == "-"
    assert ABOVE_03.told_beside_null({"validation/share_above_0.3": 0.5}) == "50.0"


def test_the_same_measure_over_other_units_has_all_its_names_there() -> None:
    inside = SLOPE.inside(LATTICES)
    assert inside.key == "validation/lattices/scaling_slope"
    assert inside.interval == ("validation/lattices/scaling_slope_low", "validation/lattices/scaling_slope_high")
    coupling = COUPLING.inside(LATTICES)
    assert coupling.null is not None
    assert coupling.null.key == "validation/lattices/tau_spacing_p"
    assert COUPLING.inside("") is COUPLING
