"""A start near a lattice ends on it, what explains no more stays at its start, and the phase is where fields lie."""

import numpy as np
import pytest

from topogrid.analysis.maps.lattice_fit import crest_phase, fit_axes
from topogrid.analysis.synthetic import lattice_axes, lattice_map

BINS, BOX = 20, 2.2
BIN = np.full(2, BOX / BINS)


@pytest.mark.parametrize(("spacing", "turn"), [(0.6, 2.0), (0.8, -3.0), (1.1, 4.0)])
def test_a_start_close_by_ends_on_the_lattice(spacing: float, turn: float) -> None:
    maps = lattice_map(spacing, 20, (0.2, 0.7), n_bins=BINS, box_size=BOX, threshold=-0.5)[None]
    start = lattice_axes(1.04 * spacing, 20 + turn)[None]
    fitted = fit_axes(maps, start, BIN)
    np.testing.assert_allclose(fitted[0], lattice_axes(spacing, 20), atol=0.003 * spacing)
    assert np.abs(start[0] - lattice_axes(spacing, 20)).max() > 0.03 * spacing


def test_a_fit_that_would_leave_its_start_is_not_believed() -> None:
    maps = lattice_map(0.7, 20, n_bins=BINS, box_size=BOX)[None]
    start = lattice_axes(1.25 * 0.7, 20)[None]  # a quarter too wide: no correction, but another pattern
    np.testing.assert_array_equal(fit_axes(maps, start, BIN), start)
    assert not np.array_equal(fit_axes(maps, 0.88 * start, BIN), 0.88 * start)


def test_units_do_not_depend_on_one_another_and_missing_bins_do_not_pull() -> None:
    one, other = (lattice_map(s, 10, n_bins=BINS, box_size=BOX, threshold=-0.5) for s in (0.7, 0.9))
    holed = one.copy()
    holed[:4, :5] = np.nan
    starts = np.stack([lattice_axes(1.03 * s, 12) for s in (0.7, 0.9, 0.7)])
    together = fit_axes(np.stack([one, other, holed]), starts, BIN)
    np.testing.assert_allclose(together[:1], fit_axes(one[None], starts[:1], BIN), atol=1e-9)
    np.testing.assert_allclose(together[2], lattice_axes(0.7, 10), atol=0.004)


@pytest.mark.parametrize("phase", [(0.0, 0.0), (0.25, 0.6), (0.99, 0.5)])
def test_the_phase_is_the_place_of_a_field(phase: tuple[float, float]) -> None:
    maps = lattice_map(0.7, 15, phase, n_bins=BINS, box_size=BOX)[None]
    found = crest_phase(maps, lattice_axes(0.7, 15)[None], BIN)[0]
    assert ((found >= 0) & (found < 1)).all()
    off = (found - phase + 0.5) % 1 - 0.5
    assert np.abs(off).max() < 0.01


def unexplained(rates: np.ndarray, axes: np.ndarray, bin_size: np.ndarray) -> float:
    """Squares that both shells of a lattice leave over, by plain least squares in the visited bins alone."""
    height, width = rates.shape
    y, x = np.meshgrid(*((np.arange(n) - (n - 1) / 2) for n in (height, width)), indexing="ij")
    seen = np.isfinite(rates)
    cell = np.stack([x[seen], y[seen]], axis=1) * bin_size @ np.linalg.inv(axes[:2])
    angle = 2 * np.pi * cell @ np.array([[1, 0], [0, 1], [1, 1], [2, 1], [1, 2], [1, -1]]).T
    design = np.concatenate([np.ones((len(cell), 1)), np.cos(angle), np.sin(angle)], axis=1)
    fit = np.linalg.lstsq(design, rates[seen], rcond=None)[0]
    return float(((rates[seen] - design @ fit) ** 2).sum())


@pytest.mark.parametrize("holed", [False, True])
def test_no_lattice_nearby_explains_more_of_an_oblong_map_of_oblong_bins(holed: bool) -> None:
    bin_size = np.array([BOX / BINS, BOX / (BINS + 5)])
    fine = lattice_map(0.7, 20, (0.2, 0.7), n_bins=(BINS, BINS + 5), box_size=BOX, threshold=-0.5)
    rates = fine[:, :-3] + 0.2 * np.random.default_rng(0).standard_normal((BINS + 5, BINS - 3))
    if holed:
        rates[:5, :4] = np.nan
    axes = fit_axes(rates[None], lattice_axes(0.72, 22)[None], bin_size)[0]
    least = unexplained(rates, axes, bin_size)
    for change in 2e-3 * np.random.default_rng(1).standard_normal((20, 2, 2)):
        moved = axes[[0, 2]] + change
        other = np.stack([moved[0], moved.sum(axis=0), moved[1]])
        assert unexplained(rates, other, bin_size) > least


def test_no_units_have_no_axes() -> None:
    assert fit_axes(np.empty((0, BINS, BINS)), np.empty((0, 3, 2)), BIN).shape == (0, 3, 2)
