"""A known law of scale over modules is given back; a change of tau is set against the change of scale it predicts."""

import numpy as np
import pytest

from topogrid.analysis.sheets import (
    Sheet,
    compare_modules,
    compare_units,
    module_scales,
    share_of_range,
    tau_layout_explained,
)

SHEET = Sheet(16, 4)
MODULE = SHEET.module_of
EVERYONE = np.ones(SHEET.n_units, dtype=bool)


def taus(spread: float = 0.0) -> np.ndarray:
    """Return one tau for each of 16 modules, in a mixed order, with an even spread of single units around it."""
    of_module = np.random.default_rng(0).permutation(np.geomspace(2.0, 4.5, SHEET.n_modules))
    ramp = np.linspace(-spread, spread, SHEET.n_units // SHEET.n_modules)
    return np.asarray(SHEET.to_units(of_module[:, None] * (1 + ramp)))


@pytest.mark.parametrize("slope", [-0.5, 0.0, 0.7, 1.0])
def test_a_known_slope_is_given_back(slope: float) -> None:
    tau = taus(spread=0.2)
    mean_tau = np.array([tau[one == MODULE].mean() for one in range(SHEET.n_modules)])
    noise = np.exp(np.random.default_rng(1).normal(0, 0.02, SHEET.n_units))
    scales = module_scales(0.3 * mean_tau[MODULE] ** slope * noise, tau, MODULE, EVERYONE)
    assert scales.slope == pytest.approx(slope, abs=0.02)
    np.testing.assert_allclose(scales.tau, mean_tau)
    np.testing.assert_allclose(scales.spacing, 0.3 * mean_tau**slope, rtol=0.03)
    assert scales.within == pytest.approx(0.02, rel=0.2)
    assert scales.between == pytest.approx(abs(slope) * np.log(mean_tau).std(), abs=0.01)
    np.testing.assert_array_equal(scales.n, 16)


def test_single_units_inside_a_module_make_no_slope() -> None:
    tau = taus(spread=0.4)
    flat = np.asarray(SHEET.to_units(SHEET.to_modules(tau) / SHEET.to_modules(tau).mean(axis=1, keepdims=True)))
    scales = module_scales(0.3 * flat, flat, MODULE, EVERYONE)
    assert np.isnan(scales.slope)
    assert scales.between == pytest.approx(0, abs=1e-9)


def test_only_counted_units_with_a_lattice_count() -> None:
    spacing, counted = np.full(SHEET.n_units, 0.5), EVERYONE.copy()
    first, second = (np.flatnonzero(one == MODULE) for one in (0, 1))
    spacing[first[4:]] = np.nan
    counted[second[5:]] = False
    spacing[second[5:]] = 9.0
    scales = module_scales(spacing, taus(), MODULE, counted)
    assert np.isnan(scales.spacing[0])
    assert np.isnan(scales.spread[0])
    assert scales.spacing[1] == 0.5
    np.testing.assert_array_equal(scales.n[:3], (4, 5, 16))
    assert scales.counted_share[1] == pytest.approx(5 / 16)
    assert scales.slope == pytest.approx(0, abs=1e-12)


def test_two_modules_have_no_slope_and_none_no_spread() -> None:
    two = np.where(MODULE < 2, 0.2 * taus(), np.nan)
    assert np.isnan(module_scales(two, taus(), MODULE, EVERYONE).slope)
    none = module_scales(np.full(SHEET.n_units, np.nan), taus(), MODULE, EVERYONE)
    assert np.isnan([none.slope, none.between, none.within]).all()


@pytest.mark.parametrize("factor", [0.8, 1.25, 1.5])
def test_a_scale_in_proportion_does_not_deviate(factor: float) -> None:
    tau = taus()
    before = module_scales(0.25 * tau, tau, MODULE, EVERYONE)
    after = module_scales(0.25 * factor * tau, factor * tau, MODULE, EVERYONE)
    change = compare_modules(before, after)
    np.testing.assert_allclose(change.measured, factor)
    np.testing.assert_allclose(change.deviation, 0, atol=1e-12)
    stuck = compare_modules(before, module_scales(0.25 * tau, factor * tau, MODULE, EVERYONE))
    np.testing.assert_allclose(stuck.deviation, 1 / factor - 1)


def test_permuted_units_are_held_against_the_mean_of_their_module() -> None:
    tau = taus()
    shuffled = np.random.default_rng(3).permutation(tau)
    before, after = (module_scales(EVERYONE * 1.0, one, MODULE, EVERYONE) for one in (tau, shuffled))
    spacing = 0.25 * before.tau[MODULE], 0.25 * after.tau[MODULE]
    lost = EVERYONE.copy()
    lost[:50] = False
    change = compare_units(*spacing, before.tau[MODULE], after.tau[MODULE], EVERYONE, lost)
    assert change.n == SHEET.n_units - 50
    assert np.isnan(change.deviation[:50]).all()
    np.testing.assert_allclose((change.median, change.low, change.high), 0, atol=1e-12)
    none = compare_units(*spacing, before.tau[MODULE], after.tau[MODULE], EVERYONE, ~EVERYONE)
    assert none.n == 0
    assert np.isnan(none.median)


def test_layouts_of_tau_are_told_apart() -> None:
    row, col = SHEET.row_col.T
    gradient = np.exp(0.05 * row + 0.02 * col)
    plane, radius = tau_layout_explained(gradient, SHEET)
    assert plane == pytest.approx(1)
    assert radius > 0.9  # rings around a corner are nearly a gradient
    rings = np.exp(0.1 * np.hypot(row - 7.5, col - 7.5))
    plane, radius = tau_layout_explained(rings, SHEET)
    assert plane < 0.01
    assert radius > 0.99
    aside = np.exp(0.1 * np.hypot(row - 3.2, col - 11.4))
    assert tau_layout_explained(aside, SHEET).radius > 0.98
    noise = tau_layout_explained(np.random.default_rng(0).uniform(1, 4, SHEET.n_units), SHEET)
    assert max(noise) < 0.1
    assert np.isnan(tau_layout_explained(np.full(SHEET.n_units, 2.0), SHEET)).all()


def test_how_much_of_its_range_tau_uses() -> None:
    assert share_of_range(np.linspace(2, 4, 5001), 2, 4) == pytest.approx(1)
    assert share_of_range(np.full(10, 3.0), 2, 4) == 0
    assert share_of_range(np.linspace(2.5, 3.5, 5001), 2, 4) == pytest.approx(0.5)
    assert np.isnan(share_of_range(np.full(10, 3.0), 3, 3))


def test_impossible_input_is_refused() -> None:
    with pytest.raises(ValueError, match="one value for each unit"):
        module_scales(np.ones(3), np.ones(4), np.zeros(4, int), np.ones(4, bool))
    with pytest.raises(ValueError, match="must be positive"):
        module_scales(np.zeros(4), np.ones(4), np.zeros(4, int), np.ones(4, bool))
    four = module_scales(np.ones(16), np.ones(16), Sheet(4, 2).module_of, np.ones(16, bool))
    with pytest.raises(ValueError, match="compared with themselves"):
        compare_modules(four, module_scales(np.ones(16), np.ones(16), np.zeros(16, int), np.ones(16, bool)))
    with pytest.raises(ValueError, match="one value for each unit"):
        compare_units(np.ones(3), np.ones(3), np.ones(3), np.ones(2), np.ones(3), np.ones(3))
    with pytest.raises(ValueError, match="from low to high"):
        share_of_range(np.ones(3), 3, 2)
