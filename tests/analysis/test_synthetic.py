"""The truth that measurements are tried on: lattices repeat, noise has its width, tracks stay inside."""

import numpy as np
import pytest

from topogrid.analysis.synthetic import (
    bin_centres,
    cut_noise,
    field_map,
    lattice_axes,
    lattice_map,
    lattice_spikes,
    random_lattices,
    random_track,
    smooth_noise,
)


def test_axes_are_sixty_degrees_apart_and_the_middle_one_is_the_sum_of_the_others() -> None:
    axes = lattice_axes(0.7, 13)
    np.testing.assert_allclose(np.hypot(*axes.T), 0.7)
    np.testing.assert_allclose(axes[0] + axes[2], axes[1])
    assert np.rad2deg(np.arctan2(*axes[0][::-1])) == pytest.approx(13)


def test_a_lattice_peaks_at_one_where_its_phase_says_and_again_a_spacing_further() -> None:
    box, n_bins = 2.0, 40  # bins of 5 cm
    axes = lattice_axes(0.5, 0)
    rates = lattice_map(0.5, 0, n_bins=n_bins, box_size=box)
    x, y = bin_centres(n_bins, box)
    peak = np.hypot(x, y).argmin()
    assert rates.ravel()[peak] > 0.9
    np.testing.assert_allclose(rates[:, 10:], rates[:, :-10], atol=1e-12)  # the first axis: ten bins along x
    shifted = lattice_map(0.5, 0, (0.5, 0.0), n_bins=n_bins, box_size=box)
    np.testing.assert_allclose(shifted[:, 5:], rates[:, :-5], atol=1e-12)
    assert (rates >= 0).all()
    assert axes[0] == pytest.approx([0.5, 0.0])


def test_a_higher_threshold_makes_smaller_fields_of_the_same_peak() -> None:
    shares = [(lattice_map(0.6, n_bins=60, threshold=level) > 0).mean() for level in (-0.5, 0.0, 0.5)]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] > 0.99
    assert shares[2] < 0.3


def test_bins_cover_the_box_and_rows_are_y() -> None:
    x, y = bin_centres((4, 2), (2.0, 1.0))
    assert x.shape == y.shape == (2, 4)
    assert x[0].tolist() == [-0.75, -0.25, 0.25, 0.75]
    assert y[:, 0].tolist() == [-0.25, 0.25]
    assert np.unravel_index(field_map(np.array([[0.9, -0.9]]), 0.1).argmax(), (20, 20)) == (1, 18)


def test_noise_has_unit_variance_and_neighbours_alike_as_far_as_its_width() -> None:
    def likeness(noise: np.ndarray, lag: int) -> float:
        centred = noise - noise.mean(axis=(1, 2), keepdims=True)
        return float((centred * np.roll(centred, lag, axis=2)).mean())

    narrow, wide = (smooth_noise(20, 64, width, np.random.default_rng(0)) for width in (1.0, 2.0))
    np.testing.assert_allclose(narrow.std(axis=(1, 2)), 1)
    # Of noise blurred by a Gaussian, the correlation at a lag is exp(-lag^2 / (4 width^2)).
    assert likeness(narrow, 2) == pytest.approx(np.exp(-1), abs=0.05)
    assert likeness(wide, 2) == pytest.approx(np.exp(-1 / 4), abs=0.05)
    cut = cut_noise(20, 3.0, np.random.default_rng(0), side=16)
    ends = [float(np.mean(cut[..., 0] * cut[..., column])) for column in (1, -1)]
    assert ends[0] > 0.8
    assert ends[1] < 0.4


def test_an_animal_stays_inside_goes_everywhere_and_keeps_its_speed() -> None:
    time, place = random_track(600, 1.0, np.random.default_rng(1))
    assert np.abs(place).max() <= 0.5
    assert np.histogram2d(*place.T, bins=5, range=[[-0.5, 0.5]] * 2)[0].min() > 0
    speed = np.hypot(*np.diff(place, axis=0).T) / np.diff(time)
    assert np.median(speed) == pytest.approx(0.2)


def test_spikes_fall_into_fields() -> None:
    rng = np.random.default_rng(2)
    time, place = random_track(300, 1.0, rng)
    spikes = lattice_spikes(time, place, 0.4, rng, peak=20.0)
    assert (np.diff(spikes) >= 0).all()
    cell = place[np.searchsorted(time, spikes, side="right") - 1] @ np.linalg.inv(lattice_axes(0.4, 0)[:2])
    waves = np.cos(2 * np.pi * np.stack([cell[:, 0], cell[:, 1], cell.sum(axis=1)])).sum(axis=0)
    assert (waves > 0).all()


def test_random_lattices_have_a_corner_where_nobody_was() -> None:
    maps = random_lattices(3, np.random.default_rng(0))
    assert np.isnan(maps[:, :3, :3]).all()
    assert np.isfinite(maps).sum() == 3 * (400 - 9)
    assert not np.array_equal(maps[0], maps[1], equal_nan=True)
