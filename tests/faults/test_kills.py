"""Runs that are stopped at random moments end as the run that nobody stopped, bit for bit."""

from pathlib import Path

import pytest

from tests.faults.harness import serving, stop_many


def check(folder: Path, n_stops: int, seed: int, per_run: int) -> None:
    with serving(folder) as server:
        tally = stop_many(server, folder, n_stops, seed, per_run=per_run)
    assert tally.faults == []
    assert [stop.faults for stop in tally.stops if stop.faults] == []
    assert tally.n_exact == n_stops
    landed = {phase for _, phase in tally.count()}
    assert {"save", "evaluation"} <= landed if n_stops >= 50 else landed


def test_five_stops(tmp_path: Path) -> None:
    check(tmp_path, 5, seed=2, per_run=5)


@pytest.mark.slow
def test_a_hundred_stops(tmp_path: Path) -> None:
    check(tmp_path, 100, seed=0, per_run=5)
