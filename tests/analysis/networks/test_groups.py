"""Groups of networks as plain numbers: each network counts once, and what was not measured is missing, not 0."""

import numpy as np
import pytest

from topogrid.analysis.networks.groups import Group, Member, mean_over_networks, paired_series, series


def test_series_take_the_later_of_two_rows_and_leave_out_what_is_not_finite() -> None:
    rows = [
        {"step": 2, "a": 1.0},
        {"step": 1, "a": 5.0},
        {"step": 2, "a": 3.0},
        {"step": 3, "a": float("nan")},
        {"a": 1.0},
    ]
    steps, values = series(rows, "a")
    assert (steps.tolist(), values.tolist()) == ([1, 2], [5, 3])
    assert paired_series([{"step": 1, "a": 1.0, "b": 2.0}, {"step": 2, "a": 1.0}], "a", "b").tolist() == [[1], [1], [2]]


def test_a_mean_curve_is_taken_where_all_networks_have_a_value() -> None:
    steps, mean = mean_over_networks(
        [(np.array([0, 1, 2]), np.array([1.0, 2, 3])), (np.array([1, 2]), np.array([4.0, 5]))]
    )
    assert (steps.tolist(), mean.tolist()) == ([1, 2], [3, 4])
    assert mean_over_networks([])[0].size == 0


def test_a_measure_that_one_network_lacks_is_missing_there_alone() -> None:
    group = Group("plain", "plain", (Member("a", {"share": 0.5, "null": 0.2}), Member("b", {"share": 0.25})))
    assert group.values("share").tolist() == [0.5, 0.25]
    np.testing.assert_allclose(group.values("share", minus="null"), [0.3, np.nan])
    assert np.isnan(group.values("nothing")).all()


def test_what_is_no_number_is_left_out_of_a_series() -> None:
    values = [1.0, True, "2", None, np.float32(3), float("inf")]
    steps, found = series([{"step": step, "a": value} for step, value in enumerate(values)], "a")
    assert (steps.tolist(), found.tolist()) == ([0, 4], [1, 3])


def test_bad_curves_and_rows_are_refused_in_one_line() -> None:
    with pytest.raises(ValueError, match="one value for each step, got 1 for 2"):
        mean_over_networks([(np.arange(2.0), np.arange(1.0))])
    with pytest.raises(TypeError, match="rows must map names to numbers, got a int"):
        series([3], "a")  # type: ignore[list-item]
    with pytest.raises(ValueError, match="at least one series"):
        paired_series([{"step": 1}])
