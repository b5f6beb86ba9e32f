"""Steps are told from a smooth climb, and both from no climb, with noise and gaps."""

import numpy as np
import pytest

from topogrid.continuous.climb import ONE_VALUE, SMOOTH, STEPPED, UNKNOWN, climb_of

X = np.arange(36)


def noisy(logs: np.ndarray, seed: int, noise: float = 0.02) -> np.ndarray:
    return np.exp(logs + noise * np.random.default_rng(seed).standard_normal(logs.size))


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("far", [0.4, 0.7])
def test_a_line_is_smooth_and_a_border_is_a_step_up_or_down(seed: int, far: float) -> None:
    for sign in (1.0, -1.0):
        assert climb_of(noisy(sign * far * X / 35, seed), 8).kind == SMOOTH
        assert climb_of(noisy(sign * far * (X > 17), seed), 8).kind == STEPPED
        assert climb_of(noisy(sign * far / (1 + np.exp(-(X - 20) / 2.0)), seed), 8).kind == STEPPED


def test_without_noise_a_line_has_a_third_in_its_steepest_third() -> None:
    climb = climb_of(np.exp(0.5 * X / 35), 8)
    assert climb.concentration == pytest.approx(1 / 3, abs=0.01)
    assert climb.ratio == pytest.approx(np.exp(0.5))


@pytest.mark.parametrize("seed", range(10))
def test_noise_alone_is_one_value(seed: int) -> None:
    assert climb_of(noisy(np.zeros(36), seed), 8).kind == ONE_VALUE


def test_gaps_are_bridged_and_too_many_say_nothing() -> None:
    logs = 0.5 * X / 35
    holed = np.exp(logs)
    holed[::3] = np.nan
    assert climb_of(holed, 8).concentration == pytest.approx(1 / 3, abs=0.02)
    holed[:25] = np.nan
    assert climb_of(holed, 8).kind == UNKNOWN
    assert climb_of(np.full(36, np.nan), 8).kind == UNKNOWN


def test_constants_have_no_concentration() -> None:
    climb = climb_of(np.ones(36), 8)
    assert climb.kind == ONE_VALUE
    assert np.isnan(climb.concentration)


def test_values_that_have_no_logarithm_are_refused() -> None:
    with pytest.raises(ValueError, match=r"above 0, got -1"):
        climb_of([1.0] * 20 + [-1.0], 8)
    with pytest.raises(ValueError, match="window"):
        climb_of(np.ones(36), 2)
