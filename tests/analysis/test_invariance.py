"""What the unit or the zero of a rate cannot change: scores, lattices, periods, order on the sheet."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from topogrid.analysis import (
    RateMapAccumulator,
    autocorrelograms,
    band_scores,
    border_scores,
    distance_similarity,
    field_shuffle,
    grid_scores,
    measure_lattice,
    morans_i,
    partial_morans_i,
    scaling_slope,
    sheet_correlation,
    spatial_information,
)
from topogrid.analysis.maps.nulls import ring_radius, spectrum_noise
from topogrid.analysis.networks.inference import compare_groups, mean_interval
from topogrid.analysis.synthetic import cut_noise, lattice_map, smooth_noise

few = settings(max_examples=12, deadline=None, derandomize=True)
SCALES = st.one_of(
    st.sampled_from([1e-300, 1e-200, 1e-100, 1e-30, 1e-9, 1e-4, 7.0, 6e4, 1e9, 1e100, 1e160, 1e300]),
    st.floats(-100, 160).map(lambda exponent: 10.0**exponent),
)
OFFSETS = st.one_of(
    st.sampled_from([0.5, 3.0, 1e3, 1e4, 9e4, 1e6, -5.0, -1e4]), st.floats(-6, 6).map(lambda exponent: 10.0**exponent)
)


def some_maps() -> np.ndarray:
    """Return noisy lattices and noise with a corner that was never visited."""
    rng = np.random.default_rng(3)
    maps = np.stack([lattice_map(0.6 + 0.1 * one, 9 * one, (0.1 * one, 0.3), n_bins=16) for one in range(4)])
    maps = np.concatenate([maps + 0.05 * smooth_noise(4, 16, 1, rng), smooth_noise(2, 16, 2, rng)])
    maps[:, :3, :2] = np.nan
    return maps


MAPS = some_maps()
SHEET = cut_noise(2, 3, np.random.default_rng(5), side=16)
SHEET[:, 2, 3:6] = np.nan


def lattice_numbers(maps: np.ndarray) -> np.ndarray:
    lattice = measure_lattice(maps, 2.2)
    turns = np.exp(2j * np.pi * np.column_stack([lattice.phase, lattice.orientation / 60]))
    return np.column_stack([lattice.spacing, lattice.ellipse_ratio, turns.real, turns.imag])


OF_MAPS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "scores": lambda maps: np.stack(grid_scores(maps)),
    "autocorrelograms": autocorrelograms,
    "lattice": lattice_numbers,
    "ring_radius": ring_radius,
    "order of spectrum noise": lambda maps: (
        spectrum_noise(maps, np.random.default_rng(0)).reshape(6, -1).argsort(axis=1)
    ),
    "order of shuffled fields": lambda maps: (
        field_shuffle(maps, np.random.default_rng(0)).reshape(6, -1).argsort(axis=1)
    ),
}
OF_RATES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "border": lambda maps: border_scores(np.abs(maps), 2.2),
    "band": lambda maps: band_scores(maps),
    "information": lambda maps: spatial_information(np.abs(maps), np.ones((16, 16))),
}
OF_SHEETS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "moran": lambda sheet: np.array(morans_i(sheet, rng=np.random.default_rng(0), n_permutations=19)),
    "partial moran": lambda sheet: np.array(
        partial_morans_i(sheet, SHEET[1], rng=np.random.default_rng(0), n_permutations=19)
    ),
    "given": lambda sheet: np.array(partial_morans_i(SHEET[1], sheet, rng=np.random.default_rng(0), n_permutations=19)),
    "similarity": lambda sheet: np.stack(distance_similarity(sheet, rng=np.random.default_rng(0), n_permutations=9)),
    "correlation": lambda sheet: np.array(sheet_correlation(sheet, SHEET[1], rng=np.random.default_rng(0))[:3]),
}


@pytest.mark.parametrize("name", [*OF_MAPS, *OF_RATES])
@few
@given(scale=SCALES)
def test_the_unit_of_a_rate_changes_nothing(name: str, scale: float) -> None:
    measure = (OF_MAPS | OF_RATES)[name]
    within = 1e-5 if name == "autocorrelograms" else 1e-7  # rounding counts where two bins overlap
    np.testing.assert_allclose(measure(scale * MAPS), measure(MAPS), rtol=within, atol=within)


@pytest.mark.parametrize("name", list(OF_MAPS)[:4])
@few
@given(offset=OFFSETS)
def test_the_zero_of_a_rate_changes_no_correlation(name: str, offset: float) -> None:
    measure = OF_MAPS[name]
    np.testing.assert_allclose(measure(MAPS + offset), measure(MAPS), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", OF_SHEETS)
@few
@given(scale=SCALES)
def test_the_unit_of_a_sheet_changes_nothing(name: str, scale: float) -> None:
    measure = OF_SHEETS[name]
    np.testing.assert_allclose(measure(scale * SHEET[0]), measure(SHEET[0]), rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize(("offset", "within"), [(10.0, 1e-9), (1e5, 1e-9), (1e9, 1e-5), (1e12, 0.02), (-1e12, 0.02)])
@pytest.mark.parametrize("name", list(OF_SHEETS)[:4])
def test_the_zero_of_a_sheet_changes_nothing(name: str, offset: float, within: float) -> None:
    here, away = OF_SHEETS[name](SHEET[0]), OF_SHEETS[name](SHEET[0] + offset)
    p_values = {"moran": 1, "partial moran": 1, "given": 1}.get(name)
    if p_values is not None:
        here, away = np.delete(here, p_values), np.delete(away, p_values)
    np.testing.assert_allclose(away, here, rtol=within, atol=within)


def test_half_precision_has_the_period_of_doubles() -> None:
    half = (6e4 * np.abs(MAPS) / np.nanmax(np.abs(MAPS))).astype(np.float16)
    np.testing.assert_array_equal(ring_radius(half), ring_radius(half.astype(np.float64)))


@few
@given(scale=SCALES)
def test_the_unit_of_a_measure_changes_no_test_over_networks(scale: float) -> None:
    a, b = np.array([1.0, 1.3, 0.9, 1.1]), np.array([1.5, 1.4, 1.8])
    here, there = (compare_groups(x * a, x * b, rng=np.random.default_rng(0)) for x in (1.0, scale))
    np.testing.assert_allclose(np.array(there[3:]), np.array(here[3:]), rtol=1e-9)
    np.testing.assert_allclose(np.array(there[:3]), scale * np.array(here[:3]), rtol=1e-9)
    np.testing.assert_allclose(
        np.array(mean_interval(scale * a)[:3]), scale * np.array(mean_interval(a)[:3]), rtol=1e-9
    )


@few
@given(scale=SCALES)
def test_the_units_of_tau_and_spacing_do_not_change_a_slope(scale: float) -> None:
    tau, spacing = np.exp(0.1 * SHEET[0]), np.exp(0.1 * SHEET[1])
    here, there = (scaling_slope(x * tau, spacing, rng=np.random.default_rng(0), n_resamples=9) for x in (1.0, scale))
    np.testing.assert_allclose(np.array(there), np.array(here), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16, np.int32, np.uint64, bool, np.float16])
def test_spike_counts_do_not_wrap_around(dtype: type) -> None:
    largest = 1 if dtype is bool else np.iinfo(dtype).max if np.dtype(dtype).kind in "iu" else 6e4
    accumulator = RateMapAccumulator(1, 2.0, 1)
    accumulator.add(np.zeros((2000, 2)), np.full((2000, 1), largest, dtype))
    assert accumulator.rate_maps().maps.item() == pytest.approx(float(np.array(largest, dtype)), rel=1e-12)


def test_what_is_refused_leaves_no_trace() -> None:
    accumulator = RateMapAccumulator(3, 2.2, 4)
    accumulator.add([[0.0, 0.0]], [[1.0, 2.0, 3.0]])
    before = accumulator.rate_maps()
    tries: list[Callable[[], None]] = [
        lambda: accumulator.add_sums([99], np.ones((16, 3))),
        lambda: accumulator.add_sums([-1], np.ones((16, 3))),
        lambda: accumulator.add_sums([1.5], np.ones((16, 3))),
        lambda: accumulator.add_sums([1], np.full((16, 3), np.nan)),
        lambda: accumulator.add([[0.0, 0.0], [9.0, 0.0]], np.ones((2, 3))),
        lambda: accumulator.add([[0.0, 0.0]], [[1.0, np.inf, 1.0]]),
        lambda: accumulator.add([[0.0, 0.0], [0.0, 0.0]], np.full((2, 3), 1.5e308)),
    ]
    for attempt in tries:
        with pytest.raises((TypeError, ValueError)):
            attempt()
    after = accumulator.rate_maps()
    np.testing.assert_array_equal(after.maps, before.maps)
    np.testing.assert_array_equal(after.occupancy, before.occupancy)


def test_a_missing_sample_is_left_out_of_one_unit_alone() -> None:
    accumulator = RateMapAccumulator(2, 2.0, 1)
    accumulator.add(np.zeros((3, 2)), [[1.0, 4.0], [np.nan, 5.0], [3.0, 6.0]])
    accumulator.add(np.zeros((1, 2)), np.ma.masked_equal([[8.0, 99.0]], 99.0))
    assert accumulator.rate_maps().maps.ravel().tolist() == [4.0, 5.0]
    assert accumulator.rate_maps().occupancy.item() == 4


def test_rounding_is_no_variation() -> None:
    rng = np.random.default_rng(0)
    accumulator = RateMapAccumulator(1, 2.2, 6)
    accumulator.add(rng.uniform(-1, 1, (20_000, 2)), np.full((20_000, 1), 0.1, np.float32))
    maps = accumulator.rate_maps().maps
    assert np.unique(maps[np.isfinite(maps)]).size == 1
    assert np.isnan(grid_scores(maps).score_60[0])
