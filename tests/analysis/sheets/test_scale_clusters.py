"""Scale clusters are found where there are some, and only there."""

import numpy as np
import pytest

from topogrid.analysis import fit_scale_clusters


def spacings(centres: tuple[float, ...], n_each: int = 150, spread: float = 0.05) -> np.ndarray:
    """Return log-normal spacings around each centre, with a few units that have none."""
    rng = np.random.default_rng(1)
    values = np.exp(np.concatenate([rng.normal(np.log(centre), spread, n_each) for centre in centres]))
    return np.concatenate([values, np.full(20, np.nan)])


@pytest.mark.parametrize("centres", [(0.74,), (0.5, 0.7), (0.4, 0.57, 0.8), (0.35, 0.5, 0.7, 1.0)])
def test_clusters_are_counted_and_located(centres: tuple[float, ...]) -> None:
    clusters = fit_scale_clusters(spacings(centres))
    assert clusters.n_clusters == len(centres)
    np.testing.assert_allclose(clusters.spacing, centres, rtol=0.02)
    np.testing.assert_allclose(clusters.weight, 1 / len(centres), atol=0.03)
    np.testing.assert_allclose(clusters.spread, 0.05, atol=0.015)
    np.testing.assert_allclose(clusters.ratio, np.divide(centres[1:], centres[:-1]), rtol=0.03)
    assert (clusters.separation > 2).all()
    assert np.nanargmin(clusters.bic) == len(centres) - 1
    assert clusters.bic_gain == 0 if len(centres) == 1 else clusters.bic_gain > 10


def test_one_lattice_is_not_split_in_two() -> None:
    rng = np.random.default_rng(2)
    values = 0.74 * np.exp(np.concatenate([rng.normal(0, 0.01, 700), rng.normal(np.log(1.04), 0.012, 300)]))
    free = fit_scale_clusters(values, smallest_ratio=1, smallest_share=0, fewest_units=0)
    assert free.n_clusters > 1
    assert free.bic_gain > 10
    assert fit_scale_clusters(values).n_clusters == 1
    assert fit_scale_clusters(values).bic_gain == 0


def test_a_handful_of_odd_units_is_no_cluster() -> None:
    rng = np.random.default_rng(3)
    values = np.concatenate([0.74 * np.exp(rng.normal(0, 0.03, 2137)), [1.58, 1.6, 1.62]])
    free = fit_scale_clusters(values, smallest_ratio=1, smallest_share=0, fewest_units=0)
    assert free.weight.min() == pytest.approx(0.0014, rel=0.05)
    assert fit_scale_clusters(values).n_clusters == 1


def test_odd_units_do_not_hide_the_clusters_beside_them() -> None:
    values = np.concatenate([spacings((0.5, 0.7)), [1.58, 1.6, 1.62]])
    clusters = fit_scale_clusters(values)
    assert clusters.n_clusters == 2
    assert clusters.bic_gain > 10
    assert clusters.ratio[0] == pytest.approx(1.4, rel=0.03)


@pytest.mark.parametrize(("n_each", "n_clusters"), [(9, 1), (12, 2)])
def test_a_cluster_has_units_enough(n_each: int, n_clusters: int) -> None:
    assert fit_scale_clusters(spacings((0.5, 0.9), n_each, 0.02)).n_clusters == n_clusters


def test_labels_follow_the_units() -> None:
    values = spacings((0.5, 0.8))
    label = fit_scale_clusters(values).label
    np.testing.assert_array_equal(label[-20:], -1)
    assert (label[:150] == 0).mean() > 0.99
    assert (label[150:300] == 1).mean() > 0.99


def test_the_fit_is_deterministic_and_ignores_order() -> None:
    values = spacings((0.5, 0.7))
    first, shuffled = fit_scale_clusters(values), fit_scale_clusters(np.random.default_rng(2).permutation(values))
    np.testing.assert_array_equal(first.spacing, fit_scale_clusters(values).spacing)
    np.testing.assert_allclose(first.spacing, shuffled.spacing)


def test_identical_spacings_are_one_cluster() -> None:
    clusters = fit_scale_clusters(np.full(50, 0.74))
    assert clusters.n_clusters == 1
    assert clusters.spacing[0] == pytest.approx(0.74)


def test_too_few_spacings_give_none() -> None:
    clusters = fit_scale_clusters([0.7, np.nan, 0.8])
    assert clusters.n_clusters == 0
    assert clusters.spacing.size == 0
    assert np.isnan(clusters.bic).all()
    np.testing.assert_array_equal(clusters.label, -1)


def test_impossible_input_is_refused() -> None:
    with pytest.raises(ValueError, match="positive metres"):
        fit_scale_clusters([0.5, -0.1, 0.6])
    with pytest.raises(ValueError, match="max_clusters must be at least 1"):
        fit_scale_clusters([0.5, 0.6, 0.7], max_clusters=0)


@pytest.mark.parametrize("factor", [1.5, 2.0, 3.0])
@pytest.mark.parametrize("n_units", [100, 400, 1296])
def test_an_even_spread_of_spacing_is_no_clusters(n_units: int, factor: float) -> None:
    for seed in range(4):
        spacing = 0.5 * factor ** np.random.default_rng(seed).random(n_units)
        assert fit_scale_clusters(spacing).bic_gain < 10
