"""Spatial statistics on sheets whose order is known, and the sizes of the correlation tests."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from tests.synthetic import smooth_noise
from topogrid.analysis import distance_similarity, morans_i, partial_morans_i, scaling_slope, sheet_correlation

Float = NDArray[np.float64]


def cut_noise(n_maps: int, width: float, rng: np.random.Generator, side: int = 64) -> Float:
    """Return smooth noise cut from a larger sheet, so that opposite edges have nothing to do with each other."""
    return smooth_noise(n_maps, side + int(12 * width), width, rng)[:, :side, :side]


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
    assert result.expectation == pytest.approx(-1 / (result.n_units - 1))
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
    for distance, similarity, n_pairs in zip(*curve, strict=True):
        pairs = np.triu(apart == distance, 1)
        assert n_pairs == pairs.sum()
        assert similarity == pytest.approx(np.outer(values, values)[pairs].mean(), abs=1e-9)
    assert curve.similarity[0] > 0.7 > 0.3 > curve.similarity[4]


def test_similarity_of_a_blank_sheet_is_nan() -> None:
    assert np.isnan(distance_similarity(np.full((6, 6), np.nan)).similarity).all()


def test_rho_is_spearmans_over_shared_units() -> None:
    rng = np.random.default_rng(7)
    a, b = rng.normal(size=(2, 12, 12))
    b += a
    a[rng.random(a.shape) < 0.2], b[rng.random(b.shape) < 0.2] = np.nan, np.nan
    both = np.isfinite(a) & np.isfinite(b)
    result = sheet_correlation(a, b, rng=rng)
    assert result.rho == pytest.approx(stats.spearmanr(a[both], b[both]).statistic)
    assert result.n_units == both.sum()


@pytest.mark.parametrize("null", ["shift", "phase", "permutation"])
def test_related_maps_are_found_with_every_null(null: str) -> None:
    rng = np.random.default_rng(8)
    common, own = cut_noise(2, 2, rng, side=32)
    related = sheet_correlation(common, common + 0.3 * own, null=null, rng=rng, n_surrogates=99)
    assert related.rho > 0.8
    assert related.p_value <= 0.01
    opposed = sheet_correlation(common, -common, null=null, rng=rng, n_surrogates=99)
    assert opposed.rho == pytest.approx(-1)
    assert opposed.p_value <= 0.01


@pytest.mark.parametrize(("null", "n_tests"), [("shift", 150), ("phase", 50)])
def test_unrelated_smooth_maps_seldom_pass(null: str, n_tests: int) -> None:
    # A fast glance at what the slow test below measures: binomial bounds around 5 %.
    rng = np.random.default_rng(9)
    pairs = zip(cut_noise(n_tests, 3, rng, side=32), cut_noise(n_tests, 3, rng, side=32), strict=True)
    found = sum(sheet_correlation(a, b, null=null, rng=rng, n_surrogates=39).p_value <= 0.05 for a, b in pairs)
    assert found <= stats.binom.ppf(0.995, n_tests, 0.06)


def test_counting_units_as_samples_would_mislead() -> None:
    rng = np.random.default_rng(10)
    pairs = zip(cut_noise(60, 3, rng, side=32), cut_noise(60, 3, rng, side=32), strict=True)
    naive = [sheet_correlation(a, b, null="permutation", rng=rng, n_surrogates=99).p_value for a, b in pairs]
    assert np.mean(np.array(naive) <= 0.05) > 0.4


@pytest.mark.slow
@pytest.mark.parametrize(("null", "n_tests", "n_surrogates"), [("shift", 2000, 1), ("phase", 500, 199)])
@pytest.mark.parametrize("width", [4, 8])
def test_size_on_two_independent_smooth_maps(null: str, n_tests: int, n_surrogates: int, width: float) -> None:
    rng = np.random.default_rng(11)
    pairs = zip(cut_noise(n_tests, width, rng), cut_noise(n_tests, width, rng), strict=True)
    found = [sheet_correlation(a, b, null=null, rng=rng, n_surrogates=n_surrogates).p_value <= 0.05 for a, b in pairs]
    assert np.mean(found) <= 0.07


def test_constant_and_disjoint_maps_have_no_correlation() -> None:
    rng = np.random.default_rng(12)
    noise = rng.normal(size=(6, 6))
    left, right = noise.copy(), noise.copy()
    left[:, :3], right[:, 3:] = np.nan, np.nan
    for a, b in ((noise, np.ones((6, 6))), (left, right)):
        result = sheet_correlation(a, b, rng=rng)
        assert np.isnan(result.rho)
        assert np.isnan(result.p_value)


def test_slope_is_recovered_with_its_interval() -> None:
    rng = np.random.default_rng(13)
    tau = np.exp(np.tile(np.linspace(0, 2, 32), (32, 1)))
    spacing = 0.7 * tau**0.3 * np.exp(0.05 * rng.normal(size=tau.shape))
    spacing[rng.random(tau.shape) < 0.3] = np.nan
    slope = scaling_slope(tau, spacing, rng=rng)
    assert slope.low < 0.3 < slope.high
    assert slope.beta == pytest.approx(0.3, abs=0.02)
    assert slope.n_units == np.isfinite(spacing).sum()
    flat = scaling_slope(np.full((8, 8), 4.0), rng.uniform(0.5, 1, (8, 8)), rng=rng)
    assert np.isnan([flat.beta, flat.low, flat.high]).all()


def test_interval_widens_when_neighbours_are_alike() -> None:
    rng = np.random.default_rng(14)
    tau = np.exp(rng.permuted(cut_noise(1, 3, rng, side=32)[0].ravel()).reshape(32, 32) * 0.5)
    smooth_tau = np.exp(0.5 * cut_noise(1, 3, rng, side=32)[0])
    patchy = np.exp(0.1 * cut_noise(1, 3, rng, side=32)[0])
    alone, together = scaling_slope(tau, patchy, rng=rng), scaling_slope(smooth_tau, patchy, rng=rng)
    assert together.high - together.low > 2 * (alone.high - alone.low)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda rng: morans_i(np.zeros(4), rng=rng), r"must be \(row, col\)"),
        (lambda rng: morans_i(np.full((2, 2), np.inf), rng=rng), "got infinities"),
        (lambda rng: morans_i(np.eye(4), rng=rng, n_permutations=-1), "must not be negative"),
        (lambda rng: morans_i(np.eye(4), rng=rng, period=0), "period must be positive"),
        (lambda rng: distance_similarity(np.eye(4), max_distance=0.5), "at least 1 unit"),
        (lambda rng: sheet_correlation(np.eye(4), np.eye(5), rng=rng), "must have one shape"),
        (lambda rng: sheet_correlation(np.eye(4), np.eye(4), null="naive", rng=rng), "null must be one of shift"),
        (lambda rng: sheet_correlation(np.eye(4), np.eye(4), rng=rng, n_surrogates=0), "at least 1"),
        (lambda rng: scaling_slope(np.eye(4), np.eye(4), rng=rng), "must be positive"),
        (lambda rng: scaling_slope(np.ones((4, 4)), np.ones((4, 4)), rng=rng, block=0), "block and n_resamples"),
    ],
)
def test_bad_input_is_refused(call: Callable[[np.random.Generator], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call(np.random.default_rng(0))
