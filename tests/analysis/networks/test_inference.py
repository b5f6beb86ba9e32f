"""Statistics over networks: they agree with SciPy, count networks, and say nothing where nothing can be said."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from topogrid.analysis.networks.inference import compare_groups, mean_interval

SAMPLES = st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=6).filter(lambda values: np.std(values) > 1e-3)


def rng() -> np.random.Generator:
    return np.random.default_rng(3)


@settings(max_examples=50)
@given(SAMPLES)
def test_interval_is_students(values: list[float]) -> None:
    found = mean_interval(values)
    low, high = stats.t.interval(0.95, len(values) - 1, np.mean(values), stats.sem(values))
    assert (found.low, found.high) == pytest.approx((low, high))
    assert found.n == len(values)


@settings(max_examples=50)
@given(SAMPLES, SAMPLES)
def test_welch_is_scipys(a: list[float], b: list[float]) -> None:
    found = compare_groups(a, b, rng=rng())
    theirs = stats.ttest_ind(b, a, equal_var=False)
    interval = theirs.confidence_interval()
    assert found.welch_p == pytest.approx(theirs.pvalue, abs=1e-9)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))


# Whole numbers, because two programs may disagree about whether sums that differ by rounding are ties.
WHOLE = st.lists(st.integers(-20, 20), min_size=2, max_size=4)


@settings(max_examples=25)
@given(WHOLE, WHOLE)
def test_permutation_is_scipys_exact_test(a: list[int], b: list[int]) -> None:
    def distance(x: np.ndarray, y: np.ndarray, axis: int = 0) -> np.ndarray:
        return np.abs(np.mean(y, axis=axis) - np.mean(x, axis=axis))

    theirs = stats.permutation_test((a, b), distance, vectorized=True, n_resamples=np.inf, alternative="greater")
    assert compare_groups(a, b, rng=rng()).permutation_p == pytest.approx(theirs.pvalue, abs=1e-6)


def test_interval_covers_the_truth_as_often_as_it_says() -> None:
    draws = rng().normal(5.0, 2.0, size=(2000, 3))
    found = [mean_interval(values) for values in draws]
    assert 0.93 < np.mean([one.low < 5.0 < one.high for one in found]) < 0.97


def test_false_alarms_are_as_rare_as_they_should_be() -> None:
    draws = rng().normal(size=(400, 2, 4))
    found = [compare_groups(*pair, rng=rng()) for pair in draws]
    assert np.mean([one.welch_p < 0.05 for one in found]) < 0.08
    assert np.mean([one.permutation_p < 0.05 for one in found]) < 0.08


def test_the_order_of_groups_turns_the_difference_around_and_leaves_the_p_values() -> None:
    a, b = rng().normal(size=(2, 4))
    one, other = compare_groups(a, b, rng=rng()), compare_groups(b, a, rng=rng())
    assert one.value == pytest.approx(-other.value)
    assert (one.welch_p, one.permutation_p) == pytest.approx((other.welch_p, other.permutation_p))


def test_three_against_three_cannot_be_below_a_tenth() -> None:
    found = compare_groups([1, 2, 3], [101, 102, 103], rng=rng())
    assert found.permutation_p == found.smallest_p == pytest.approx(0.1)
    assert found.welch_p < 1e-4


def test_many_networks_are_dealt_out_at_random_and_agree_with_welch() -> None:
    a, b = rng().normal([[0.0], [0.5]], size=(2, 30))
    found = compare_groups(a, b, rng=rng())
    assert found.permutation_p == pytest.approx(found.welch_p, abs=0.02)
    assert found.smallest_p < 1e-4


def test_missing_values_are_not_counted() -> None:
    assert mean_interval([1.0, math.nan, 3.0]).n == 2
    found = compare_groups([1.0, math.nan, 2.0], [math.nan], rng=rng())
    assert (found.n_first, found.n_second) == (2, 0)
    assert math.isnan(found.value)


@pytest.mark.parametrize("values", [[], [2.0], [2.0, 2.0, 2.0]])
def test_no_interval_where_nothing_is_known_about_the_spread(values: list[float]) -> None:
    found = mean_interval(values)
    assert math.isnan(found.low)
    assert math.isnan(found.high)
    assert found.n == len(values)


def test_one_network_a_side_has_a_difference_and_no_test() -> None:
    found = compare_groups([1.0], [4.0], rng=rng())
    assert found.value == 3.0
    assert math.isnan(found.welch_p)
    assert found.permutation_p == found.smallest_p == 1.0


def test_a_level_outside_of_0_to_1_is_refused() -> None:
    with pytest.raises(ValueError, match=r"above 0 and below 1, got 95"):
        mean_interval([1.0, 2.0], level=95)
