"""Turn a request to stop (Ctrl-C, a scheduler's signal) into a flag that the training loop reads between steps."""

from __future__ import annotations

import math
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType

from topogrid.session.log import tell

_EXIT_CODE_OFFSET = 128  # a shell reports a process ended by signal n as 128 + n
_ONE_REQUEST = 5.0  # seconds within which several signals to several processes are one request


class Abandoned(BaseException):
    """Work that a stop signal cut short, as `StopRequest.abandoning` lets it; no error that it may catch."""


class StopRequest:
    """Context that catches stop signals; the first one sets a flag, a second one ends the process at once.

    SIGINT exits 130; SIGTERM, SIGHUP and SIGUSR1 (what schedulers send before they preempt) exit 143.

    Parameters
    ----------
    agree : callable, optional
        With several processes: gives the code that any of them was asked to stop with. The flag is then set by
        `settle` alone, in all of them at the same step.
    """

    def __init__(self, agree: Callable[[int | None], int | None] | None = None) -> None:
        self.exit_code: int | None = None
        """Code to exit with once everything is saved; ``None`` while nobody asked to stop."""
        self._agree = agree
        self._asked: int | None = None
        self._asked_at = -math.inf
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

    def settle(self) -> None:
        """Set the flag if any process was asked to stop; with several, all have to call this after every step."""
        if self._agree is not None:
            self.exit_code = self._agree(self._asked)

    @contextmanager
    def abandoning(self) -> Iterator[None]:
        """Let a signal cut the work inside short with `Abandoned`: work that changes nothing and can be done again.

        With several processes it is finished: the others wait for it, and all have to stop at the same step.

        Raises
        ------
        Abandoned
            As soon as a signal came, also one that came before.
        """
        self._abandons = self._agree is None
        try:
            if self._abandons and self.exit_code is not None:
                raise Abandoned
            yield
        finally:
            self._abandons = False

    def _receive(self, number: int, _frame: FrameType | None) -> None:
        code = _EXIT_CODE_OFFSET + (signal.SIGINT if number == signal.SIGINT else signal.SIGTERM)
        if self._asked is not None:
            # A terminal sends Ctrl-C to every process, and torchrun then passes it on to them once more.
            if self._agree is None or time.monotonic() - self._asked_at > _ONE_REQUEST:
                os._exit(code)
            return
        self._asked, self._asked_at = code, time.monotonic()
        if self._agree is None:
            self.exit_code = code
        what = "this evaluation is given up" if self._abandons else "this step is finished"
        tell(f"{signal.Signals(number).name}: {what} and the run is saved; a second signal ends it at once")
        if self._abandons:
            raise Abandoned
