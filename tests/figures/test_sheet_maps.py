"""Sheets are drawn with row 0 on top, one pixel a unit, grey where nothing was measured, on scales that are told."""

from typing import Any

import numpy as np
import pytest
from matplotlib.image import AxesImage

from tests.drawn_figures import FIGURES, NAN, all_axes, all_text, pixels, spacing_sheet, tau_sheet
from topogrid import figures
from topogrid.figures.sheet_maps import LEAST_SPAN_M, colour_limits


def test_one_value_needs_no_scale_and_nothing_measured_no_colour_bar() -> None:
    for name in ("tau of a plain network", "scale without any lattice"):
        assert [ax.get_ylabel() for ax in all_axes(FIGURES[name]())] == ["row"]


def test_the_colour_bar_of_tau_reads_the_same_in_steps_and_milliseconds() -> None:
    fig = figures.tau_map(tau_sheet(), 0.02)
    pixels(fig)
    (steps,) = [ax for ax in all_axes(fig) if ax.get_ylabel() == "time constant tau (steps)"]
    (ms,) = [ax for ax in all_axes(fig) if ax.get_ylabel() == "time constant tau (ms)"]
    np.testing.assert_allclose(ms.get_ylim(), 20 * np.array(steps.get_ylim()))
    np.testing.assert_allclose(steps.get_ylim(), (1, 20))


def test_the_first_row_of_a_sheet_is_at_the_top_and_unmeasured_units_are_not_coloured() -> None:
    sheet = spacing_sheet()
    fig = figures.scale_map(sheet, 0.739)
    image = fig.findobj(AxesImage)[0]
    bottom, top = image.axes.get_ylim()
    assert bottom > top
    np.testing.assert_array_equal(np.ma.getmaskarray(image.get_array()), np.isnan(sheet))
    assert f"grey: no lattice (n = {np.isnan(sheet).sum()})" in all_text(fig)
    assert "theory: 0.739 m" in all_text(fig)
    assert "grey" not in all_text(figures.scale_map(np.full((2, 2), 0.8)))


def borders(ax: Any) -> list[float]:
    return sorted({float(line.get_xdata()[0]) for line in ax.get_lines() if len({*line.get_xdata()}) == 1})


def test_lines_lie_between_modules_and_nowhere_else() -> None:
    sheet = np.arange(36.0).reshape(6, 6)
    for draw in (figures.orientation_map, figures.scale_map, lambda values, **k: figures.tau_map(values, 0.02, **k)):
        assert borders(draw(sheet, modules=3).findobj(AxesImage)[0].axes) == [1.5, 3.5]
        assert borders(draw(sheet).findobj(AxesImage)[0].axes) == []
    both = figures.phase_map(np.stack([sheet] * 2, axis=-1), modules=2).findobj(AxesImage)[:2]
    assert [borders(image.axes) for image in both] == [[2.5], [2.5]]


def test_beside_a_sheet_without_modules_stand_medians_and_middle_halves_of_rows() -> None:
    sheet = np.array([[1.0, 2.0, 3.0], [4.0, NAN, NAN], [NAN, NAN, NAN]])
    (profile,) = [ax for ax in all_axes(figures.tau_map(sheet, 0.02)) if "each row" in ax.get_xlabel()]
    np.testing.assert_allclose(profile.lines[0].get_xydata(), [[2, 0], [4, 1]])
    halves = [path.vertices.tolist() for path in profile.collections[0].get_paths()]
    np.testing.assert_allclose(halves, [[[1.5, 0], [2.5, 0]], [[4, 1], [4, 1]]])


def test_beside_a_sheet_with_modules_each_has_its_median_over_its_rows() -> None:
    sheet = np.kron([[1.0, 2.0], [NAN, 4.0]], np.ones((3, 3)))
    sheet[0, :3] = 5.0  # a third of a module: the median stays
    (profile,) = [ax for ax in all_axes(figures.scale_map(sheet, modules=2)) if "each module" in ax.get_xlabel()]
    medians = [path.vertices.tolist() for path in profile.collections[0].get_paths()]
    np.testing.assert_allclose(medians, [[[1, -0.5], [1, 2.5]], [[2, -0.5], [2, 2.5]], [[4, 2.5], [4, 5.5]]])
    bands = [(bar.get_x(), bar.get_width(), bar.get_y(), bar.get_height()) for bar in profile.patches]
    np.testing.assert_allclose(bands, [(1, 4, -0.5, 3), (2, 0, -0.5, 3), (4, 0, 2.5, 3)])


def test_orientations_are_taken_mod_60_and_phases_mod_1() -> None:
    turned = figures.orientation_map([[59.0, 119.0], [-1.0, 0.0]]).findobj(AxesImage)[0].get_array()
    np.testing.assert_allclose(turned, [[59, 59], [59, 0]])
    shifted = figures.phase_map(np.array([[[1.25, -0.25]]]))
    assert [float(image.get_array()[0, 0]) for image in shifted.findobj(AxesImage)[:2]] == [0.25, 0.75]


def test_outliers_do_not_flatten_the_scale_and_equal_values_do_not_blow_it_up() -> None:
    low, high = colour_limits([0.5, *np.linspace(0.8, 0.9, 200), 3.0, NAN])
    assert 0.79 < low < high < 0.91
    low, high = colour_limits([0.8, 0.8])
    assert high - low == pytest.approx(LEAST_SPAN_M)
    assert colour_limits([NAN]) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: figures.tau_map([1.0, 2.0], 0.02), r"tau_sheet must be \(row, col\), got shape \(2,\)"),
        (lambda: figures.tau_map([[1.0]], 0.0), "dt_s must be a positive number of seconds, got 0.0"),
        (lambda: figures.scale_map(np.zeros((0, 3))), r"spacing_sheet must be \(row, col\), got shape \(0, 3\)"),
        (lambda: figures.phase_map(np.zeros((2, 2))), r"phase_sheet must be \(row, col, 2\), got shape \(2, 2\)"),
        (lambda: figures.scale_map(np.zeros((4, 4)), modules=3), "a sheet of 4 x 4 units has no 3 modules a side"),
    ],
)
def test_what_is_no_sheet_is_refused(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
