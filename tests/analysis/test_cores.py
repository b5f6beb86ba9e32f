"""Every piece is worked on once, whatever the number of cores; pieces are made in order, and few ahead of the work."""

import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest

from topogrid.analysis import cores
from topogrid.analysis.cores import over_chunks, with_each


@pytest.fixture(params=[1, 2, 5])
def some_cores(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(cores, "n_cores", lambda: request.param)
    return int(request.param)


@pytest.mark.parametrize(("units", "size"), [(0, 4), (3, 4), (8, 4), (41, 4)])
def test_slices_cover_every_unit_once(some_cores: int, units: int, size: int) -> None:
    seen = np.zeros(units, dtype=int)

    def work(chunk: slice) -> None:
        assert chunk.stop - chunk.start <= size
        seen[chunk] += 1

    over_chunks(work, units, size)
    assert (seen == 1).all()


def test_pieces_are_made_in_order_by_the_caller_and_not_far_ahead(some_cores: int) -> None:
    made, done, ahead = [], [], []

    def pieces() -> Iterator[int]:
        for number in range(60):
            assert threading.current_thread() is threading.main_thread()
            made.append(number)
            ahead.append(len(made) - len(done))
            yield number

    def work(piece: int) -> None:
        time.sleep(1e-4)
        done.append(piece)

    with_each(work, pieces())
    assert made == list(range(60))
    assert sorted(done) == made
    assert max(ahead) <= 3 * some_cores + 2


def test_what_goes_wrong_in_a_piece_is_raised(some_cores: int) -> None:
    def work(piece: int) -> None:
        if piece == 7:
            raise ArithmeticError("seven")

    with pytest.raises(ArithmeticError, match="seven"):
        with_each(work, range(20))


def test_whoever_stops_waits_for_what_has_begun_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cores, "n_cores", lambda: 2)
    begun: list[int] = []

    def work(piece: int) -> None:
        begun.append(piece)
        time.sleep(0.5)

    def pieces() -> Iterator[int]:
        yield from range(4)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        with_each(work, pieces())
    assert sorted(begun) == [0, 1]
