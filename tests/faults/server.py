"""Starts real runs of ``train_grid.py`` quickly: PyTorch is imported once, each run is a forked process of its own.

``python -m tests.faults.server`` reads one JSON order a line from its input and answers each with one line. A run is
the script itself, under its own name and arguments; it only tells, in a small shared file, what it is doing.
"""

import fcntl
import functools
import json
import mmap
import os
import resource
import runpy
import signal
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
PHASES = ("start", "step", "save", "evaluation", "end")
BOARD = struct.Struct("=5I")
"""What the shared file holds: the phase a run is in, and how often it has entered each of the others."""


class Board:
    """Where a run writes what it is doing; written without a system call, so that it survives a SIGKILL."""

    def __init__(self, path: Path) -> None:
        with path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), BOARD.size)
        self._values = [0] * 5
        self.enter("start")

    def enter(self, phase: str) -> str:
        """Write that a phase begins; return the one before."""
        before = PHASES[self._values[0]]
        self._values[0] = index = PHASES.index(phase)
        if index:
            self._values[index] += 1
        BOARD.pack_into(self._memory, 0, *self._values)
        return before

    def back_to(self, phase: str) -> None:
        """Write that the one before goes on."""
        self._values[0] = PHASES.index(phase)
        BOARD.pack_into(self._memory, 0, *self._values)

    def watch(self, owner: Any, name: str, phase: str) -> None:
        """Let a function tell when it is at work."""
        honest: Callable[..., Any] = getattr(owner, name)

        @functools.wraps(honest)
        def told(*args: Any, **kwargs: Any) -> Any:
            before = self.enter(phase)
            try:
                return honest(*args, **kwargs)
            finally:
                self.back_to(before)

        setattr(owner, name, told)


def instrument(board: Path, *, fast: bool) -> None:
    """Let this process tell what it does; ``fast`` leaves the pictures out and draws few surrogates."""
    from topogrid.analysis import grid_gate
    from topogrid.analysis.maps import units
    from topogrid.session import run as session

    if fast:
        session.draw_evaluation = lambda *args, **kwargs: {}
        session.draw_tau = lambda *args, **kwargs: None
        session.tau_picture = lambda *given: {}
        session.WatchedPictures.of_step = lambda *given: {}
        units.grid_gate = functools.partial(grid_gate, n_surrogates=4)
    told = Board(board)
    told.watch(session.Run, "train", "step")
    told.watch(session.Run, "_finish", "end")
    told.watch(session.Run, "_evaluate", "evaluation")
    told.watch(session, "save_checkpoint", "save")


def _pipe_that_nobody_drains() -> int:
    _reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    return writer


def _pipe_without_a_reader() -> int:
    reader, writer = os.pipe()
    os.close(reader)
    return writer


def _terminal_that_is_gone() -> int:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    master, slave = os.openpty()
    os.close(master)
    return slave


OUTPUTS: dict[str, Callable[[int], int | None]] = {
    "log": lambda log: log,
    "full disk": lambda _log: os.open("/dev/full", os.O_WRONLY),
    "closed": lambda _log: None,
    "pipe that nobody drains": lambda _log: _pipe_that_nobody_drains(),
    "pipe without a reader": lambda _log: _pipe_without_a_reader(),
    "terminal that is gone": lambda _log: _terminal_that_is_gone(),
}
"""What stdout and stderr of a run may be; ``None`` is closed."""


def start(order: dict[str, Any]) -> int:
    """Fork a run; returns its process id here and never there."""
    sys.stdout.flush()
    pid = os.fork()
    if pid:
        return pid
    # Whoever starts the tests in the background ignores SIGINT, under nohup SIGHUP too; that is handed on to children.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1):
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    os.chdir(order["folder"])
    for name, value in order["environment"].items():
        os.environ.pop(name, None)
        if value:
            os.environ[name] = value
    quiet, log = os.open(os.devnull, os.O_RDONLY), os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    output = OUTPUTS[order["output"]](log)
    for descriptor, stream in ((quiet, 0), (output, 1), (output, 2)):
        os.dup2(descriptor, stream) if descriptor is not None else os.close(stream)
    if order["largest_file"]:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (order["largest_file"],) * 2)
    instrument(Path(order["board"]), fast=order["fast"])
    sys.argv = ["train_grid.py", *order["arguments"]]
    runpy.run_path(str(ROOT / "train_grid.py"), run_name="__main__")
    raise SystemExit(0)


def say(answer: Any) -> None:
    """Answer with one line."""
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Answer orders until the input ends."""
    import torch  # noqa: F401
    import wandb  # noqa: F401

    import train_grid  # noqa: F401
    from topogrid.session import run as session  # noqa: F401

    say("ready")
    running: set[int] = set()
    for line in sys.stdin:
        order = json.loads(line)
        if order["do"] == "start":
            answer = start(order)
            running.add(answer)
        else:
            answer = os.waitstatus_to_exitcode(os.waitpid(order["process"], 0)[1])
            running.remove(order["process"])
        say(answer)
    for pid in running:  # of tests that failed
        os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    main()
