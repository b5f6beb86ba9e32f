"""Moments of training stand side by side on shared scales, the first and the last always among them."""

import numpy as np
import pytest
from matplotlib.image import AxesImage

from tests.drawn_figures import SIDE, UNITS, all_axes, all_text, moments, spacing_sheet, tau_sheet
from topogrid import figures
from topogrid.figures.filmstrip import MOST_MOMENTS, chosen_moments


def test_a_filmstrip_shows_five_moments_on_shared_scales() -> None:
    fig = figures.filmstrip(moments(9), 0.01, modules=2)
    titles = [ax.get_title() for ax in all_axes(fig) if ax.get_title()]
    assert titles == [f"step {step}" for step in (0, 200, 400, 600, 800)]
    images = [image for image in fig.findobj(AxesImage) if np.asarray(image.get_array()).shape == (SIDE, SIDE)]
    assert len(images) == 10
    for row in (images[:5], images[5:]):
        assert len({image.get_clim() for image in row}) == 1
    np.testing.assert_allclose(images[0].get_array(), 10 * tau_sheet())  # milliseconds
    assert "no lattice" in all_text(fig)
    assert "5 of 9 moments" in fig.get_suptitle()


def test_the_first_and_the_last_moment_are_always_among_few_and_all_different() -> None:
    for count in range(1, 40):
        chosen = chosen_moments(count)
        assert (chosen[0], chosen[-1]) == (0, count - 1)
        assert len(set(chosen)) == len(chosen) == min(count, MOST_MOMENTS)
        assert chosen == sorted(chosen)


def test_early_outliers_do_not_set_the_scale_of_spacing() -> None:
    early = figures.Moment(0, np.ones(UNITS), np.linspace(0.1, 3.0, UNITS))
    late = figures.Moment(9, np.ones(UNITS), spacing_sheet(0.0).ravel())
    strip = figures.filmstrip([early, late], 0.02)
    low, high = strip.findobj(AxesImage)[2].get_clim()
    assert 0.7 < low < high < 1.0


def test_what_is_no_strip_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one moment"):
        figures.filmstrip([], 0.02)
    with pytest.raises(ValueError, match="square"):
        figures.filmstrip([figures.Moment(0, np.ones(7), [])], 0.02)
