"""The picture of the study has a row an arm and a dot a network."""

import numpy as np
import pytest

from topogrid.figures import StudyPanel, study_overview


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
