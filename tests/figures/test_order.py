"""Shares and curves of order stand beside what chance gives, and units of one tau stay together."""

import numpy as np
import pytest

from tests.drawn_figures import NAN, all_axes, all_text, named
from topogrid import figures
from topogrid.analysis.sheets.order import DistanceSimilarity
from topogrid.figures.order import _parts


def test_equal_shares_do_not_hide_one_another_and_stand_beside_the_null() -> None:
    tau = np.repeat(np.arange(1, 5) * 20.0, 5)
    same = {name: np.zeros(20) for name in ("lattice", "silent", "below zero")}
    fig = figures.shares_by_tau(tau, same, null={"noise > 0.3": 0.3})
    lines = {line.get_label(): line for line in all_axes(fig)[0].get_lines()}
    shapes = {(line.get_marker(), line.get_markersize(), line.get_linestyle()) for line in lines.values()}
    assert len(shapes) == 4
    assert set(lines["noise > 0.3"].get_ydata()) == {30.0}


def test_parts_hold_every_unit_once_and_equal_tau_together() -> None:
    tau = np.array([3.0, 1.0, 1.0, 2.0, 2.0, 2.0, 9.0, 1.0])
    parts = _parts(tau, 4)
    assert sorted(np.concatenate(parts).tolist()) == list(range(8))
    for value in np.unique(tau):
        assert sum(value in tau[part] for part in parts) == 1
    assert [part.tolist() for part in _parts(np.ones(6), 3)] == [[0, 1, 2, 3, 4, 5]]


def test_a_share_is_that_of_the_units_of_its_part() -> None:
    tau = np.repeat([10.0, 20.0], 10)
    lattice = np.where(tau == 10, 1.0, 0.25)
    lattice[0] = NAN  # counts as none
    (line,) = all_axes(figures.shares_by_tau(tau, {"lattice": lattice}, parts=2))[0].get_lines()
    assert line.get_xdata().tolist() == [10, 20]
    assert line.get_ydata().tolist() == pytest.approx([90, 25])


def test_scores_are_counted_where_units_have_them() -> None:
    fig = figures.score_panels([0.1, 0.2, 0.6], [0.5, NAN, NAN], [NAN] * 3, network=named("plain"))
    titles = [ax.get_title(loc="left") for ax in all_axes(fig)]
    assert titles == ["median 0.2, n = 3", "median 0.5, n = 1", ""]
    assert "no unit has a value" in all_text(fig)
    assert "3 units of the plain network" in fig.get_suptitle()


def test_likeness_without_a_null_has_no_band() -> None:
    distance, missing = np.arange(1.0, 4.0), np.full(3, NAN)
    curve = DistanceSimilarity(
        distance, np.array([0.9, 0.5, 0.0]), n_pairs=missing, null_low=missing, null_high=missing
    )
    bare = figures.similarity_by_distance({"spacing": curve}, n_units=1000)
    banded = figures.similarity_by_distance(
        {"spacing": curve._replace(null_low=-0.1 + 0 * distance, null_high=0.1 + 0 * distance)}, n_units=1
    )
    assert [len(all_axes(fig)[0].collections) for fig in (bare, banded)] == [0, 1]
    assert "over 1,000 units with a lattice" in bare.get_suptitle()


def test_nothing_to_draw_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one property, got none"):
        figures.similarity_by_distance({}, n_units=0)
    with pytest.raises(ValueError, match="units and at least one share, got 2 units"):
        figures.shares_by_tau([1.0, 2.0], {})
