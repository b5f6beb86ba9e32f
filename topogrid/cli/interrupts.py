"""Ctrl-C and a scheduler's signals while a command starts: one line, the right exit code, no traceback."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType

INTERRUPTED, TERMINATED = 130, 143  # exit codes, as a shell reports them
SAID = "stopped by Ctrl-C"


@contextlib.contextmanager
def prompt(program: str, *, also_schedulers: bool = False) -> Iterator[None]:
    """Answer Ctrl-C at once, also while a package is being imported.

    ``KeyboardInterrupt`` is raised as usual, except inside an import: compiled modules can swallow it there or turn it
    into something else, and nothing has been begun that it would have to undo. The process then ends at once.

    Parameters
    ----------
    program : str
        What the line begins with.
    also_schedulers : bool
        Also end with 143 on what schedulers send before they preempt, until whoever saves something listens itself.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(_number: int, frame: FrameType | None) -> None:
        if not _is_importing(frame):
            raise KeyboardInterrupt
        _end(f"{program}: {SAID}\n", INTERRUPTED)

    def terminate(_number: int, _frame: FrameType | None) -> None:
        # Of the processes that torchrun starts, one a machine says it.
        speaks = os.environ.get("LOCAL_RANK", "0") == "0"
        _end(f"{program}: stopped before there was anything to save\n" if speaks else "", TERMINATED)

    before: dict[int, object] = {}
    if signal.getsignal(signal.SIGINT) in (signal.default_int_handler, signal.SIG_DFL):  # the latter: see `early`
        before[signal.SIGINT] = signal.signal(signal.SIGINT, interrupt)
    for name in ("SIGTERM", "SIGHUP", "SIGUSR1") if also_schedulers else ():
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            before[number] = signal.signal(number, terminate)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]


def _is_importing(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


def _end(line: str, code: int) -> None:
    with contextlib.suppress(OSError, ValueError, AttributeError):
        sys.stderr.write(line)
        sys.stderr.flush()
    os._exit(code)
