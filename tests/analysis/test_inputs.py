"""Every public function of the measurements meets bad input: it is understood, or refused in one line."""

import importlib
import inspect
import pkgutil
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import topogrid.analysis as package
from tests.labelled_arrays import Labelled
from topogrid.analysis import (
    RateMapAccumulator,
    autocorrelograms,
    band_scores,
    border_scores,
    distance_similarity,
    field_shuffle,
    fit_scale_clusters,
    form_patterns,
    forming_spacing,
    grid_gate,
    grid_scores,
    low_pass_noise,
    measure_lattice,
    morans_i,
    options,
    partial_morans_i,
    patch_topography,
    predicted_spacing,
    ring_noise,
    scaling_slope,
    sheet_correlation,
    shift_band,
    spatial_information,
    spectrum_noise,
    torus_of,
    weight_spectrum,
    weights_by_distance,
)
from topogrid.analysis import inputs as doors
from topogrid.analysis.ephys import grid_table, speed_of, tuning_map
from topogrid.analysis.labelled import from_labels
from topogrid.analysis.levels import levelled
from topogrid.analysis.maps.nulls import ring_radius
from topogrid.analysis.maps.units import measure_units
from topogrid.analysis.networks.groups import mean_over_networks, paired_series, series
from topogrid.analysis.networks.inference import compare_groups, mean_interval
from topogrid.analysis.paired import compare
from topogrid.analysis.sheets import (
    Sheet,
    compare_modules,
    compare_units,
    module_scales,
    share_of_range,
    tau_layout_explained,
)
from topogrid.analysis.synthetic import lattice_map

RNG = np.random.default_rng(0)
MAPS = np.stack([lattice_map(0.7, 10 * one, n_bins=12) for one in range(3)])
SHEET = np.arange(1.0, 65.0).reshape(8, 8) + np.eye(8)
UNITS = np.arange(1.0, 13.0)
TIME = np.arange(0.0, 20.0, 0.02)
WALK = np.stack([np.sin(TIME), np.cos(0.7 * TIME)], axis=1)
RATES = np.ones((len(WALK), 1))
COUNTED = np.ones(12, dtype=bool)
MODULE = np.repeat([0, 1, 2], 4)


def added(positions: Any = WALK, activity: Any = RATES) -> np.ndarray:
    accumulator = RateMapAccumulator(1, 2.2, 4)
    accumulator.add(positions, activity)
    return accumulator.rate_maps().maps


def summed(cells: Any = (0, 1), sums: Any = ((1.0,), (1.0,), (1.0,), (1.0,))) -> np.ndarray:
    accumulator = RateMapAccumulator(1, 2.2, 2)
    accumulator.add_sums(cells, sums)
    return accumulator.rate_maps().maps


STATES = np.random.default_rng(3).random((30, 4))
SQUARE = np.arange(9.0).reshape(3, 3)

# For each function: a call with one argument open, and the good value of that argument.
ARRAYS: dict[str, list[tuple[Callable[[Any], Any], np.ndarray]]] = {
    "RateMapAccumulator": [
        (lambda x: added(positions=x), WALK),
        (lambda x: added(activity=x), np.ones((len(WALK), 1))),
    ],
    "add_sums": [(lambda x: summed(sums=x), np.ones((4, 1)))],
    "autocorrelograms": [(autocorrelograms, MAPS)],
    "band_scores": [(band_scores, MAPS)],
    "border_scores": [(lambda x: border_scores(x, 2.2), MAPS)],
    "compare_groups": [(lambda x: compare_groups(x, UNITS + 1, rng=RNG), UNITS)],
    "compare_units": [(lambda x: compare_units(x, UNITS, UNITS, UNITS, COUNTED, COUNTED), UNITS)],
    "distance_similarity": [(distance_similarity, SHEET)],
    "field_shuffle": [(lambda x: field_shuffle(x, RNG), MAPS)],
    "fit_scale_clusters": [(fit_scale_clusters, UNITS)],
    "forming_spacing": [(lambda x: forming_spacing(0.12, 2.0, x), UNITS)],
    "grid_gate": [(lambda x: grid_gate(x, n_surrogates=2, rng=RNG), MAPS)],
    "grid_scores": [(grid_scores, MAPS)],
    "grid_table": [(lambda x: grid_table(x, 2.2, n_surrogates=99, rng=RNG), MAPS)],
    "low_pass_noise": [(lambda x: low_pass_noise(x, RNG), MAPS)],
    "mean_interval": [(mean_interval, UNITS)],
    "mean_over_networks": [(lambda x: mean_over_networks([(UNITS, x)]), UNITS)],
    "measure_lattice": [(lambda x: measure_lattice(x, 2.2), MAPS)],
    "module_scales": [(lambda x: module_scales(x, UNITS, MODULE, COUNTED), UNITS)],
    "morans_i": [(lambda x: morans_i(x, rng=RNG, n_permutations=9), SHEET)],
    "partial_morans_i": [
        (lambda x: partial_morans_i(x, SHEET.T, rng=RNG, n_permutations=9), SHEET),
        (lambda x: partial_morans_i(SHEET.T, x, rng=RNG, n_permutations=9), SHEET),
    ],
    "patch_topography": [
        (lambda x: patch_topography(x, SHEET, rng=RNG, side=2, n_permutations=1), SHEET),
        (lambda x: patch_topography(SHEET, x, rng=RNG, side=2, n_permutations=1), SHEET),
    ],
    "ring_noise": [(lambda x: ring_noise(x, RNG), MAPS)],
    "ring_radius": [(ring_radius, MAPS)],
    "scaling_slope": [(lambda x: scaling_slope(x, SHEET.T, rng=RNG, n_resamples=9), SHEET)],
    "share_of_range": [(lambda x: share_of_range(x, 1.0, 20.0), UNITS)],
    "sheet_correlation": [(lambda x: sheet_correlation(x, SHEET.T, rng=RNG), SHEET)],
    "shift_band": [(lambda x: shift_band(x, SHEET.T, rng=RNG, n_shifts=9), SHEET)],
    "spatial_information": [
        (lambda x: spatial_information(x, np.ones((12, 12))), MAPS),
        (lambda x: spatial_information(MAPS, x), np.ones((12, 12))),
    ],
    "spectrum_noise": [(lambda x: spectrum_noise(x, RNG), MAPS)],
    "speed_of": [(lambda x: speed_of(TIME, x), WALK)],
    "tau_layout_explained": [(lambda x: tau_layout_explained(x, Sheet(8)), SHEET.ravel())],
    "tuning_map": [
        (lambda x: tuning_map(x, TIME, WALK, 2.2), TIME[::7]),
        (lambda x: tuning_map(TIME[::7], x, WALK, 2.2), TIME),
        (lambda x: tuning_map(TIME[::7], TIME, x, 2.2), WALK),
    ],
    "torus_of": [(lambda x: torus_of(x, rng=RNG, n_points=20, n_surrogates=1), STATES)],
    "weight_spectrum": [(weight_spectrum, SQUARE)],
    "weights_by_distance": [(lambda x: weights_by_distance(x, [[0, 0], [0, 1], [1, 0]]), SQUARE)],
}

# Functions that take single numbers, counts or results of others: calls that must be refused.
SCALARS: dict[str, list[Callable[[], Any]]] = {
    "RateMapAccumulator": [
        lambda: RateMapAccumulator(1.5, 1.0),
        lambda: RateMapAccumulator(1, 1.0, (4.0, 4.0)),
        lambda: RateMapAccumulator(1, 1.0, (4, 4, 4)),
        lambda: RateMapAccumulator(1, "1.0"),
        lambda: RateMapAccumulator(1, np.nan),
    ],
    "Sheet": [lambda: Sheet(4.0), lambda: Sheet(4, 1.5), lambda: Sheet(0)],
    "add_sums": [
        lambda: summed([99]),
        lambda: summed([-1]),
        lambda: summed([1.5]),
        lambda: summed(sums=np.full((4, 1), np.nan)),
    ],
    "border_scores": [
        lambda: border_scores(MAPS, 2.2, min_field_area=np.nan),
        lambda: border_scores(MAPS, 2.2, min_field_area=-1.0),
        lambda: border_scores(MAPS, 2.2, field_threshold=None),
        lambda: border_scores(MAPS, [1, 2, 3]),
    ],
    "compare": [lambda: compare(None, None)],
    "compare_groups": [
        lambda: compare_groups(UNITS, UNITS, rng=0),
        lambda: compare_groups(UNITS, UNITS, rng=RNG, level=95),
    ],
    "compare_modules": [lambda: compare_modules(None, None)],
    "compare_units": [lambda: compare_units(UNITS, UNITS, 0 * UNITS, UNITS, COUNTED, COUNTED)],
    "distance_similarity": [
        lambda: distance_similarity(SHEET, max_distance=np.inf),
        lambda: distance_similarity(np.zeros((0, 5))),
        lambda: distance_similarity(SHEET, n_permutations=1.5),
        lambda: distance_similarity(SHEET, period=np.nan),
        lambda: distance_similarity(SHEET, rng=3),
    ],
    "field_shuffle": [lambda: field_shuffle(MAPS, None)],
    "fit_scale_clusters": [
        lambda: fit_scale_clusters(UNITS, 1.5),
        lambda: fit_scale_clusters(UNITS, smallest_ratio="1"),
    ],
    "form_patterns": [
        lambda: form_patterns(0.0, rng=RNG),
        lambda: form_patterns(0.12, 1.0, rng=RNG),
        lambda: form_patterns(0.12, rng=0),
        lambda: form_patterns(0.12, rng=RNG, n_bins=3.5),
        lambda: form_patterns(0.12, rng=RNG, n_maps=0),
        lambda: form_patterns(0.12, rng=RNG, box_size=-1.0),
    ],
    "forming_spacing": [lambda: forming_spacing(0.12, 2.0, []), lambda: forming_spacing(np.nan, 2.0, [0.0])],
    "grid_gate": [
        lambda: grid_gate(MAPS, rng=None),
        lambda: grid_gate(MAPS, rng=np.random.RandomState(0)),
        lambda: grid_gate(MAPS, n_surrogates=1.5, rng=RNG),
        lambda: grid_gate(MAPS, (2, 1), rng=RNG),
        lambda: grid_gate(MAPS, null=3, rng=RNG),
        lambda: grid_gate(MAPS, scores=[0.5], rng=RNG),
    ],
    "grid_scores": [
        lambda: grid_scores(MAPS, (2.0, 1.0)),
        lambda: grid_scores(MAPS, (1.2, 1.0)),
        lambda: grid_scores(MAPS, -1),
    ],
    "grid_table": [lambda: grid_table(MAPS, rng=RNG), lambda: grid_table(MAPS, 2.2, rng=7)],
    "low_pass_noise": [lambda: low_pass_noise(MAPS, 0)],
    "mean_interval": [lambda: mean_interval(UNITS, np.nan), lambda: mean_interval(UNITS, "0.9")],
    "mean_over_networks": [lambda: mean_over_networks([3]), lambda: mean_over_networks([(UNITS, UNITS[:3])])],
    "measure_lattice": [lambda: measure_lattice(MAPS, None), lambda: measure_lattice(MAPS, 1j)],
    "measure_units": [lambda: measure_units(MAPS, RNG)],
    "module_scales": [
        lambda: module_scales(UNITS, UNITS, MODULE + 0.5, COUNTED),
        lambda: module_scales(UNITS, UNITS, 10**9 * MODULE, COUNTED),
        lambda: module_scales(UNITS, UNITS, MODULE, 2 * UNITS),
    ],
    "morans_i": [
        lambda: morans_i(SHEET, rng=None),
        lambda: morans_i(SHEET, rng=RNG, n_permutations=1.5),
        lambda: morans_i(SHEET, rng=RNG, period=[60]),
    ],
    "paired_series": [lambda: paired_series([{"step": 1}])],
    "partial_morans_i": [lambda: partial_morans_i(SHEET, SHEET, rng=0)],
    "predicted_spacing": [
        lambda: predicted_spacing(None),
        lambda: predicted_spacing(0.1, 1.0),
        lambda: predicted_spacing(1j),
    ],
    "ring_noise": [lambda: ring_noise(MAPS, 0), lambda: ring_noise(np.ones((1, 2, 2)), RNG)],
    "ring_radius": [lambda: ring_radius(np.ones((1, 2, 2)))],
    "scaling_slope": [
        lambda: scaling_slope(SHEET, SHEET, rng=RNG, block=1.5),
        lambda: scaling_slope(SHEET, SHEET, rng=0),
    ],
    "series": [lambda: series([3], "a")],
    "share_of_range": [lambda: share_of_range(UNITS, 3, 1), lambda: share_of_range([], 1, 3)],
    "sheet_correlation": [
        lambda: sheet_correlation(SHEET, SHEET, rng=RNG, null=None),
        lambda: sheet_correlation(SHEET, SHEET, rng=RNG, n_surrogates=1.5),
        lambda: sheet_correlation(SHEET, SHEET[:4], rng=RNG),
    ],
    "shift_band": [
        lambda: shift_band(SHEET, SHEET, rng=RNG, n_shifts=0),
        lambda: shift_band(SHEET, SHEET, rng=RNG, n_parts=1.5),
        lambda: shift_band(SHEET, SHEET, rng=0),
    ],
    "spectrum_noise": [lambda: spectrum_noise(MAPS, None)],
    "tau_layout_explained": [lambda: tau_layout_explained(UNITS, None), lambda: tau_layout_explained(-SHEET, Sheet(8))],
    "speed_of": [lambda: speed_of(TIME[:5], WALK)],
    "tuning_map": [
        lambda: tuning_map(TIME, TIME[::-1], WALK, 2.2),
        lambda: tuning_map(TIME, TIME, WALK, 1.0),
        lambda: tuning_map(TIME, TIME, WALK, 2.2, bin_cm=0),
        lambda: tuning_map(TIME, TIME, WALK, 2.2, min_speed_cm=-1),
        lambda: tuning_map(TIME, TIME, WALK, 2.2, smoothing_cm=np.inf),
    ],
}
# Not measurements: the doors themselves, truth to measure against, and what the doors are made of.
ELSEWHERE = {"inputs", "options", "cores", "labelled", "levels", "synthetic"}
INSIDE = {
    "autocorrelograms_of",
    "check_scored",
    "scores_and_lattice",
    "scores_of_sacs",
    "cubic_taps",
    "fit_axes",
    "crest_phase",
    "noise_on_rings",
}  # between modules only: what they get is checked

WRONG_KINDS: dict[str, Callable[[np.ndarray], Any]] = {
    "complex": lambda good: good * (1 + 1j),
    "dates": lambda good: good.astype("datetime64[s]"),
    "durations": lambda good: good.astype("timedelta64[s]"),
    "text": lambda good: good.astype(str),
    "records": lambda good: np.zeros(good.shape, dtype=[("a", float)]),
    "objects": lambda good: np.full(good.shape, None),
    "nothing": lambda good: None,
    "ragged": lambda good: [[1.0], [1.0, 2.0]],
    "a word": lambda good: "maps",
    "more axes": lambda good: np.ones((2, 2, 2, 2, 2)),
    "infinite": lambda good: np.where(np.arange(good.size).reshape(good.shape) == 1, np.inf, good),
}
FLATTENED = {"compare_groups", "fit_scale_clusters", "forming_spacing", "mean_interval", "share_of_range"}
LEAVES_OUT_INFINITE = {"compare_groups", "mean_interval"}
UNDERSTOOD = {("more axes", name) for name in FLATTENED} | {("infinite", name) for name in LEAVES_OUT_INFINITE}
UNDERSTOOD |= {("ragged", "tuning_map")}  # the spikes of two cells

SAME_KINDS: dict[str, Callable[[np.ndarray], Any]] = {
    "a list": lambda good: good.tolist(),
    "a tensor with a gradient": lambda good: torch.tensor(good).requires_grad_(),
    "a masked array without masked values": lambda good: np.ma.masked_invalid(good),
    "a list of masked arrays": lambda good: [np.ma.masked_invalid(part) for part in good],
    "long doubles": lambda good: good.astype(np.longdouble),
}


def array_cases() -> list[Any]:
    return [
        pytest.param(name, call, good, id=f"{name}-{number}")
        for name, calls in ARRAYS.items()
        for number, (call, good) in enumerate(calls)
    ]


def public_functions() -> set[str]:
    """Return the functions that modules of the package define for others, and its classes that check what they get."""
    found = {"RateMapAccumulator", "add_sums", "Sheet"}
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if module.name.rsplit(".", 1)[1] in ELSEWHERE:
            continue
        loaded = importlib.import_module(module.name)
        found |= {
            name
            for name, value in vars(loaded).items()
            if inspect.isfunction(value) and value.__module__ == module.name and not name.startswith("_")
        }
    return found - INSIDE


def test_no_function_is_missing_from_the_table() -> None:
    assert public_functions() == ARRAYS.keys() | SCALARS.keys()


def one_line(error: BaseException) -> bool:
    return "\n" not in str(error) and len(str(error)) > 20


@pytest.mark.parametrize("kind", WRONG_KINDS)
@pytest.mark.parametrize(("name", "call", "good"), array_cases())
def test_what_cannot_be_right_is_refused_in_one_line(
    name: str, call: Callable[[Any], Any], good: np.ndarray, kind: str
) -> None:
    if (kind, name) in UNDERSTOOD:
        pytest.skip("these take any shape, leave out a network without a value, or map several cells")
    bad = WRONG_KINDS[kind](good)
    with pytest.raises((TypeError, ValueError)) as refused:
        call(bad)
    assert one_line(refused.value)


@pytest.mark.parametrize(
    "call", [pytest.param(call, id=f"{name}-{i}") for name, calls in SCALARS.items() for i, call in enumerate(calls)]
)
def test_a_bad_option_is_refused_in_one_line(call: Callable[[], Any]) -> None:
    with pytest.raises((TypeError, ValueError)) as refused:
        call()
    assert one_line(refused.value)


def flat(result: Any) -> list[np.ndarray]:
    """Return all numbers of a result."""
    if hasattr(result, "__dataclass_fields__"):
        result = [getattr(result, name) for name in result.__dataclass_fields__]
    if isinstance(result, tuple | list):
        return [part for item in result for part in flat(item)]
    return [] if result is None or isinstance(result, str) else [np.asarray(result)]


@pytest.mark.parametrize(("name", "call", "good"), array_cases())
def test_every_kind_of_real_array_gives_the_same(
    name: str, call: Callable[[Any], Any], good: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fresh(values: Any) -> list[np.ndarray]:
        monkeypatch.setitem(globals(), "RNG", np.random.default_rng(1))
        return flat(call(values))

    before = good.copy()
    wanted = fresh(good)
    for kind, change in SAME_KINDS.items():
        for a, b in zip(wanted, fresh(change(good)), strict=True):
            np.testing.assert_array_equal(a, b, err_msg=kind)
    np.testing.assert_array_equal(good, before)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16, np.float16, np.float32, bool])
@pytest.mark.parametrize(("name", "call", "good"), array_cases())
def test_whole_numbers_and_low_precision_become_doubles(
    name: str, call: Callable[[Any], Any], good: np.ndarray, dtype: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    low = np.clip(np.rint(10 * good), 0, 100).astype(dtype)

    def fresh(values: np.ndarray) -> Any:
        monkeypatch.setitem(globals(), "RNG", np.random.default_rng(1))
        try:
            return flat(call(values))
        except ValueError as error:  # rounded positions and times may not make sense: they must not in either form
            return [np.asarray(str(error))]

    for a, b in zip(fresh(low), fresh(low.astype(np.float64)), strict=True):
        if a.dtype.kind in "UV":  # a message, or a table
            assert str(a) == str(b)
        else:
            np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-12)


MASKED_MEANS_MISSING = {
    name for name in ARRAYS if name not in {"add_sums", "forming_spacing", "share_of_range", "speed_of"}
}
REFUSES_MISSING = {"add_sums", "forming_spacing", "share_of_range", "tau_layout_explained"}


@pytest.mark.parametrize(("name", "call", "good"), array_cases())
def test_a_masked_value_is_a_missing_one(
    name: str, call: Callable[[Any], Any], good: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = np.zeros(good.shape, dtype=bool)
    gone.ravel()[:: max(3, good.size // 20)] = True
    masked = np.ma.MaskedArray(np.where(gone, 50.0, good), gone)
    missing = np.where(gone, 0.0 if name == "spatial_information" and good.ndim == 2 else np.nan, good)

    def fresh(values: Any) -> Any:
        monkeypatch.setitem(globals(), "RNG", np.random.default_rng(1))
        try:
            return flat(call(values))
        except ValueError as error:
            return [np.asarray(str(error))]

    for a, b in zip(fresh(masked), fresh(missing), strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_doors_name_what_came() -> None:
    with pytest.raises(TypeError, match=r"rng must be a numpy\.random\.Generator, got 0: pass numpy"):
        options.as_generator(0)
    with pytest.raises(TypeError, match="rate maps must be real numbers, got complex numbers"):
        doors.as_maps(MAPS * 1j)
    with pytest.raises(ValueError, match=r"square bins, got bins of 0\.1 x 0\.05 m"):
        grid_scores(np.zeros((1, 20, 20)), (2, 1))
    assert grid_scores(np.zeros((1, 10, 20)), (2, 1)).score_60.shape == (1,)
    assert levelled(np.full((1, 3), 7.0), beyond=1.0).tolist() == [[7.0, 7.0, 7.0]]
    with pytest.raises(ValueError, match="axes of unit, y and x"):
        from_labels(Labelled(MAPS, ("unit", "row", "col"), {}))
