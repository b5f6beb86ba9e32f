"""Modules are found where there are some, and only there."""

import numpy as np
import pytest

from topogrid.analysis import fit_modules


def spacings(centres: tuple[float, ...], n_each: int = 150, spread: float = 0.05) -> np.ndarray:
    """Return log-normal spacings around each centre, with a few units that have none."""
    rng = np.random.default_rng(1)
    values = np.exp(np.concatenate([rng.normal(np.log(centre), spread, n_each) for centre in centres]))
    return np.concatenate([values, np.full(20, np.nan)])


@pytest.mark.parametrize("centres", [(0.74,), (0.5, 0.7), (0.4, 0.57, 0.8), (0.35, 0.5, 0.7, 1.0)])
def test_modules_are_counted_and_located(centres: tuple[float, ...]) -> None:
    modules = fit_modules(spacings(centres))
    assert modules.n_modules == len(centres)
    np.testing.assert_allclose(modules.spacing, centres, rtol=0.02)
    np.testing.assert_allclose(modules.weight, 1 / len(centres), atol=0.03)
    np.testing.assert_allclose(modules.spread, 0.05, atol=0.015)
    np.testing.assert_allclose(modules.ratio, np.divide(centres[1:], centres[:-1]), rtol=0.03)
    assert (modules.separation > 2).all()
    assert modules.bic.argmin() == len(centres) - 1
    assert modules.bic_gain == 0 if len(centres) == 1 else modules.bic_gain > 10


def test_labels_follow_the_units() -> None:
    values = spacings((0.5, 0.8))
    label = fit_modules(values).label
    np.testing.assert_array_equal(label[-20:], -1)
    assert (label[:150] == 0).mean() > 0.99
    assert (label[150:300] == 1).mean() > 0.99


def test_the_fit_is_deterministic_and_ignores_order() -> None:
    values = spacings((0.5, 0.7))
    first, shuffled = fit_modules(values), fit_modules(np.random.default_rng(2).permutation(values))
    np.testing.assert_array_equal(first.spacing, fit_modules(values).spacing)
    np.testing.assert_allclose(first.spacing, shuffled.spacing)


def test_identical_spacings_are_one_module() -> None:
    modules = fit_modules(np.full(50, 0.74))
    assert modules.n_modules == 1
    assert modules.spacing[0] == pytest.approx(0.74)


def test_too_few_spacings_give_none() -> None:
    modules = fit_modules([0.7, np.nan, 0.8])
    assert modules.n_modules == 0
    assert modules.spacing.size == 0
    assert np.isnan(modules.bic).all()
    np.testing.assert_array_equal(modules.label, -1)


def test_impossible_input_is_refused() -> None:
    with pytest.raises(ValueError, match="positive metres"):
        fit_modules([0.5, -0.1, 0.6])
    with pytest.raises(ValueError, match="max_modules must be at least 1"):
        fit_modules([0.5, 0.6, 0.7], max_modules=0)
