"""Correlation and slope between maps of a sheet, and the sizes of the correlation tests."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from topogrid.analysis import scaling_slope, sheet_correlation
from topogrid.analysis.sheets import coupling
from topogrid.analysis.synthetic import cut_noise

Float = NDArray[np.float64]


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


def sparse(sheet: Float, share: float, rng: np.random.Generator) -> Float:
    """Return a map with a value in few units, as spacing has."""
    return np.where(rng.random(sheet.shape) < share, sheet, np.nan)


@pytest.mark.parametrize("null", ["shift", "phase"])
def test_a_few_units_with_a_spacing_are_enough(null: str) -> None:
    rng = np.random.default_rng(12)
    tau, other, own = cut_noise(150, 3, rng, side=32), cut_noise(150, 3, rng, side=32), cut_noise(150, 1, rng, side=32)

    def p_value(a: Float, b: Float) -> float:
        return sheet_correlation(a, sparse(b, 0.05, rng), null=null, rng=rng, n_surrogates=99).p_value

    unrelated = [p_value(a, b) for a, b in zip(tau, other, strict=True)]
    assert np.isfinite(unrelated).all()
    assert np.mean(np.array(unrelated) <= 0.05) <= stats.binom.ppf(0.995, 150, 0.06) / 150
    assert np.mean(np.array(unrelated) <= 0.5) > 0.35  # calibrated, not merely silent
    related = [p_value(a, a + 0.3 * noise) for a, noise in zip(tau[:30], own[:30], strict=True)]
    assert np.mean(np.array(related) <= 0.05) > 0.9


@pytest.mark.parametrize("null", ["shift", "phase"])
def test_without_anything_to_compare_with_there_is_no_p_value(null: str) -> None:
    rng = np.random.default_rng(13)
    few = sparse(rng.normal(size=(32, 32)), 0.01, rng)
    result = sheet_correlation(few, few + 0.1, null=null, rng=rng)
    assert result.rho == pytest.approx(1)
    assert np.isnan(result.p_value)


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
        (lambda rng: sheet_correlation(np.eye(4), np.eye(5), rng=rng), "must have one shape"),
        (lambda rng: sheet_correlation(np.eye(4), np.eye(4), null="naive", rng=rng), "null must be one of shift"),
        (lambda rng: sheet_correlation(np.eye(4), np.eye(4), rng=rng, n_surrogates=0), "at least 1"),
        (lambda rng: scaling_slope(np.eye(4), np.eye(4), rng=rng), "must be positive"),
        (lambda rng: scaling_slope(np.ones((4, 4)), np.ones((4, 4)), rng=rng, block=0), "block must be at least 1"),
    ],
)
def test_bad_input_is_refused(call: Callable[[np.random.Generator], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call(np.random.default_rng(0))


@pytest.mark.parametrize("values", [[], [2.0], [1.0, 1.0, 1.0], [3.0, -1.0, 3.0, 0.5, -1.0, 3.0]])
def test_ranks_are_those_of_scipy(values: list[float]) -> None:
    np.testing.assert_array_equal(coupling._ranks(np.array(values)), stats.rankdata(values))
