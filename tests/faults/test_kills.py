"""Runs that are stopped at random moments end as the run that nobody stopped, bit for bit."""

from pathlib import Path

import pytest

from tests.faults.harness import OF_WIRING, Server, stop_many


def check(server: Server, folder: Path, n_stops: int, seed: int, wiring: str) -> None:
    tally = stop_many(server.within(folder), folder, n_stops, seed, wiring=wiring)
    assert tally.faults == []
    assert [stop.faults for stop in tally.stops if stop.faults] == []
    assert tally.n_exact == n_stops
    landed = {phase for _, phase in tally.count()}
    assert {"save", "evaluation"} <= landed if n_stops >= 50 else landed


@pytest.mark.slow
@pytest.mark.parametrize("wiring", OF_WIRING)
def test_five_stops(server: Server, tmp_path: Path, wiring: str) -> None:
    check(server, tmp_path, 5, seed=2, wiring=wiring)


@pytest.mark.slow
@pytest.mark.parametrize("wiring", OF_WIRING)
def test_a_hundred_stops(server: Server, tmp_path: Path, wiring: str) -> None:
    check(server, tmp_path, 100, seed=0, wiring=wiring)
