"""Every network is one line or one dot, counts once, and what none has takes no room."""

import dataclasses

import numpy as np

from tests.made_groups import BARE, COLOURS, axes_of, groups, member
from topogrid.analysis.networks.groups import Group, Member
from topogrid.figures import comparison_figure

SHARE = "share (% of units)"


def test_every_network_has_a_line_and_the_mean_is_theirs() -> None:
    ax = axes_of(comparison_figure("trade_off", groups(), COLOURS[:2]), "GS > 0.3 (% of units)")
    thin = [line for line in ax.get_lines() if line.get_linewidth() < 1 and len(line.get_xdata()) == 4]
    assert len(thin) == 6
    assert {line.get_color() for line in thin} == set(COLOURS[:2])
    thick = [line for line in ax.get_lines() if line.get_linewidth() == 1.8]
    assert len(thick) == 2
    np.testing.assert_allclose(thick[0].get_ydata(), np.arange(0, 301, 100) / 9)
    dashed = [line for line in ax.get_lines() if line.get_linestyle() == "--"]
    np.testing.assert_allclose(dashed[0].get_ydata(), 30.0)
    left, right = ax.get_xlim()
    assert left > right, "training goes from left to right, so errors fall"


def test_a_network_with_few_lattices_counts_as_much_as_one_with_many() -> None:
    one, many = np.full((8, 8), np.nan), np.full((8, 8), 0.9)
    one[0, 0] = 0.7
    pair = Group("plain", "plain", (member(0, spacing=one), member(1, spacing=many)))
    ax = axes_of(comparison_figure("spread", [pair], COLOURS[:1]), "% of lattices per bin")
    mean = next(patch for patch in ax.patches if patch.get_linewidth() == 1.8)
    np.testing.assert_allclose(sorted(mean.get_data().values)[-2:], [50, 50])


def test_a_measure_that_no_network_has_takes_no_room() -> None:
    without = [Group(one.name, one.kind, tuple(map(_without_beyond, one.members))) for one in groups()]
    ticks = [
        [
            tick.get_text()
            for tick in axes_of(comparison_figure("trade_off", some, COLOURS[:2]), SHARE).get_xticklabels()
        ]
        for some in (groups(), without)
    ]
    assert ticks[0] == ["GS > 0.3", "GS > 0.8", "beyond\nnull", "grid\ncells"]
    assert "beyond\nnull" not in ticks[1]


def _without_beyond(member: Member) -> Member:
    kept = {key: value for key, value in member.measures.items() if "beyond_null" not in key}
    return dataclasses.replace(member, measures=kept)


def test_a_dot_is_one_network_and_the_bar_is_their_mean() -> None:
    ax = axes_of(comparison_figure("trade_off", groups(), COLOURS[:2]), SHARE)
    dots = [line for line in ax.get_lines() if line.get_marker() == "o"]
    assert {len(line.get_xdata()) for line in dots} == {3}
    assert len(dots) == 2 * 4
    np.testing.assert_allclose(dots[0].get_ydata(), 100 / 3)


def test_what_was_not_kept_is_said_to_be_missing() -> None:
    fig = comparison_figure("learning", BARE, COLOURS[:1])
    said = [text.get_text() for ax in fig.axes for text in ax.texts]
    assert said == ["not recorded", "not recorded", "not kept in these folders"]
