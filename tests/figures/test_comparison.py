"""Figures of groups: every question is drawn for whatever groups there are, and the legend names them."""

import numpy as np
import pytest

from tests.made_groups import COLOURS, GROUPS, drawn, groups
from topogrid.analysis.networks.groups import Group
from topogrid.figures import COMPARISON_FIGURES, comparison_figure, comparison_overview

SLOW = ("one", "one network", "one bare among others", "dead")


@pytest.mark.parametrize("which", [pytest.param(name, marks=[pytest.mark.slow] * (name in SLOW)) for name in GROUPS])
def test_the_overview_is_drawn_within_its_edges(which: str) -> None:
    image = drawn(
        comparison_overview(GROUPS[which], COLOURS[: len(GROUPS[which])], title=f"what is compared, {which}, " * 4)
    )
    assert image.std() > 5
    assert (np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]]) == 255).all(), "cut off at the edge"


@pytest.mark.parametrize("name", COMPARISON_FIGURES)
def test_each_question_has_a_figure_of_its_own(name: str) -> None:
    image = drawn(comparison_figure(name, groups(), COLOURS[:2]))
    assert image.std() > 5
    assert (np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]]) == 255).all(), "cut off at the edge"


def test_every_group_needs_a_colour() -> None:
    with pytest.raises(ValueError, match="a colour for each of 2 groups, got 1"):
        comparison_figure("spread", groups(), COLOURS[:1])


@pytest.mark.parametrize("bad", [[], [Group("plain", "plain", ())]])
def test_a_group_without_networks_is_refused(bad: list[Group]) -> None:
    with pytest.raises(ValueError, match="groups of at least one network"):
        comparison_overview(bad, COLOURS[: len(bad)], title="nothing")


def test_an_unknown_figure_is_refused() -> None:
    with pytest.raises(ValueError, match="trade_off, spread, sheets, got 'trade'"):
        comparison_figure("trade", groups(), COLOURS[:2])


def test_sheets_share_their_scales_and_many_networks_are_cut_to_what_fits() -> None:
    fig = comparison_figure("sheets", groups(), COLOURS[:2])
    images = [ax.images[0] for ax in fig.axes if ax.images]
    assert len(images) == 12
    for row in (images[:6], images[6:]):
        assert len({image.get_clim() for image in row}) == 1
    many = [Group("plain", "plain", groups()[0].members * 4)]
    assert len([ax for ax in comparison_figure("sheets", many, COLOURS[:1]).axes if ax.images]) == 2 * 8


def test_the_legend_says_how_many_networks_a_group_has() -> None:
    (legend,) = comparison_figure("spread", groups(), COLOURS[:2]).legends
    assert [text.get_text() for text in legend.get_texts()][:2] == ["plain (n = 3)", "tau (n = 3)"]
