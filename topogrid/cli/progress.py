"""How far a command has come: a bar on a terminal, a line for each part elsewhere."""

from __future__ import annotations

import sys
import time
from types import TracebackType

from topogrid.durations import in_words
from topogrid.tables import plain

WORTH_SAYING = 10.0  # seconds below which nobody asks how long it still takes


class Progress:
    """A context that is told what was done, its number from 1, and how many there are.

    Parameters
    ----------
    unit : str
        What is counted.
    beginning : str
        What is said before the first is done.
    only_on_terminal : bool
        Say nothing elsewhere.
    """

    def __init__(self, unit: str, beginning: str = "", *, only_on_terminal: bool = False) -> None:
        from tqdm import tqdm

        if beginning:
            print(plain(beginning), file=sys.stderr, flush=True)
        self._bar = tqdm(total=0, unit=unit, disable=not sys.stderr.isatty())
        self._silent = only_on_terminal and self._bar.disable
        self._start = self._began = time.perf_counter()

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.close()

    def __call__(self, name: str, number: int, of: int) -> None:
        """Show that this is done."""
        now = time.perf_counter()
        if self._silent:
            return
        if self._bar.disable:
            left = (now - self._start) / number * (of - number)
            told = f", about {in_words(left)} left" if number < of and left >= WORTH_SAYING else ""
            print(f"{number}/{of} {name}: {now - self._began:.0f} s{told}", file=sys.stderr, flush=True)
        else:
            self._bar.total = of
            self._bar.set_postfix_str(name)
            self._bar.update(number - self._bar.n)
        self._began = now
