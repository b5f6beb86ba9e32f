"""Points lie on the line where spacing changed as predicted, and the distance from it is told."""

import numpy as np
import pytest

from tests.drawn_figures import NAN, all_axes, all_text, module_panels, named, spacing_sheet
from topogrid import figures
from topogrid.figures.predictions import deviation


def test_predictions_stand_against_measures_and_what_was_before() -> None:
    fig = figures.predicted_and_measured(module_panels(4), network=named("attractor+tau"))
    first, _second, flat = all_axes(fig)[:3]
    lines = {line.get_label(): line for line in first.get_lines()}
    np.testing.assert_allclose(lines["before (if spacing stayed)"].get_ydata(), np.linspace(0.5, 1.0, 4))
    np.testing.assert_allclose(lines["before (if spacing stayed)"].get_xdata(), 0.8 * np.linspace(0.5, 1.0, 4))
    np.testing.assert_array_equal(lines["as predicted"].get_xdata(), lines["as predicted"].get_ydata())
    points = first.containers[0].lines[0]
    np.testing.assert_allclose(points.get_ydata()[:3] / points.get_xdata()[:3], 0.82 / 0.8)
    assert points.get_color() == named("attractor+tau").colour
    assert "2.5 %\n3 of 4 modules" in all_text(fig)
    assert "no module\nhas a spacing" in [text.get_text() for text in flat.texts]
    with_maps = figures.predicted_and_measured(module_panels(4), before_map=spacing_sheet().ravel(), modules=2)
    assert [ax.get_title() for ax in all_axes(with_maps)].count("after") == 3


def test_the_deviation_is_a_median_over_modules_with_both_values() -> None:
    off, n_modules = deviation([1.0, 1.0, 0.5, NAN, 1.0], [1.1, 0.8, 0.5, 0.7, NAN])
    assert (off, n_modules) == (pytest.approx(0.1), 3)
    nothing, none = deviation([NAN], [1.0])
    assert np.isnan(nothing)
    assert none == 0


def test_one_scale_holds_for_all_panels() -> None:
    wide = figures.ModulePanel("wide", [2.0, 1.0], [2.2, 0.4], [0.0, 0.0], [1.0, 1.0])
    narrow = figures.ModulePanel("narrow", [1.0, 1.0], [1.0, 1.1], [0.0, 0.0], [1.0, 1.0])
    first, second = all_axes(figures.predicted_and_measured([wide, narrow]))[:2]
    assert first.get_xlim() == first.get_ylim() == second.get_xlim() == second.get_ylim()
    assert first.get_xlim()[0] < 0.4 < 2.2 < first.get_xlim()[1]


def test_panels_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one panel"):
        figures.predicted_and_measured([])
    with pytest.raises(ValueError, match=r"'flat' needs predicted, measured, spread and before of \(module,\)"):
        figures.predicted_and_measured([figures.ModulePanel("flat", [1.0], [1.0, 2.0], [0.0], [1.0])])
