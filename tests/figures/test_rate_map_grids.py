"""The maps that are shown are those that the title says, y upwards, each scaled to its own peak."""

import itertools
from typing import Any

import numpy as np
import pytest
from matplotlib.image import AxesImage
from matplotlib.text import Text

from tests.drawn_figures import NAN, UNITS, all_text, pixels, rate_maps, rng, unit_maps, unit_scores
from topogrid import figures
from topogrid.analysis.synthetic import lattice_map
from topogrid.figures import rate_map_grids


def test_the_best_of_every_module_are_shown_fastest_first() -> None:
    maps = np.stack([lattice_map(0.6 + 0.01 * unit) for unit in range(12)])
    scores, modules = np.linspace(0, 1, 12), np.repeat([1, 0, 2], 4)
    tau_ms = np.repeat([20.0, 10.0, 30.0], 4)
    fig = figures.rate_map_grid(maps, scores, np.full(12, 0.6), tau_ms, box_size=2.2, n=6, columns=6, module_of=modules)
    names = [text.get_text().split("\n")[0] for text in fig.axes[0].texts]
    assert names == ["unit 7", "unit 6", "unit 3", "unit 2", "unit 11", "unit 10"]
    assert "2 units with the best grid score in each of 3 modules" in " ".join(text.get_text() for text in fig.texts)


@pytest.mark.parametrize("columns", [2, 3, 4, 5, 8])
def test_a_module_stands_in_one_row(columns: int) -> None:
    maps = np.stack([lattice_map(0.6 + 0.01 * unit) for unit in range(12)])
    modules = np.repeat([1, 0, 2], 4)
    fig = figures.rate_map_grid(
        maps, np.linspace(0, 1, 12), np.full(12, 0.6), np.full(12, 9.0), box_size=2.2, n=9, columns=columns,
        module_of=modules,
    )  # fmt: skip
    rows: dict[int, set[float]] = {}
    for text in fig.axes[0].texts:
        unit = int(text.get_text().split("\n")[0].removeprefix("unit "))
        rows.setdefault(int(modules[unit]), set()).add(text.get_position()[1])
    assert [len(heights) for heights in rows.values()] == [1, 1, 1]


def test_captions_of_rate_maps_do_not_touch() -> None:
    # As wide as captions get: no lattice, the slowest units, two digits of peak.
    fig = figures.rate_map_grid(
        np.tile(0.0123 * unit_maps()[3:4], (16, 1, 1)), [0.98] * 16, [NAN] * 16, [200.0] * 16,
        [f"unit {4000 + unit}" for unit in range(16)], box_size=2.2, n=16,
    )  # fmt: skip
    pixels(fig)
    captions = [text for text in fig.findobj(Text) if "GS " in text.get_text() and text.axes]
    boxes = sorted((box.y0, box.x0, box.x1) for box in (text.get_window_extent() for text in captions))
    neighbours = [(a, b) for a, b in itertools.pairwise(boxes) if a[0] == b[0]]
    assert len(neighbours) == 14
    assert all(right[1] - left[2] > 2 for left, right in neighbours)


def test_the_best_maps_are_the_best_and_a_random_sample_holds_dead_units_too() -> None:
    scores = unit_scores()
    assert rate_map_grids._choose(scores, 3, "best", None).tolist() == [1, 2, 3]
    sample = rate_map_grids._choose(scores, UNITS, "random", rng())
    assert sorted(sample.tolist()) == list(range(UNITS))
    assert sample[-1] == 0
    assert "6 best of 16 units" in rate_maps().get_suptitle()
    title = rate_maps(selection="random", rng=rng(), n=99).get_suptitle()
    assert "16 of 16 units drawn at random" in title


def test_a_rate_map_is_drawn_with_y_up_and_scaled_to_its_peak() -> None:
    rates = np.array([[0.0, 1.0, 2.0], [0.0, 0.0, 0.0], [4.0, 0.0, 0.0]])  # the peak is at large y and small x
    fig = figures.rate_map_grid(rates[None], [0.5], [0.8], [40.0], ["the one"], box_size=1.0)
    image = fig.findobj(AxesImage)[0]
    left, right, bottom, top = image.get_extent()
    down = image.axes.get_ylim()[0] > image.axes.get_ylim()[1]
    assert (down, bottom > top, left < right, image.origin) == (True, True, True, "upper")
    np.testing.assert_allclose(image.get_array(), rates[::-1] / 4)
    assert "the one\nGS 0.50, 0.80 m\n40 ms, pk 4" in all_text(fig)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n": 0}, "n and columns must be at least 1, got 0 and 3"),
        ({"selection": "random"}, "needs rng, got None"),
        ({"selection": "worst"}, 'must be "best" or "random", got \'worst\''),
        ({"labels": ["a"]}, r"one entry per map \(16\)"),
    ],
)
def test_what_cannot_be_chosen_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        rate_maps(**settings)
