"""The theory lines are where their spectra peak, and follow what they should follow."""

import numpy as np
import pytest
from scipy.special import j0

from topogrid.analysis import forming_spacing, predicted_spacing


def test_theory_line_is_where_the_place_code_spectrum_peaks() -> None:
    sigma, scale = 0.12, 2.0
    k = np.linspace(1, 40, 400_001)
    spectrum = np.exp(-((sigma * k) ** 2) / 2) - np.exp(-scale * (sigma * k) ** 2 / 2)
    expected = 4 * np.pi / (np.sqrt(3) * k[spectrum.argmax()])
    assert predicted_spacing(sigma, scale) == pytest.approx(expected, rel=1e-4)
    assert predicted_spacing(sigma, scale) == pytest.approx(0.739, abs=5e-4)
    assert predicted_spacing(2 * sigma, scale) == pytest.approx(2 * predicted_spacing(sigma, scale))


@pytest.mark.parametrize(("sigma", "scale"), [(0.0, 2.0), (-0.1, 2.0), (np.nan, 2.0), (0.1, 1.0), (0.1, np.inf)])
def test_theory_needs_a_width_and_a_wider_surround(sigma: float, scale: float) -> None:
    with pytest.raises(ValueError, match="must be"):
        predicted_spacing(sigma, scale)


def test_rectified_fields_would_prefer_a_lattice_two_per_cent_wider_no_more() -> None:
    # Fields cut off at zero hold harmonics beside the three waves; here is how wide a lattice explains most with all.
    cell = np.arange(96) / 96
    u, v = np.meshgrid(cell, cell, indexing="ij")
    waves = (np.cos(2 * np.pi * u) + np.cos(2 * np.pi * v) + np.cos(2 * np.pi * (u + v))) / 3
    power = np.abs(np.fft.fft2(np.maximum(waves, 0))) ** 2
    m, n = np.meshgrid(np.fft.fftfreq(96, 1 / 96), np.fft.fftfreq(96, 1 / 96), indexing="ij")
    times = np.sqrt(m**2 + n**2 - m * n)  # wave number of a harmonic over that of the lattice
    spacing = np.linspace(0.7, 0.9, 401)
    squared = (0.12 * 4 * np.pi / (np.sqrt(3) * spacing[:, None, None]) * times) ** 2
    explained = ((np.exp(-squared / 2) - np.exp(-squared)) ** 2 * power).sum(axis=(1, 2))
    assert spacing[explained.argmax()] == pytest.approx(0.754, abs=0.002)


def test_a_lattice_that_forms_knows_how_far_animals_get() -> None:
    distances = 0.02 * np.arange(1, 21)  # one metre per second for 20 steps of 20 ms
    k = np.linspace(4, 30, 200_001)
    spectrum = np.exp(-((0.12 * k) ** 2) / 2) - np.exp(-2 * (0.12 * k) ** 2 / 2)
    growth = spectrum**2 * j0(np.outer(k, distances)).mean(axis=1)
    expected = 4 * np.pi / (np.sqrt(3) * k[growth.argmax()])
    assert forming_spacing(0.12, 2.0, distances) == pytest.approx(expected, rel=0.005)
    reached = [forming_spacing(0.12, 2.0, factor * distances) for factor in (0.25, 0.5, 0.75, 1.0)]
    assert (np.diff(reached) > 0).all()
    assert forming_spacing(0.12, 2.0, [0.0]) == pytest.approx(predicted_spacing(0.12, 2.0), rel=0.002)
    assert forming_spacing(0.24, 2.0, 2 * distances) == pytest.approx(2 * reached[-1], rel=1e-6)


@pytest.mark.parametrize("distances", [[], [-0.1], [np.nan]])
def test_lattices_form_along_distances_that_exist(distances: list[float]) -> None:
    with pytest.raises(ValueError, match="at least one finite number"):
        forming_spacing(0.12, 2.0, distances)
