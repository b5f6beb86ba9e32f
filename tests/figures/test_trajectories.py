"""Paths are drawn where animals were, and their errors are told in centimetres."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from tests.drawn_figures import all_axes, all_text, paths, whole
from topogrid import figures
from topogrid.figures import trajectories


def test_errors_of_paths_are_told_in_centimetres() -> None:
    true, _decoded = paths()
    when = 0.02 * np.arange(1, 31)
    fig = figures.decoded_trajectories(true, true + np.array([0.03, 0.04]), 2.2, seconds=when)
    assert all_text(fig).count("mean error 5.0 cm") == 4
    assert "mean error of all 5 walks: 5.0 cm over 0.6 s" in fig.get_suptitle()
    unknown = figures.decoded_trajectories(true, true, 2.2)
    assert "over 30 steps" in unknown.get_suptitle()
    assert "given only its start; mean error" in whole().get_suptitle()


def test_the_first_steps_have_a_row_and_a_mean_error_of_their_own() -> None:
    true, _decoded = paths(3)
    off = np.where(np.arange(30)[:, None] < 10, 0.01, 0.2) * np.array([1.0, 0.0])
    when = 0.02 * np.arange(1, 31)
    fig = figures.decoded_trajectories(true, true + off, 2.2, seconds=when, first_seconds=0.2)
    titles = [ax.get_title(loc="left") for ax in fig.axes]
    assert titles == ["mean error 1.0 cm"] * 3 + ["mean error 13.7 cm"] * 3
    assert [len(ax.lines[0].get_xdata()) for ax in fig.axes] == [10] * 3 + [30] * 3
    assert "1.0 cm over 0.2 s, 13.7 cm over 0.6 s" in fig.get_suptitle()


def test_of_a_long_walk_its_first_ten_seconds_are_drawn_and_all_of_it_is_told() -> None:
    true, _decoded = paths(3)
    when = 2.0 * np.arange(1, 31)
    off = np.where(np.arange(30)[:, None] < 10, 0.01, 0.2) * np.array([1.0, 0.0])
    fig = figures.decoded_trajectories(true, true + off, 2.2, seconds=when, first_seconds=1.0)
    assert [len(ax.lines[0].get_xdata()) for ax in fig.axes] == [trajectories.FEWEST_POSITIONS] * 3
    assert "mean error of 3 walks: 1.0 cm over 20 s, 13.7 cm over 60 s" in fig.get_suptitle()


def test_time_is_that_of_the_positions_which_need_not_be_every_step() -> None:
    """Of a walk of a minute, only some hundred moments are kept."""
    true, decoded = paths(3)
    when = 2.0 * np.arange(1, 31)
    fig = figures.decoded_trajectories(true, decoded, 2.2, seconds=when, first_seconds=0.4)
    assert [len(ax.lines[0].get_xdata()) for ax in fig.axes] == [trajectories.FEWEST_POSITIONS] * 3
    assert "over 20 s" in fig.get_suptitle()
    assert "over 60 s" in fig.get_suptitle()
    with pytest.raises(ValueError, match=r"one for each of 30 positions, got shape \(29,\)"):
        figures.decoded_trajectories(true, decoded, 2.2, seconds=when[:-1])


def test_short_walks_are_enlarged_and_long_ones_show_the_whole_box() -> None:
    def width(fig: Figure) -> float:
        return float(np.ptp(all_axes(fig)[0].get_xlim()))

    assert width(figures.decoded_trajectories(*paths(size=0.002), 2.2)) < 0.5
    assert width(figures.decoded_trajectories(*paths(size=0.2), 2.2)) > 2.2


def test_the_paths_that_are_drawn_are_those_that_were_walked() -> None:
    true, decoded = paths(2)
    fig = figures.decoded_trajectories(true, decoded, 2.2)
    for ax, path, other in zip(all_axes(fig), true, decoded, strict=False):
        lines = {line.get_label(): line for line in ax.get_lines()}
        np.testing.assert_allclose(lines["true"].get_xydata(), path)
        np.testing.assert_allclose(lines["decoded"].get_xydata(), other)
        low, high = np.array([ax.get_xlim(), ax.get_ylim()]).T
        assert ((path > low) & (path < high)).all()


def test_paths_that_are_none_are_refused() -> None:
    with pytest.raises(ValueError, match=r"must both be \(walk, time, 2\)"):
        figures.decoded_trajectories(np.zeros((3, 2)), np.zeros((3, 2)), 2.2)
