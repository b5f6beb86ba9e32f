"""The picture of the study has a row an arm and a dot a network."""

import numpy as np
import pytest

from topogrid.figures import StudyCourse, StudyPanel, study_courses, study_overview


def test_every_network_is_a_dot_and_what_is_missing_is_said() -> None:
    panel = StudyPanel("slope", {"one": [0.9, 1.0, np.nan], "two": []}, (0.0, 1.0))
    fig = study_overview({"one": "first arm", "two": "second arm"}, [panel, panel])
    ax = fig.axes[0]
    dots = [line for line in ax.lines if line.get_marker() == "o"]
    assert [len(line.get_xdata()) for line in dots] == [2]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["first arm", "second arm"]
    assert "-" in [text.get_text() for text in ax.texts]


def test_nothing_to_draw_is_refused() -> None:
    with pytest.raises(ValueError, match="needs arms and panels"):
        study_overview({}, [])


@pytest.mark.parametrize("count", [1, 3, 6])
def test_errors_have_a_panel_an_arm_and_a_line_a_network(count: int) -> None:
    course = StudyCourse("arm", [0.1, 1, 60], np.full((2, 3), 5.0), np.full((2, 3), np.nan), [10, 50, 90])
    fig = study_courses([course] * count)
    shown = [ax for ax in fig.axes if ax.lines]
    assert len(shown) == count
    # The guess, two networks and their mean; nothing of feedback that was not measured.
    assert {len(ax.lines) for ax in shown} == {4}
    assert [text.get_text() for text in fig.legends[0].get_texts()] == ["best guess", "network"]


def test_errors_of_no_arm_are_refused() -> None:
    with pytest.raises(ValueError, match="one arm or more"):
        study_courses([])
