"""Time sheets with modules from their command to their report: ``python -m benchmarks.speed.time_to_bar``.

Each command trains in a folder of its own. The bar is that `BAR_SHARE` of units pass the grid-cell test and that the
error after `BAR_SECONDS` s is at most `BAR_ERROR` cm. Beside them stands the original's way: the time of its step, a
plain loop over a dense full sheet, times the `ORIGINAL_STEPS` steps after which public runs of its settings first do
the task. Writes a table into docs/performance.md, and beside it, as JSON, what it is made of: with ``--only``, the rows
of other commands stay as they were measured before.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.document import check_writable_between, write_between
from benchmarks.speed.plain_loop import PlainProcess
from benchmarks.speed.timing import describe_machine, interleaved
from topogrid.files import write_json_atomic
from topogrid.settings.config import TrainConfig
from topogrid.tables import to_markdown

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = Path("docs/performance.md")
TABLE = "time to bar"
BAR_SHARE, BAR_SECONDS, BAR_ERROR = 0.75, 10.0, 10.0
ORIGINAL_STEPS = 3500
"""The earliest of five public runs of the original's settings to reach 6.18 nats, where the position is known."""

COMMANDS = (
    "--preset laptop --tau --wiring attractor",
    "--preset laptop --tau",
    "--preset sheet64 --tau --wiring attractor",
    "--preset sheet64 --tau",
)


class Timed(NamedTuple):
    """A command that ran to its end."""

    command: str
    minutes: float
    """From the command to the end of its process, report included."""
    training_minutes: float
    """Of its steps alone."""
    share: float
    """Of units that pass the grid-cell test."""
    error_cm: float
    """After `BAR_SECONDS`, without feedback."""
    machine: str = ""
    """On which machine, and when."""
    gpu: bool = False
    """Whether the machine had a GPU."""
    fed_cm: float | None = None
    """Error after `BAR_SECONDS` with the feedback of its settings."""
    original_hours: float | None = None
    """What the original's way takes on the same machine, measured the same day: a ratio is of one machine."""

    @property
    def reaches(self) -> bool:
        """Whether it reaches the bar."""
        return self.share >= BAR_SHARE and self.error_cm <= BAR_ERROR


def main(argv: Sequence[str] | None = None) -> int:
    """Train, print, write; 2 if there is no place to write into."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed.time_to_bar", description=__doc__)
    parser.add_argument("--only", nargs="+", type=int, help="numbers of the commands to run, from 0 (default: all)")
    parser.add_argument("--more", default="", help="flags for all commands, such as '--steps 8'; writes nothing")
    parser.add_argument("--into", type=Path, default=DOCUMENT, help="document to write into (default: %(default)s)")
    arguments = parser.parse_args(argv)
    writes = not arguments.more
    problem = check_writable_between(arguments.into, TABLE) if writes else None
    if problem:
        print(f"benchmarks: {problem}", file=sys.stderr)
        return 2
    machine = describe_machine()
    gpu = "gpu" in machine
    whose = machine["gpu"] if gpu else machine["processor"]
    told = ", ".join((machine["date"], whose, f"{machine['cores']} cores"))
    hours = original_hours() if writes and not gpu else None
    for number, command in enumerate(COMMANDS):
        if arguments.only is None or number in arguments.only:
            run = timed(command, arguments.more.split())._replace(machine=told, gpu=gpu, original_hours=hours)
            print(run, flush=True)
            if writes:
                keep(arguments.into, [run])
    return 0


def keep(into: Path, runs: Sequence[Timed]) -> None:
    """Put runs among those that were measured before, and write the table of all."""
    beside = into.with_name(f"{into.stem}_time_to_bar.json")
    before = json.loads(beside.read_text(encoding="utf-8")) if beside.is_file() else {"runs": []}
    measured = [*(Timed(**one) for one in before["runs"]), *runs]
    rows = {(run.gpu, run.command): run for run in measured}
    ordered = [rows[gpu, command] for gpu in (False, True) for command in COMMANDS if (gpu, command) in rows]
    write_json_atomic(beside, {"runs": [run._asdict() for run in ordered]})
    write_between(into, table(ordered), TABLE)


def timed(command: str, more: Sequence[str] = ()) -> Timed:
    """Run a command from an empty folder to its end.

    Raises
    ------
    RuntimeError
        If it does not end well.
    """
    with tempfile.TemporaryDirectory() as name:
        words = [sys.executable, "-m", "topogrid", "train", *command.split(), *more, "--name", "timed"]
        words += ["--precision", "fp32", "--wandb", "disabled"]
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        began = time.perf_counter()
        done = subprocess.run(  # noqa: S603 -- the commands above
            words, cwd=name, env=environment, capture_output=True, text=True, check=False
        )
        minutes = (time.perf_counter() - began) / 60
        if done.returncode:
            raise RuntimeError(f"{command} failed: {done.stderr.strip().splitlines()[-1]}")
        run = Path(name) / "runs" / "timed"
        found: dict[str, Any] = json.loads((run / "summary.json").read_text(encoding="utf-8"))
        rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    key = f"error_{BAR_SECONDS:g}s_cm"
    training, before = 0.0, 0
    for row in rows:
        speed = row.get("train/steps_per_sec")
        if speed:
            training += (row["step"] - before) / speed
            before = row["step"]
    error_cm = found.get(f"validation/{key}", math.nan)
    fed_cm = found.get(f"validation/feedback_{key}")
    return Timed(command, minutes, training / 60, found["validation/share_gate"], error_cm, fed_cm=fed_cm)


def original_hours() -> float:
    """Return the hours of `ORIGINAL_STEPS` steps of the original: a plain loop over 4096 units, all to all, in fp32."""
    config = TrainConfig(preset="original", tau=True)
    seconds = interleaved({"plain": PlainProcess(config)}, 5)["plain"]
    return seconds * ORIGINAL_STEPS / 3600


def table(runs: Sequence[Timed]) -> str:
    """Return the table of runs beside the original's way."""
    columns = ["command", "to its report", "its steps", "grid cells", "error after 10 s", "with feedback", "bar"]
    columns += ["original / ours", "measured"]
    rows = [
        [
            f"`{run.command}`",
            f"{run.minutes:.1f} min",
            f"{run.training_minutes:.1f} min",
            f"{100 * run.share:.0f} %",
            f"{run.error_cm:.1f} cm",
            "-" if run.fed_cm is None else f"{run.fed_cm:.1f} cm",
            "reached" if run.reaches else "not reached",
            "-" if run.original_hours is None else f"{60 * run.original_hours / run.minutes:.0f} x",
            run.machine,
        ]
        for run in runs
    ]
    hours = sorted({run.original_hours for run in runs if run.original_hours is not None})
    if hours:
        told = f"{hours[0]:.1f} to {hours[-1]:.1f} h" if len(hours) > 1 else f"{hours[0]:.1f} h"
        where = "on the machines of the runs above" if len(hours) > 1 else "on the machine of the runs above"
        rows.append(["the original's settings", "-", told, "-", "-", "-", "-", "1 x", where])
    return to_markdown(columns, rows, marked_up=True)


if __name__ == "__main__":
    sys.exit(main())
