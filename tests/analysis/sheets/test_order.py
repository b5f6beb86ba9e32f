"""Order on sheets where it is known: neighbours, distances, angles and phases."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from topogrid.analysis import distance_similarity, morans_i, partial_morans_i
from topogrid.analysis.synthetic import cut_noise

Float = NDArray[np.float64]


def slow_morans_i(sheet: Float) -> float:
    """Sum over all pairs of neighbours, one by one."""
    mean, total, pairs = np.nanmean(sheet), 0.0, 0
    for row, col in np.argwhere(np.isfinite(sheet)):
        for other_row in range(max(row - 1, 0), min(row + 2, sheet.shape[0])):
            for other_col in range(max(col - 1, 0), min(col + 2, sheet.shape[1])):
                if (other_row, other_col) != (row, col) and np.isfinite(sheet[other_row, other_col]):
                    total += (sheet[row, col] - mean) * (sheet[other_row, other_col] - mean)
                    pairs += 1
    return total / pairs / np.nanvar(sheet)


def test_morans_i_equals_the_sum_over_neighbours() -> None:
    rng = np.random.default_rng(1)
    sheet = rng.normal(size=(9, 7))
    sheet[rng.random(sheet.shape) < 0.2] = np.nan
    result = morans_i(sheet, rng=rng, n_permutations=0)
    assert result.value == pytest.approx(slow_morans_i(sheet))
    assert result.n_units == np.isfinite(sheet).sum()
    assert np.isnan(result.p_value)


def test_morans_i_tells_order_from_disorder() -> None:
    rng = np.random.default_rng(2)
    ramp = np.tile(np.linspace(1, 10, 16), (16, 1))
    ordered = morans_i(ramp, rng=rng, n_permutations=199)
    shuffled = morans_i(rng.permuted(ramp.ravel()).reshape(16, 16), rng=rng, n_permutations=199)
    chessboard = morans_i(np.indices((16, 16)).sum(axis=0) % 2, rng=rng, n_permutations=199)
    assert ordered.value > 0.9
    assert ordered.p_value == pytest.approx(1 / 200)
    assert abs(shuffled.value) < 0.15
    assert chessboard.value < 0.05
    assert chessboard.p_value > 0.5


def test_morans_i_p_values_are_uniform_without_order() -> None:
    rng = np.random.default_rng(3)
    p_values = [morans_i(rng.normal(size=(8, 8)), rng=rng, n_permutations=99).p_value for _ in range(150)]
    assert stats.kstest(p_values, "uniform").pvalue > 0.01


def test_circular_values_have_no_seam() -> None:
    rng = np.random.default_rng(4)
    turning = np.add.outer(np.arange(20) * 9.0, np.zeros(20)) % 60  # passes 60 again and again
    assert morans_i(turning, rng=rng, period=60, n_permutations=0).value > 0.6
    spread = rng.normal(0, 3, (20, 20)) % 60  # all near 0, half of them seen as near 60
    assert abs(morans_i(spread, rng=rng, period=60, n_permutations=0).value) < 0.1


@pytest.mark.parametrize(
    "sheet", [np.full((4, 4), np.nan), np.full((4, 4), 2.0), np.array([[1.0, np.nan, 2.0, np.nan, 3.0]])]
)
def test_sheets_without_variation_or_neighbours_have_no_morans_i(sheet: Float) -> None:
    assert np.isnan(morans_i(sheet, rng=np.random.default_rng(0)).value)


def test_partial_morans_i_removes_what_the_other_map_explains() -> None:
    rng = np.random.default_rng(5)
    tau, own, unordered = *cut_noise(2, 3, rng, side=24), rng.normal(size=(24, 24))
    assert morans_i(tau + 0.3 * unordered, rng=rng, n_permutations=0).value > 0.7
    explained = partial_morans_i(tau + 0.3 * unordered, tau, rng=rng, n_permutations=99)
    assert abs(explained.value) < 0.1
    assert partial_morans_i(tau + own, tau, rng=rng, n_permutations=99).value > 0.7
    assert np.isnan(partial_morans_i(3 * tau + 1, tau, rng=rng, n_permutations=99).value)


def test_similarity_falls_with_distance_as_over_all_pairs() -> None:
    rng = np.random.default_rng(6)
    sheet = cut_noise(1, 2, rng, side=12)[0]
    sheet[rng.random(sheet.shape) < 0.1] = np.nan
    curve = distance_similarity(sheet)
    units = np.argwhere(np.isfinite(sheet))
    values = sheet[np.isfinite(sheet)]
    values = (values - values.mean()) / values.std()
    apart = np.rint(np.hypot(*(units[:, None] - units[None]).transpose(2, 0, 1))).astype(int)
    for distance, similarity, n_pairs in zip(curve.distance, curve.similarity, curve.n_pairs, strict=True):
        pairs = np.triu(apart == distance, 1)
        assert n_pairs == pairs.sum()
        assert similarity == pytest.approx(np.outer(values, values)[pairs].mean(), abs=1e-9)
    assert curve.similarity[0] > 0.7 > 0.3 > curve.similarity[4]


def test_similarity_of_a_blank_sheet_is_nan() -> None:
    assert np.isnan(distance_similarity(np.full((6, 6), np.nan)).similarity).all()


def test_the_null_range_holds_most_unordered_maps_and_no_ordered_one() -> None:
    rng = np.random.default_rng(12)
    ordered = distance_similarity(cut_noise(1, 3, rng, side=24)[0], rng=rng)
    assert (ordered.similarity[:3] > ordered.null_high[:3]).all()
    assert 3 <= ordered.reach <= 10
    curves = [distance_similarity(rng.normal(size=(16, 16)), rng=rng, n_permutations=99) for _ in range(40)]
    outside = [(curve.similarity > curve.null_high) | (curve.similarity < curve.null_low) for curve in curves]
    assert 0.02 < np.mean(outside) < 0.1
    assert np.mean([curve.reach == 0 for curve in curves]) > 0.8
    assert np.isnan(distance_similarity(rng.normal(size=(8, 8))).reach)


def test_a_point_of_several_coordinates_counts_once() -> None:
    rng = np.random.default_rng(13)
    phase = np.stack([cut_noise(1, 3, rng, side=16)[0] % 1.0 for _ in range(2)], axis=-1)
    phase[3, 4, 0] = np.nan  # half a phase is none
    both = morans_i(phase, rng=rng, period=1, n_permutations=199)
    alone = [np.where(np.isnan(phase).any(axis=-1), np.nan, phase[..., axis]) for axis in range(2)]
    each = [morans_i(one, rng=rng, period=1, n_permutations=0).value for one in alone]
    assert both.value == pytest.approx(np.mean(each))
    assert both.n_units == 255
    assert both.p_value == pytest.approx(1 / 200)
    curves = [distance_similarity(one, period=1).similarity for one in alone]
    np.testing.assert_allclose(distance_similarity(phase, period=1).similarity, np.mean(curves, axis=0))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda rng: morans_i(np.zeros(4), rng=rng), r"must be \(row, col\)"),
        (lambda rng: morans_i(np.full((2, 2), np.inf), rng=rng), "got infinities"),
        (lambda rng: morans_i(np.eye(4), rng=rng, n_permutations=-1), "n_permutations must be at least 0"),
        (lambda rng: morans_i(np.eye(4), rng=rng, period=0), "period must be above 0"),
        (lambda rng: distance_similarity(np.eye(4), max_distance=0.5), "max_distance, units, must be at least 1"),
        (lambda rng: morans_i(np.zeros((2, 2, 2, 2)), rng=rng), r"must be \(row, col\)"),
        (lambda rng: distance_similarity(np.eye(4), n_permutations=0), "n_permutations must be at least 1"),
    ],
)
def test_bad_input_is_refused(call: Callable[[np.random.Generator], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call(np.random.default_rng(0))
