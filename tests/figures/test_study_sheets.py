"""Sheets of all arms share their colours; steps have a dot a unit and a mark a module."""

import numpy as np
import pytest

from topogrid.figures import StudySheet, StudySteps, study_sheets, study_steps

TAU = np.linspace(2, 4, 16).reshape(4, 4)


def test_all_spacings_have_one_scale_and_each_tau_its_own() -> None:
    sheets = [StudySheet(f"arm {number}", number * TAU, 0.2 * TAU * number) for number in (1, 2, 3, 4, 5)]
    fig = study_sheets(sheets)
    images = [image for ax in fig.axes for image in ax.get_images()]
    assert len(images) == 10
    assert len({image.get_clim() for image in images[::2]}) == 5
    assert len({image.get_clim() for image in images[1::2]}) == 1
    assert {"tau 2 to 4 steps", "tau 10 to 20 steps", "grid spacing (m)"} <= {ax.get_xlabel() for ax in fig.axes}


def test_a_sheet_without_a_lattice_is_drawn() -> None:
    study_sheets([StudySheet("none", TAU, np.full((4, 4), np.nan))]).canvas.draw()


def test_steps_show_every_unit_with_a_lattice_and_every_module() -> None:
    spacing = np.where(np.arange(16) < 8, 0.5, 0.9)
    spacing[3] = np.nan
    fig = study_steps([StudySteps("one", TAU.ravel(), spacing, np.arange(16) // 8)])
    dots = [line for line in fig.axes[0].lines if line.get_marker() == "."]
    assert [len(line.get_xdata()) for line in dots] == [7, 8]
    (marks,) = (line for line in fig.axes[0].lines if line.get_marker() == "o")
    np.testing.assert_allclose(marks.get_ydata(), [0.5, 0.9])


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match=r"both \(row, col\)"):
        study_sheets([StudySheet("one", TAU, TAU[:2])])
    with pytest.raises(ValueError, match="got 0 arms"):
        study_sheets([])
    with pytest.raises(ValueError, match="got none"):
        study_steps([])
    with pytest.raises(ValueError, match="one value a unit"):
        study_steps([StudySteps("one", [1.0, 2.0], [0.5], [0])])


def test_equal_time_constants_have_the_middle_colour() -> None:
    fig = study_sheets([StudySheet("flat", np.full((4, 4), 3.0), TAU)])
    image = fig.axes[0].get_images()[0]
    assert float(image.norm(3.0)) == pytest.approx(0.5, abs=1e-3)
    assert fig.axes[0].get_xlabel() == "tau 3 steps"
    assert {"time constants of each sheet", "grid spacing (m)"} <= {ax.get_xlabel() for ax in fig.axes}
