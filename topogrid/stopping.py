"""Turn a request to stop (Ctrl-C, a scheduler's signal) into a flag that the training loop reads between steps."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType

_EXIT_CODE_OFFSET = 128  # a shell reports a process ended by signal n as 128 + n


class Abandoned(Exception):
    """Work that a stop signal cut short, as `StopRequest.abandoning` lets it."""


class StopRequest:
    """Context that catches stop signals; the first one sets a flag, a second one ends the process at once.

    SIGINT exits 130; SIGTERM, SIGHUP and SIGUSR1 (what schedulers send before they preempt) exit 143.
    """

    def __init__(self) -> None:
        self.exit_code: int | None = None
        """Code to exit with once everything is saved; ``None`` while nobody asked to stop."""
        self._before: dict[int, object] = {}
        self._abandons = False

    def __enter__(self) -> StopRequest:
        # Python delivers signals to the main thread only; elsewhere (a notebook's worker) there is nothing to catch.
        if threading.current_thread() is threading.main_thread():
            names = ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1")
            for number in (getattr(signal, name) for name in names if hasattr(signal, name)):
                # Under nohup SIGHUP is ignored on purpose, so that the run outlives its terminal: leave that as it is.
                if signal.getsignal(number) not in (signal.SIG_IGN, None):
                    self._before[number] = signal.signal(number, self._receive)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    @contextmanager
    def abandoning(self) -> Iterator[None]:
        """Let a signal cut the work inside short with `Abandoned`: work that changes nothing and can be done again.

        Raises
        ------
        Abandoned
            As soon as a signal came, also one that came before.
        """
        self._abandons = True
        try:
            if self.exit_code is not None:
                raise Abandoned
            yield
        finally:
            self._abandons = False

    def _receive(self, number: int, _frame: FrameType | None) -> None:
        code = _EXIT_CODE_OFFSET + (signal.SIGINT if number == signal.SIGINT else signal.SIGTERM)
        if self.exit_code is not None:
            os._exit(code)
        self.exit_code = code
        if self._abandons:
            raise Abandoned
