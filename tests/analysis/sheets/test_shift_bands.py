"""The band of medians that shifted spacing maps give: it holds unrelated maps and lets a real link stand out."""

import numpy as np
import pytest

from topogrid.analysis import shift_band
from topogrid.analysis.synthetic import smooth_noise


def a_ramp(side: int = 24) -> np.ndarray:
    return np.repeat(np.linspace(1, 10, side)[:, None], side, axis=1)


def test_spacing_that_follows_tau_leaves_the_band():
    rng = np.random.default_rng(0)
    tau = np.exp(1 + 0.4 * smooth_noise(1, 48, 2.0, rng)[0, :24, :24])
    band = shift_band(tau, 0.5 * tau**0.5 + 0.01 * rng.normal(size=tau.shape), rng=rng)
    assert band is not None
    assert band.edges.size == 6
    assert (np.diff(band.median) > 0).all()
    assert band.median[0] < band.low[0]
    assert band.median[-1] > band.high[-1]


def test_unrelated_smooth_maps_mostly_stay_inside():
    rng = np.random.default_rng(1)
    inside = []
    for noise in smooth_noise(40, 48, 3.0, rng)[:, :24, :24]:
        band = shift_band(a_ramp(), 0.8 + 0.05 * noise, rng=rng, n_shifts=200)
        assert band is not None
        inside += list((band.low <= band.median) & (band.median <= band.high))
    assert np.mean(inside) > 0.88


def test_missing_spacings_are_left_out():
    rng = np.random.default_rng(2)
    spacing = np.where(rng.random((24, 24)) < 0.7, np.nan, 0.8)
    band = shift_band(a_ramp(), spacing, rng=rng)
    assert band is not None
    np.testing.assert_allclose(band.median, 0.8)


@pytest.mark.parametrize(
    "spacing",
    [np.full((24, 24), np.nan), np.where(np.eye(24) > 0, 0.8, np.nan)[:, ::-1] * np.r_[[1] * 9, [np.nan] * 15]],
)
def test_too_few_spacings_have_no_band(spacing):
    assert shift_band(a_ramp(), spacing, rng=np.random.default_rng(3)) is None


def test_equal_time_constants_have_no_band():
    assert shift_band(np.ones((9, 9)), np.full((9, 9), 0.8), rng=np.random.default_rng(4)) is None


def test_maps_of_two_sheets_are_refused():
    with pytest.raises(ValueError, match="one shape"):
        shift_band(np.ones((3, 3)), np.ones((3, 4)), rng=np.random.default_rng(5))
