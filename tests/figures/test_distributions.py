"""Shares count every unit, colours only what is beyond the null, and numbers stand in the titles."""

from typing import Any

import numpy as np
import pytest

from tests.drawn_figures import NAN, UNITS, all_axes, all_text, named, spacing_sheet, tau_sheet
from topogrid import figures
from topogrid.analysis.sheets.scale_clusters import fit_scale_clusters
from topogrid.figures import style


def test_the_axis_of_tau_holds_all_units_whether_or_not_they_have_a_lattice() -> None:
    fig = figures.tau_against_spacing([20.0, 200.0], [NAN, NAN], [False, False])
    low, high = all_axes(fig)[0].get_xlim()
    assert 0 < low < 20 < 200 < high


def test_shares_count_dead_units_and_stand_beside_those_of_the_null() -> None:
    fig = figures.score_histogram([0.1, 0.5, 0.9, NAN], [0.0, 0.4], (0.3, 0.8), network=named("plain"))
    assert "plain network: 50.0 % > 0.3, 25.0 % > 0.8" in all_text(fig)
    assert "null: 50.0 % > 0.3, 0.0 % > 0.8" in all_text(fig)
    assert fig.get_suptitle() == "Grid scores of 4 units\n1 dead and counted in the shares; 2 null maps"


def test_only_units_beyond_the_null_are_coloured_and_counted() -> None:
    passed = np.arange(UNITS) < 5
    fig = figures.tau_against_spacing(tau_sheet(), spacing_sheet(0.0), passed, rho=0.25, p=0.0001, p_name="p (shifts)")
    lines = {line.get_label(): line for line in all_axes(fig)[0].get_lines()}
    assert len(lines["beyond the null (n = 5)"].get_xdata()) == 5
    assert lines["beyond the null (n = 5)"].get_color() == style.UNNAMED.colour
    assert len(lines["lattice, not beyond the null (n = 11)"].get_xdata()) == 11
    assert "rho 0.25, p (shifts) < 0.001\nn = 16 lattices of 16 units" in fig.get_suptitle()


def test_every_spacing_falls_into_one_bin_whatever_is_missing() -> None:
    spacing = np.array([0.5, 0.525, 0.7, NAN, 0.7])
    ax = all_axes(figures.spacing_histogram(spacing, 0.739, network=named("plain")))[0]
    assert sum(patch.get_height() for patch in ax.patches) == 4
    assert max(patch.get_height() for patch in ax.patches) == 2
    labels = [line.get_label() for line in ax.get_lines()]
    assert labels == ["median 0.613 m", "theory 0.739 m"]


def test_known_modules_are_marked_in_place_of_a_mixture() -> None:
    spacing = np.repeat([0.5, 0.6, 0.7], 40) + np.tile(np.linspace(-0.01, 0.01, 40), 3)
    ax = all_axes(
        figures.spacing_histogram(spacing, modules=fit_scale_clusters(spacing), of_modules=[0.5, NAN, 0.6, 0.7])
    )[0]
    (marks,) = [line for line in ax.get_lines() if line.get_label() == "median of each of 3 modules"]
    assert marks.get_xdata().tolist() == [0.5, 0.6, 0.7]
    assert not any("components" in line.get_label() for line in ax.get_lines())
    unknown = all_axes(figures.spacing_histogram(spacing, modules=fit_scale_clusters(spacing), of_modules=[NAN]))[0]
    assert any("component" in line.get_label() for line in unknown.get_lines())


def test_medians_are_of_modules_where_there_are_several_and_of_fifths_where_there_are_none() -> None:
    tau, spacing = np.repeat([50.0, 20.0, 90.0], 10), np.repeat([0.6, 0.4, 0.9], 10)
    spacing[0], module = np.nan, np.repeat([0, 1, 2], 10)

    def marked(**given: Any) -> tuple[str, list[list[float]]]:
        fig = figures.tau_against_spacing(tau, spacing, np.ones(30, dtype=bool), **given)
        (line,) = [one for one in fig.axes[0].get_lines() if "medians" in str(one.get_label())]
        return str(line.get_label()), line.get_xydata().tolist()

    assert marked(module=module) == ("medians of modules", [[20.0, 0.4], [50.0, 0.6], [90.0, 0.9]])
    assert marked()[0] == marked(module=np.zeros(30))[0] == "medians of fifths by tau"
    with pytest.raises(ValueError, match="one entry per unit each, got 30, 30, 30 and 2"):
        marked(module=[0, 1])


def test_units_that_are_not_as_many_are_refused() -> None:
    with pytest.raises(ValueError, match="got 1, 2, 1 and 1"):
        figures.tau_against_spacing([1.0], [1.0, 2.0], [True])
