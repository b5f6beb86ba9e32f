"""Measure what docs/reliability.md promises, and write it there: ``python -m benchmarks.robustness.reliability``.

Stops real runs at random moments and compares them with an uninterrupted one, tries random settings, and watches the
memory of a long run. ``--only`` runs some of it; ``--quick`` runs little of it and writes nothing.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib.metadata
import math
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.document import check_writable_between, write_between
from tests.faults.any_settings import explore
from tests.faults.harness import OF_WIRING, serving, stop_many
from tests.faults.server import PHASES
from topogrid.tables import to_markdown

ROOT = Path(__file__).resolve().parent.parent.parent
DOCUMENT = Path("docs/reliability.md")


@dataclasses.dataclass(frozen=True)
class Sizes:
    """How much is measured."""

    stops: int = 100
    settings: int = 500
    steps: int = 10_000
    """Steps of the run whose memory is watched; evaluations are ten."""


QUICK = Sizes(stops=3, settings=5, steps=40)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print, and write into the document; 1 if a promise is broken, 2 if the document has no place for it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.robustness.reliability", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="little of it, nothing written: does it run?")
    parser.add_argument("--only", nargs="+", choices=list(PARTS), default=list(PARTS), help="parts (default: all)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the moments of stopping (default: %(default)s)")
    parser.add_argument("--into", type=Path, default=DOCUMENT, help="document to write into (default: %(default)s)")
    arguments = parser.parse_args(argv)
    for name in () if arguments.quick else PARTS:  # asked first: an hour of measuring must not end here
        if trouble := check_writable_between(arguments.into, f"measured {name}"):
            print(f"reliability: {trouble}", file=sys.stderr)
            return 2
    kept = True
    for name in arguments.only:
        section, held = PARTS[name](QUICK if arguments.quick else Sizes(), arguments.seed)
        kept &= held
        print(section, flush=True)
        if not arguments.quick:
            write_between(arguments.into, section, f"measured {name}")
            print(f"written into {arguments.into}", file=sys.stderr)
    return 0 if kept else 1


def stops(sizes: Sizes, seed: int) -> tuple[str, bool]:
    """Stop real runs of every wiring and compare what comes of them with a run that nobody stopped."""
    parts = [_stops_of(wiring, sizes, seed) for wiring in OF_WIRING]
    return "\n\n".join(text for text, _held in parts), all(held for _text, held in parts)


def _stops_of(wiring: str, sizes: Sizes, seed: int) -> tuple[str, bool]:
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder)) as server:
        tally = stop_many(server, Path(folder), sizes.stops, seed, wiring=wiring)
    landed = tally.count()
    signals = sorted({number for number, _ in landed})
    columns = ["stopped with", *(f"in: {phase}" for phase in PHASES), "all"]
    rows = [
        [name, *(str(landed[name, phase]) for phase in PHASES), str(sum(landed[name, phase] for phase in PHASES))]
        for name in signals
    ]
    faults = [*tally.faults, *(fault for stop in tally.stops for fault in stop.faults)]
    text = (
        f"`--wiring {wiring} --tau`: **{tally.n_exact} of {len(tally.stops)} stops** at random moments (seed {seed}) "
        "were resumed bit for bit, in "
        f"{tally.n_runs} runs, each stopped up to five times. Measured in {_minutes(began)} on {_machine()}.\n\n"
        f"{to_markdown(columns, rows)}"
    )
    return text + "".join(f"\n* {fault}" for fault in faults), not faults


def settings(sizes: Sizes, seed: int) -> tuple[str, bool]:
    """Try random settings; ``seed`` changes nothing, the examples are the same every time."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        try:
            codes = explore(sizes.settings, Path(folder))
        except Exception as error:  # whatever it is: this is what is looked for
            return f"**A setting failed**: {type(error).__name__}: {error}", False
    n, rest = sum(codes.values()), sum(codes.values()) - codes[0] - codes[2] - codes[3]
    text = (
        f"**{n} random settings**: {codes[0]} trained two steps, {codes[2]} were refused with exit code 2 and one "
        f"line, {codes[3]} stopped with exit code 3 and a dump because their numbers overflowed, {rest} did anything "
        f"else. Measured in {_minutes(began)}."
    )
    return text, rest == 0


def memory(sizes: Sizes, seed: int) -> tuple[str, bool]:
    """Train for long, with ten evaluations and the mirror of W&B, and watch what grows."""
    every = sizes.steps // 10
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        flags = {
            "preset": "smoke",
            "tau": "true",
            "device": "cpu",
            "wandb": "offline",
            "steps": sizes.steps,
            "eval_every": every,
            "save_every": every,
            "seed": seed,
            "name": "long",
            "save_dir": folder / "runs",
            "gallery_dir": folder / "imgs",
        }
        command = [sys.executable, str(ROOT / "train_grid.py"), *(f"--{name}={value}" for name, value in flags.items())]
        environment = os.environ | {"WANDB_MODE": "offline", "WANDB_SILENT": "true", "OMP_NUM_THREADS": "1"}
        with subprocess.Popen(  # noqa: S603
            command, cwd=folder, env=environment, stderr=subprocess.PIPE, text=True
        ) as process:
            held: dict[int, list[float]] = {}
            rows = []
            for line in process.stderr or ():
                trained = re.match(r"step (\d+)/", line)
                if not trained:
                    continue
                step = int(trained[1])
                held.setdefault(step // every * every, []).append(_resident_mb(process.pid))
                if step % every == 0 and step < sizes.steps:
                    rows.append([str(step), *_kept(process.pid, folder / "runs" / "long", step)])
    medians = {start: statistics.median(values) for start, values in held.items() if every <= start < sizes.steps}
    first, last = min(medians), max(medians)
    growth = medians[last] / medians[first] - 1
    columns = ["from step", "open files", "checkpoints", "checkpoints kB", "metrics.jsonl bytes a step", "memory MB"]
    rows = [[*row, f"{medians[int(row[0])]:.1f}"] for row in rows]
    text = (
        f"**Memory grew by {100 * growth:+.2f} %** from steps {first} to {first + every} to steps {last} to "
        f"{last + every} (medians over all of them) of a smoke run that logs every step, evaluates and draws ten times "
        f"and is mirrored by W&B offline, on {_machine()}.\n\n"
        f"{to_markdown(columns, rows)}"
    )
    return text, process.returncode == 0 and growth < 0.01


def _resident_mb(pid: int) -> float:
    """Memory of a process, MB; the last value of one that has just ended is not known, NaN."""
    found = re.findall(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text(encoding="utf-8"))
    return int(found[0]) / 1000 if found else math.nan


def _kept(pid: int, run: Path, step: int) -> tuple[str, str, str, str]:
    """Open files, number and kB of checkpoints, and bytes of the log a step."""
    saved = [path.stat().st_size for path in run.glob("checkpoints/*.pt")]
    files = len(list(Path(f"/proc/{pid}/fd").iterdir()))
    row_bytes = (run / "metrics.jsonl").stat().st_size
    return str(files), str(len(saved)), f"{sum(saved) / 1000:.0f}", f"{row_bytes / step:.0f}"


def _minutes(began: float) -> str:
    return f"{(time.monotonic() - began) / 60:.1f} minutes"


def _machine() -> str:
    versions = " and ".join(f"{name} {importlib.metadata.version(name)}" for name in ("torch", "wandb"))
    return f"{os.cpu_count()} CPU cores under {platform.system()}, Python {platform.python_version()}, {versions}"


PARTS: dict[str, Callable[[Sizes, int], tuple[str, bool]]] = {"stops": stops, "settings": settings, "memory": memory}


if __name__ == "__main__":
    sys.exit(main())
