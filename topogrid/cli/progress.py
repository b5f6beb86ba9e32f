"""How far a command has come: a bar on a terminal, a line for each part elsewhere."""

from __future__ import annotations

import sys
import time
from types import TracebackType


class Progress:
    """A context that is told what was done, its number from 1, and how many there are."""

    def __init__(self, unit: str, *, only_on_terminal: bool = False) -> None:
        from tqdm import tqdm

        self._bar = tqdm(total=0, unit=unit, disable=not sys.stderr.isatty())
        self._silent = only_on_terminal and self._bar.disable
        self._began = time.perf_counter()

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
            print(f"{number}/{of} {name}: {now - self._began:.0f} s", file=sys.stderr, flush=True)
        else:
            self._bar.total = of
            self._bar.set_postfix_str(name)
            self._bar.update(number - self._bar.n)
        self._began = now
