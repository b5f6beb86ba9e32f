"""Work on many units shared out among the cores, for functions that release the interpreter lock."""

import os
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

__all__ = ["n_cores", "over_chunks", "with_each"]

T = TypeVar("T")

_WAITING = 2  # pieces of work for each core that may be prepared ahead of it, which bounds memory


def n_cores() -> int:
    """Count the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def over_chunks(work: Callable[[slice], None], units: int, size: int) -> None:
    """Run ``work`` over slices of ``size`` units on every core.

    Parameters
    ----------
    work : callable
        Told a slice of the units; slices come in any order, several at once.
    units, size : int
        How many units there are, and how many go into a slice.
    """
    with_each(work, (slice(start, min(start + size, units)) for start in range(0, units, size)))


def with_each(work: Callable[[T], None], pieces: Iterable[T]) -> None:
    """Run ``work`` with each of some pieces on every core, while the next are made in the calling thread, in order.

    Parameters
    ----------
    work : callable
        Told a piece; pieces are worked on in any order, several at once.
    pieces : iterable
        Made one after the other, only a few ahead of the work.
    """
    cores = n_cores()
    if cores < 2:
        for piece in pieces:
            work(piece)
        return
    waiting: deque[Future[None]] = deque()
    with ThreadPoolExecutor(cores) as pool:
        try:
            for piece in pieces:
                waiting.append(pool.submit(work, piece))
                if len(waiting) > _WAITING * cores:
                    waiting.popleft().result()
            for one in waiting:
                one.result()
        except BaseException:  # Ctrl-C too: what has not begun never does
            pool.shutdown(wait=False, cancel_futures=True)
            raise
