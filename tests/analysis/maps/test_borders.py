"""Border scores of maps whose fields and walls are known."""

import numpy as np
import pytest

from topogrid.analysis import border_scores
from topogrid.analysis.synthetic import field_map, lattice_map


def walls_only(n_bins: int = 20) -> np.ndarray:
    """Return four maps that fire along one wall each: bottom, top, left, right."""
    maps = np.zeros((4, n_bins, n_bins))
    maps[0, 0], maps[1, -1], maps[2, :, 0], maps[3, :, -1] = 1, 1, 1, 1
    return maps


def test_each_wall_scores_alike_and_high() -> None:
    scores = border_scores(walls_only(), 2.2)
    np.testing.assert_allclose(scores, (1 - 0.05) / (1 + 0.05), rtol=1e-12)  # bin centres lie half a bin off the wall


def test_a_central_field_scores_minus_one() -> None:
    assert border_scores(field_map(np.array([[0.0, 0.0]]), 0.15)[None], 2.2)[0] == pytest.approx(-1)


def test_every_field_counts_not_only_the_first() -> None:
    # The field that meets the wall is neither the first found, nor the strongest, nor the largest.
    rate_map = np.zeros((20, 20))
    rate_map[4:9, 4:9] = 5.0
    rate_map[-2:, :] = 2.0
    alone = np.where(np.arange(20)[:, None] >= 18, rate_map, 0)
    with_both, wall_alone = border_scores(np.stack([rate_map, alone]), 2.2)
    assert wall_alone > 0.8
    assert 0.2 < with_both < wall_alone  # full coverage all the same; only the distance has grown


def test_specks_are_not_fields() -> None:
    speck = np.zeros((1, 20, 20))
    speck[0, 0, 0] = 1.0  # one bin of 0.0121 square metres
    assert np.isnan(border_scores(speck, 2.2)[0])
    assert np.isfinite(border_scores(speck, 2.2, min_field_area=0.01)[0])


def test_fields_of_neighbouring_units_do_not_merge() -> None:
    maps = np.tile(walls_only()[:1], (5, 1, 1))
    assert np.unique(border_scores(maps, 2.2)).size == 1


def test_maps_without_a_field_have_no_border_score() -> None:
    maps = np.stack([np.zeros((20, 20)), np.full((20, 20), 2.0), np.full((20, 20), np.nan), -lattice_map(0.7) - 1])
    assert np.isnan(border_scores(maps, 2.2)).all()


def test_unvisited_wall_bins_do_not_count_against_coverage() -> None:
    maps = walls_only()[:1]
    maps[0, 0, :5] = np.nan
    assert border_scores(maps, 2.2)[0] > 0.9


def test_bins_outside_the_walls_change_nothing() -> None:
    maps = walls_only()
    inside = border_scores(maps, 2.0)
    around = np.full((4, 26, 24), np.nan)
    around[:, 4:24, 1:21] = maps
    np.testing.assert_allclose(border_scores(around, (2.4, 2.6)), inside)


def test_a_map_with_holes_everywhere_keeps_its_walls() -> None:
    maps = walls_only()
    maps[:, np.random.default_rng(0).random((20, 20)) < 0.5] = np.nan
    assert np.isfinite(border_scores(maps, 2.2)).all()


@pytest.mark.parametrize("degrees", [0, 15, 30, 45])
@pytest.mark.parametrize("n_bins", [12, 20, 30, 40])
def test_a_round_box_has_no_wall_whatever_the_direction(n_bins: int, degrees: int) -> None:
    y, x = (np.mgrid[:n_bins, :n_bins] + 0.5) / n_bins * 2 - 1
    along = x * np.cos(np.radians(degrees)) + y * np.sin(np.radians(degrees))
    rate_map = np.where(np.hypot(x, y) <= 1, np.exp(6 * along), np.nan)
    assert np.isnan(border_scores(rate_map[None], 1.0)).all()


@pytest.mark.parametrize("threshold", [0.0, 1.0, -0.2])
def test_border_threshold_is_a_share(threshold: float) -> None:
    with pytest.raises(ValueError, match="field_threshold, a share of the peak rate, must be above 0 and below 1"):
        border_scores(walls_only(), 2.2, field_threshold=threshold)
