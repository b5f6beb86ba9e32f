"""What a user sees in the first minutes of the README's commands: ``python -m benchmarks.speed.first_minute``.

Each command runs on a terminal of its own in an empty folder until it has shown its first picture, or for ``--limit``
seconds, and is then stopped as by Ctrl-C. Writes the times into docs/performance.md.
"""

from __future__ import annotations

import argparse
import dataclasses
import fcntl
import os
import re
import select
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from benchmarks.document import check_writable_between, write_between
from benchmarks.speed.timing import describe_machine
from topogrid.tables import to_markdown

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = Path("docs/performance.md")
TABLE = "first minute"
PUBLISHED = "tau_imgs/laptop-learned-seed0"

COMMANDS = (
    "topogrid train --preset laptop --tau --wiring attractor --name first",
    "python train_grid.py --steps 100000",
    "python train_grid.py --tau --steps 100000",
    f"topogrid open {PUBLISHED}",
    f"topogrid intervene {PUBLISHED}",
    "topogrid train --preset smoke",
)
"""Those of the README, ``intervene`` on a published network; and the smoke run, which is watched to its end."""

_BAR = re.compile(r"\d+%\|")  # of tqdm
_ESTIMATE = re.compile(r"will take about")
_PATIENCE = 60.0  # seconds that a stopped command gets
_STEP = 0.05


@dataclasses.dataclass
class Seen:
    """Seconds from the start of a command to what it shows; ``None`` where that did not come in time."""

    command: str
    line: float | None = None
    progress: float | None = None
    estimate: float | None = None
    picture: float | None = None
    end: float | None = None
    """Where it ended by itself."""
    waited: float = 0.0

    def cells(self) -> list[str]:
        """Return a row of the table."""

        def told(seconds: float | None) -> str:
            return f"{seconds:.1f} s" if seconds is not None else "-" if self.end else f"> {self.waited:.0f} s"

        times = (self.line, self.progress, self.estimate, self.picture)
        return [f"`{self.command}`", *map(told, times), "stopped" if self.end is None else f"{self.end:.1f} s"]


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print, write; 2 if there is no place to write into."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed.first_minute", description=__doc__)
    parser.add_argument("--limit", type=float, default=120.0, help="seconds for each command (default: %(default)g)")
    parser.add_argument("--only", help="measure the commands that contain this alone; writes nothing")
    parser.add_argument("--into", type=Path, default=DOCUMENT, help="document to write into (default: %(default)s)")
    arguments = parser.parse_args(argv)
    problem = None if arguments.only else check_writable_between(arguments.into, TABLE)
    if problem:
        print(f"benchmarks: {problem}", file=sys.stderr)
        return 2
    machine = describe_machine()
    rows = []
    for command in COMMANDS:
        if (arguments.only or "") in command:
            rows.append(watch(command, arguments.limit).cells())
            print(" | ".join(rows[-1]), flush=True)
    if not arguments.only:
        described = "; ".join(f"{name} {value}" for name, value in machine.items())
        columns = ["command", "first line", "first progress", "says how long", "first picture", "ends"]
        write_between(
            arguments.into, f"Measured on: {described}.\n\n{to_markdown(columns, rows, marked_up=True)}", TABLE
        )
    return 0


def watch(command: str, limit: float) -> Seen:
    """Run a command in an empty folder until its first picture, its end or the limit; return what came when."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "tau_imgs").mkdir()
        if PUBLISHED in command:
            _copy(ROOT / PUBLISHED, folder / PUBLISHED)
        there = set(_pictures(folder))
        process, screen = _start(_argv(command), folder)
        try:
            return _watch(Seen(command), process, screen, lambda: bool(set(_pictures(folder)) - there), limit)
        finally:
            _stop(process, screen)


def _watch(seen: Seen, process: subprocess.Popen[bytes], screen: int, drawn: Callable[[], bool], limit: float) -> Seen:
    began, text = time.monotonic(), ""
    to_its_end = seen.command.endswith("smoke")
    while seen.end is None and seen.waited < limit and (to_its_end or seen.picture is None or seen.progress is None):
        ended = process.poll() is not None
        text += _read(screen)
        seen.waited = time.monotonic() - began
        if seen.line is None and text.strip():
            seen.line = seen.waited
        if seen.progress is None and _BAR.search(text):
            seen.progress = seen.waited
        if seen.estimate is None and _ESTIMATE.search(text):
            seen.estimate = seen.waited
        if seen.picture is None and drawn():
            seen.picture = seen.waited
        if ended:
            seen.end = seen.waited
    return seen


def _argv(command: str) -> list[str]:
    """Return a command as this environment's Python runs it; pages are not opened."""
    program, *words = command.split()
    if program == "python":
        return [sys.executable, str(ROOT / words[0]), *words[1:]]
    quiet = ["--no_browser"] if words[0] == "open" else []
    return [sys.executable, "-m", "topogrid", *words, *quiet]


def _start(argv: Sequence[str], folder: Path) -> tuple[subprocess.Popen[bytes], int]:
    """Start a command on a terminal of 120 columns; return it and where its screen is read."""
    screen, terminal = os.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    environment = os.environ | {"PYTHONPATH": str(ROOT), "WANDB_MODE": "offline"}
    process = subprocess.Popen(  # noqa: S603 - the commands above
        argv, cwd=folder, env=environment, stdin=terminal, stdout=terminal, stderr=terminal, start_new_session=True
    )
    os.close(terminal)
    return process, screen


def _read(screen: int) -> str:
    """Return what came on the screen within a moment."""
    if not select.select([screen], [], [], _STEP)[0]:
        return ""
    try:
        return os.read(screen, 1 << 16).decode("utf-8", "replace")
    except OSError:  # the other end is closed
        time.sleep(_STEP)
        return ""


def _stop(process: subprocess.Popen[bytes], screen: int) -> None:
    """Stop a command as Ctrl-C does, or by force where that takes too long."""
    until = time.monotonic() + _PATIENCE
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
    while process.poll() is None and time.monotonic() < until:
        _read(screen)
    if process.poll() is None:
        process.kill()
    process.wait()
    os.close(screen)


def _pictures(folder: Path) -> Iterator[Path]:
    """Yield the pictures and pages of a folder, but for what W&B keeps."""
    for path in folder.rglob("*"):
        if path.suffix in (".png", ".html") and "wandb" not in path.parts:
            yield path


def _copy(source: Path, target: Path) -> None:
    """Copy the weights and the record of a published network, not its pictures."""
    for path in source.rglob("*"):
        if path.is_file() and path.suffix not in (".png", ".html"):
            copy = target / path.relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())


if __name__ == "__main__":
    sys.exit(main())
