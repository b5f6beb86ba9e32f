"""Spikes and tracks in, rate maps and a table of cells out: made-up sessions whose answer is known."""

import csv
import importlib.util
from pathlib import Path

import numpy as np
import pytest

from topogrid.analysis import grid_table, measure_lattice, tuning_map
from topogrid.analysis.synthetic import lattice_map, lattice_spikes, random_track

RNG = np.random.default_rng(2)
TIME, TRACK = random_track(900, 1.0, RNG)
SPIKES = {"a": lattice_spikes(TIME, TRACK, 0.35, RNG, orientation=20), "b": np.sort(RNG.uniform(0, 900, 3000))}


def test_rates_are_spikes_over_time_in_hertz() -> None:
    maps = tuning_map([SPIKES["b"], SPIKES["b"][::2]], TIME, TRACK, 1.0, smoothing_cm=0, min_speed_cm=0, bin_cm=10)
    assert maps.maps.shape == (2, 10, 10)
    assert maps.occupancy.sum() == pytest.approx(900, abs=0.1)
    np.testing.assert_allclose((np.nan_to_num(maps.maps) * maps.occupancy).sum(axis=(1, 2)), maps.n_spikes)
    assert maps.n_spikes.sum() == 4500
    assert np.nanmean(maps.maps[0]) == pytest.approx(3000 / 900, rel=0.05)


def test_a_lattice_comes_back_from_its_spikes() -> None:
    maps = tuning_map(SPIKES, TIME, TRACK, 1.0, bin_cm=4)
    lattice = measure_lattice(maps, maps.box_size)
    assert lattice.spacing[0] == pytest.approx(0.35, rel=0.05)
    assert lattice.orientation[0] == pytest.approx(20, abs=2)


def test_rows_run_along_y() -> None:
    time, place = np.arange(4.0), np.array([[-0.4, 0.4], [-0.3, 0.4], [0.4, -0.4], [0.3, -0.4]])
    maps = tuning_map([0.5, 1.5], time, place, 1.0, bin_cm=50, smoothing_cm=0, min_speed_cm=0)
    np.testing.assert_array_equal(maps.maps[0], [[np.nan, 0.0], [1.0, np.nan]])


def test_what_stands_still_or_is_lost_does_not_count() -> None:
    track = TRACK.copy()
    track[:1000] = track[0]
    track[2000:3000] = np.nan
    maps = tuning_map(SPIKES, TIME, track, 1.0)
    assert maps.occupancy.sum() == pytest.approx(900 - 40, abs=1)
    assert maps.n_spikes[1] == pytest.approx(3000 * 860 / 900, rel=0.05)


def test_a_pause_of_the_recorder_is_no_time_in_a_bin() -> None:
    later = np.where(TIME > 450, TIME + 3600, TIME)
    maps = tuning_map(SPIKES["b"][SPIKES["b"] < 450], later, TRACK, 1.0, min_speed_cm=0)
    assert maps.occupancy.sum() == pytest.approx(900, abs=1)


def test_the_origin_of_a_track_is_its_middle_unless_the_box_is_given() -> None:
    here, there = (tuning_map(SPIKES, TIME, TRACK + shift) for shift in (0.0, 5.0))
    np.testing.assert_allclose(here.maps, there.maps)
    with pytest.raises(ValueError, match="shift the origin, or leave box_size out"):
        tuning_map(SPIKES, TIME, TRACK + 5, 1.0)


@pytest.mark.parametrize(("at", "message"), [(TIME[4], "doubled or out of order"), (TIME[2], "at sample 5")])
def test_stamps_that_do_not_rise_are_named(at: float, message: str) -> None:
    clock = TIME.copy()
    clock[5] = at
    with pytest.raises(ValueError, match=message):
        tuning_map(SPIKES, clock, TRACK, 1.0)


@pytest.mark.parametrize(
    ("factor", "options", "message"),
    [
        (1e3, {}, "at most 1,000 bins a side, got 2.5 for a box of .* are positions in metres"),
        (1e-3, {}, "smoothing_cm must be at most the longer side of the box, got 5 for a box of .* are positions"),
        (1.0, {"bin_cm": 1e-300}, "at most 1,000 bins a side"),
        (1.0, {"bin_cm": 5e-324}, "at most 1,000 bins a side"),
        (1.0, {"smoothing_cm": 1e300}, "smoothing_cm must be at most"),
        (1e160, {}, "position must be in metres, at most 1e.06 from the origin, got"),
        (1e307, {}, "position must be in metres"),
        (1e-300, {}, "smoothing_cm must be at most"),
    ],
)
def test_units_of_length_that_cannot_be_meant_are_named(factor: float, options: dict[str, float], message: str) -> None:
    time = np.arange(0, 20, 0.02)
    position = np.random.default_rng(0).uniform(-1, 1, (len(time), 2))
    with pytest.raises(ValueError, match=message):
        tuning_map(time[::9], time, position * factor, **options)


def test_a_narrow_track_is_smoothed_along_its_length_alone() -> None:
    time = np.arange(0, 20, 0.02)
    along = np.abs(np.linspace(-4, 4, len(time)) % 2 - 1)
    narrow, wide = (tuning_map(time[::9], time, np.stack((along, width * along), axis=1)) for width in (1e-12, 1e-2))
    assert narrow.maps.shape == (1, 1, 40)
    np.testing.assert_allclose(narrow.maps, wide.maps)


def test_objects_that_keep_their_times_will_do() -> None:
    class Train:
        def __init__(self, t: np.ndarray) -> None:
            self.t = t

    kept = tuning_map({name: Train(times) for name, times in SPIKES.items()}, TIME, TRACK, 1.0)
    np.testing.assert_array_equal(kept.maps, tuning_map(SPIKES, TIME, TRACK, 1.0).maps)


def test_a_lattice_too_wide_for_its_box_shows_some_of_its_peaks() -> None:
    wide = np.stack([lattice_map(0.78, angle, n_bins=32, box_size=1.0) for angle in (0, 10, 20)])
    table = grid_table(np.concatenate([wide, np.ones((1, 32, 32))]), 1.0, n_surrogates=99, rng=np.random.default_rng(0))
    assert np.isnan(table["spacing_m"][-1])
    assert table["n_peaks"][-1] == 0
    lost = np.isnan(table["spacing_m"][:-1])
    assert lost.any()
    assert np.isin(table["n_peaks"][:-1][lost], (2, 4)).all()


def test_the_example_scores_a_session(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = Path(__file__).parents[2] / "examples" / "score_your_own_cells.py"
    spec = importlib.util.spec_from_file_location("score_your_own_cells", path)
    assert spec is not None
    assert spec.loader is not None
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    session, table = tmp_path / "session.npz", tmp_path / "cells.csv"
    np.savez(session, time=TIME, position=TRACK, **{f"spikes_{name}": times for name, times in SPIKES.items()})
    words = [str(session), "--box_size", "1", "1", "--bin_cm", "5", "--surrogates", "50", "--csv", str(table)]
    assert example.main(words) == 0
    assert "passes (ring null)" in capsys.readouterr().out
    with table.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["cell"] for row in rows] == ["a", "b"]
    assert float(rows[0]["spacing_m"]) == pytest.approx(0.35, rel=0.05)
    assert rows[1]["passed"] == "False"


@pytest.mark.parametrize(("surrogates", "cells"), [(50, 1), (98, 1), (9, 10)])
def test_so_few_surrogates_that_no_cell_could_pass_are_refused(surrogates: int, cells: int) -> None:
    maps = np.stack([lattice_map(0.5)] * cells)
    with pytest.raises(ValueError, match=f"at least {-(-99 // cells)} for {cells} cell.* no cell could pass"):
        grid_table(maps, 2.2, n_surrogates=surrogates, rng=np.random.default_rng(0))


def test_with_as_many_as_that_a_lattice_passes() -> None:
    assert grid_table(lattice_map(0.5)[None], 2.2, n_surrogates=99, rng=np.random.default_rng(0))["passed"].all()
