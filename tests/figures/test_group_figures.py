"""Figures of groups: every question is drawn for whatever groups there are, and each network counts once."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from tests.made_runs import measures
from topogrid.analysis.networks.groups import Group, Member
from topogrid.figures import COMPARISON_FIGURES, PALETTE, comparison_figure, comparison_overview


def member(seed: int, slope: float | None = None, n_units: int = 64, **changes: Any) -> Member:
    rng = np.random.default_rng(seed)
    rows = [
        {"step": step, "train/position_error_cm": 80 - step / 5, "train/ce_loss": 6.2} for step in range(0, 301, 50)
    ]
    rows += [{"step": step, **measures(80 - step / 5, step / 900, slope)} for step in range(0, 301, 100)]
    sheet = (round(n_units**0.5),) * 2
    kept = {
        "label": f"seed {seed}",
        "measures": measures(20 + seed, 1 / 3, slope),
        "rows": rows,
        "scores": rng.normal(0.2, 0.3, n_units),
        "spacing": 0.8 + 0.02 * rng.normal(size=sheet),
        "tau": np.full(sheet, 1.0 if slope is None else 5.0),
        "seconds": np.arange(1, 4.0),
        "long_error_cm": np.arange(2, 5.0),
        "hold_still_cm": np.arange(3, 6.0),
    }
    return Member(**(kept | changes))


def groups() -> list[Group]:
    return [
        Group("plain", "plain", tuple(map(member, range(3)))),
        Group("tau", "tau", tuple(member(seed, 0.1) for seed in range(3))),
    ]


BARE = [Group("plain", "plain", (Member("seed 0"), Member("seed 1")))]
GROUPS: dict[str, Sequence[Group]] = {
    "two": groups(),
    "one": groups()[:1],
    "one network": [Group("tau", "tau", (member(0, 0.1),))],
    "nothing kept": BARE,
    "one bare among others": [*groups(), *BARE],
    "many long names": [
        Group(f"tau, tau_max {n}, tau_smoothness_weight 0.0{n}", "tau", (member(n, 0.1, 16 * n * n),))
        for n in range(1, 8)
    ],
    "dead": [Group("plain", "plain", (member(0, scores=np.full(64, np.nan), spacing=np.full((8, 8), np.nan)),))],
}


def drawn(figure: Figure) -> np.ndarray:
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba(), dtype=float)[..., :3]


COLOURS = list(PALETTE.values())
SHARE = "share (% of units)"
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


def axes_of(figure: Figure, label: str) -> Any:
    return next(ax for ax in figure.axes if ax.get_ylabel() == label)


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


def test_every_group_needs_a_colour() -> None:
    with pytest.raises(ValueError, match="a colour for each of 2 groups, got 1"):
        comparison_figure("spread", groups(), COLOURS[:1])


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


@pytest.mark.parametrize("bad", [[], [Group("plain", "plain", ())]])
def test_a_group_without_networks_is_refused(bad: list[Group]) -> None:
    with pytest.raises(ValueError, match="groups of at least one network"):
        comparison_overview(bad, COLOURS[: len(bad)], title="nothing")


def test_an_unknown_figure_is_refused() -> None:
    with pytest.raises(ValueError, match="trade_off, spread, sheets, got 'trade'"):
        comparison_figure("trade", groups(), COLOURS[:2])
