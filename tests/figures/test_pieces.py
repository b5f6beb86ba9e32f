"""A followed walk is shown at its best, median and worst, with the true path on top of what was decoded."""

from collections.abc import Callable

import numpy as np
import pytest
from matplotlib.figure import Figure

from tests.drawn_figures import NAN, all_axes, paths, pieces, rng, whole
from topogrid import figures
from topogrid.figures import pieces as pieces_file


def test_pieces_are_the_best_the_median_the_worst_and_random_ones() -> None:
    chosen = pieces_file.choose_pieces(np.array([5.0, 1.0, 9.0, 3.0, 4.0, NAN, 2.0]), rng())
    assert [index for index, _why in chosen[:3]] == [1, 4, 2]
    assert [why for _index, why in chosen] == ["best", "median", "worst", "random", "random", "random"]
    assert len({index for index, _why in chosen}) == 6
    assert pieces_file.choose_pieces(np.array([2.0, 1.0]), rng()) == [(1, "best"), (0, "worst")]
    assert pieces_file.choose_pieces(np.array([2.0]), rng()) == [(0, "best")]
    fig = pieces()
    assert [ax.get_title(loc="left").split("\n")[0] for ax in all_axes(fig)][:3] == ["best", "median", "worst"]
    assert "8 pieces of 0.6 s" in fig.get_suptitle()


@pytest.mark.parametrize("build", [pieces, whole])
def test_a_followed_walk_shows_the_true_path_on_top_and_both_guesses(build: Callable[[], Figure]) -> None:
    *panels, below, _key = all_axes(build())
    drawn = [ax for ax in panels if ax.get_title(loc="left")]
    assert len(drawn) == 6
    for ax in drawn:
        lines = {line.get_label(): line for line in ax.get_lines()}
        labels = [line.get_label() for line in ax.get_lines()]
        assert labels.index("true path") > labels.index("decoded path")
        assert lines["true path"].get_linewidth() < lines["decoded path"].get_linewidth()
        assert len(lines["true path"].get_xdata()) == len(lines["decoded path"].get_xdata())
    shown = {line.get_label(): line for line in below.get_lines()}
    assert np.isfinite(shown["holding still"].get_ydata()).all()
    assert np.isfinite(shown["guessing the middle"].get_ydata()).all()


def test_a_walk_followed_whole_is_shown_from_its_start_to_its_end() -> None:
    panels = [ax for ax in all_axes(whole()) if ax.get_title(loc="left")]
    assert [ax.get_title(loc="left").split("\n")[0] for ax in panels][::5] == ["from 0.02 s", "from 50 s"]
    assert float(panels[0].get_title(loc="left").split("\n")[1].split()[0]) < 1
    assert float(panels[5].get_title(loc="left").split("\n")[1].split()[0]) > 7


def test_windows_of_ten_seconds_reach_from_the_start_to_the_end_and_never_beyond() -> None:
    for n_samples in (1, 2, 499, 500, 501, 1200, 3000, 10_000):
        cuts = pieces_file._windows(np.arange(1, n_samples + 1) / 50)
        assert (cuts[0].start, len(cuts) <= pieces_file.SHOWN_PIECES) == (0, True)
        assert {cut.stop - cut.start for cut in cuts} == {min(500, n_samples)}
        assert cuts[-1].stop <= n_samples
        assert len(cuts) == 1 or cuts[-1].stop == n_samples


def walk_of(true: np.ndarray, decoded: np.ndarray) -> figures.FollowedPaths:
    return figures.FollowedPaths(true, decoded, [0.0], figures.Errors([0.0]), 1.0)


def test_a_walk_followed_whole_says_how_far_it_was_off() -> None:
    assert "given only its start; mean error" in whole().get_suptitle()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: figures.followed_pieces(walk_of(*paths()), rng=rng()),
            r"seconds must be \(30,\)",
        ),
        (
            lambda: figures.followed_whole(walk_of(np.zeros((3, 2)), np.zeros((3, 2)))),
            r"seconds must be \(3,\)",
        ),
        (
            lambda: figures.followed_whole(walk_of(np.zeros((3, 2)), np.zeros((2, 2)))),
            r"must both be \(time, 2\) and not empty, got \(3, 2\) and \(2, 2\)",
        ),
    ],
)
def test_paths_that_do_not_fit_are_refused(call: Callable[[], Figure], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
