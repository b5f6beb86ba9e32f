"""Conditions are drawn below each other, and one without a value says so."""

import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.drawn_figures import NAN, pixels
from topogrid import figures
from topogrid.figures import save_figure


def test_panels_of_zeros_begin_at_zero_without_a_stray_number() -> None:
    panel = figures.Panel("grid cells\n(% of units)", [0.0, 0.0], [0.0, 0.0], from_zero=True)
    fig = figures.condition_lines(["baseline", "cut"], [panel], title="What cutting does to 2 units")
    pixels(fig)
    ax = fig.axes[0]
    assert ax.get_xlim()[1] > 0.5
    assert ax.xaxis.get_offset_text().get_text() == ""


def test_a_comparison_needs_one_value_a_condition_and_draws_what_has_none(tmp_path: Path) -> None:
    panel = figures.Panel("spacing (m)", [0.7, math.nan], line=0.739)
    drawn = save_figure(
        figures.condition_lines(["baseline", "cut"], [panel], title="What cutting does"), tmp_path / "a.png"
    )
    assert np.asarray(Image.open(drawn).convert("L"), dtype=float).std() > 3
    with pytest.raises(ValueError, match="needs 3 values"):
        figures.condition_lines(["a", "b", "c"], [panel], title="")
    with pytest.raises(ValueError, match="a figure of conditions needs some"):
        figures.condition_lines([], [], title="")


def test_values_stand_in_the_order_of_their_conditions_beside_the_first() -> None:
    panel = figures.Panel("spacing (m)", [0.7, NAN, 0.9], null=[0.1, 0.2, 0.3])
    ax = figures.condition_lines(["baseline", "cut", "longer"], [panel], title="").axes[0]
    lines = {line.get_label(): line for line in ax.get_lines()}
    np.testing.assert_array_equal(lines["measured"].get_xydata(), [[0.7, 0], [NAN, 1], [0.9, 2]])
    np.testing.assert_array_equal(lines["null"].get_xdata(), [0.1, 0.2, 0.3])
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["baseline", "cut", "longer"]
    assert ax.get_ylim()[0] > ax.get_ylim()[1], "the first is on top"
    (dotted,) = [line for line in ax.get_lines() if line.get_linestyle() == ":"]
    assert set(dotted.get_xdata()) == {0.7}
    assert [text.get_text() for text in ax.texts] == ["no value"]


def test_a_null_of_another_length_is_told_by_its_own_length() -> None:
    panel = figures.Panel("share (%)", [1.0, 2.0], null=[1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="'share \\(%\\)' needs 2 values, one a condition, got 2 and 3 of its null"):
        figures.condition_lines(["a", "b"], [panel], title="")
