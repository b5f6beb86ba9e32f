"""Stop real training runs at random moments, go on, and compare with a run that nobody stopped."""

import copy
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tests.faults.server import BOARD, PHASES, ROOT
from topogrid.runs.checkpoints import load_checkpoint
from topogrid.runs.metrics_log import read_metrics

STEPS = 24
FLAGS = {
    "preset": "smoke",
    "tau": "true",
    "wiring": "dense",
    "precision": "fp32",
    "device": "cpu",
    "threads": 1,
    "wandb": "disabled",
    "n_grid_cells": 16,
    "eval_walks": 4,
    "eval_bins": 8,
    "long_walks": 2,
    "long_seconds": 0.2,
    "tau_max": 3,
    "steps": STEPS,
    "eval_every": 8,
    "print_every": 2,
    "save_dir": "runs",
    "gallery_dir": "imgs",
}
"""A run with everything in it that a run has, in as little time as can be."""
OF_WIRING: dict[str, dict[str, object]] = {
    "dense": {},
    "attractor": {"n_grid_cells": 64, "modules_per_side": 1, "tau_min": 2, "seq_length": 20, "readout_every": 5},
    "learned": {"modules_per_side": 2, "tau_min": 1.5, "readout_steps": 4, "readout_length": 12},
}
"""What a network of each wiring has besides: modules, growth of tau, and phases of training."""


def flags(wiring: str = "dense", **changes: object) -> list[str]:
    """Command line of such a run with some settings changed."""
    given = FLAGS | {"wiring": wiring} | OF_WIRING[wiring] | changes
    return [f"--{name}={value}" for name, value in given.items()]


PATIENCE = 300.0  # seconds before a run counts as hung; machines can be slow
SIGNALS = (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM)


@dataclass
class Process:
    """A run that was started."""

    server: "Server"
    pid: int
    log: Path
    board: Path

    def signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def phase(self) -> str:
        """Tell what it is doing, or was doing when it ended."""
        return PHASES[BOARD.unpack(self.board.read_bytes())[0]]

    def entered(self, phase: str) -> int:
        """How often it has begun with a phase."""
        return int(BOARD.unpack(self.board.read_bytes())[PHASES.index(phase)])

    def alive(self) -> bool:
        """Whether it still runs; one that ended is kept by the server until it is waited for."""
        try:
            return Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
        except FileNotFoundError:
            return False

    def until(self, phase: str, times: int = 1) -> bool:
        """Wait until it has begun with a phase so many times; False if it ends first."""
        deadline = time.monotonic() + PATIENCE
        while self.entered(phase) < times:
            if not self.alive():
                return False
            if time.monotonic() > deadline:
                self.signal(signal.SIGKILL)
                raise AssertionError(f"the run hangs in {self.phase()}:\n{self.log.read_text()}")
            time.sleep(0.0003)
        return True

    def wait(self) -> int:
        """Exit code; minus the number of the signal that ended it."""
        deadline = time.monotonic() + PATIENCE
        while self.alive():
            if time.monotonic() > deadline:
                self.signal(signal.SIGKILL)
                raise AssertionError(f"the run hangs in {self.phase()}:\n{self.log.read_text()}")
            time.sleep(0.001)
        return int(self.server.ask({"do": "wait", "process": self.pid}))


class Server:
    """`tests.faults.server`, running."""

    def __init__(self, folder: Path) -> None:
        environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
        self._folder, self._count = folder, 0
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.server"],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._answer() == "ready"

    def within(self, folder: Path) -> "Server":
        """Return the same server, which starts runs in another folder."""
        other = copy.copy(self)
        other._folder = folder
        return other

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the server that starts runs has ended"
        return json.loads(line)

    def ask(self, order: dict[str, Any]) -> Any:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def start(
        self,
        *arguments: str,
        fast: bool = True,
        environment: dict[str, str] | None = None,
        largest_file: int = 0,
        output: str = "log",
    ) -> Process:
        """Start ``train_grid.py`` with these arguments in this server's folder, with one of `OUTPUTS` as output.

        ``fast`` leaves the pictures out, an empty variable of the environment is one that is not there, and no file may
        become larger than ``largest_file`` bytes, if that is given.
        """
        self._count += 1
        log, board = (self._folder / f"{kind}{self._count}" for kind in ("log", "board"))
        board.write_bytes(bytes(BOARD.size))
        order = {
            "do": "start",
            "arguments": arguments,
            "folder": str(self._folder),
            "environment": environment or {},
            "log": str(log),
            "board": str(board),
            "fast": fast,
            "largest_file": largest_file,
            "output": output,
        }
        return Process(self, self.ask(order), log, board)

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(60)
        self._process.stdout.close()


@contextmanager
def serving(folder: Path) -> Iterator[Server]:
    server = Server(folder)
    try:
        yield server
    finally:
        server.close()


# --- What a run left -------------------------------------------------------------------------------------------------


def same(one: Any, other: Any, where: str = "") -> list[str]:
    """Return where two nested results differ; tensors and arrays are compared bit for bit."""
    if isinstance(one, torch.Tensor):
        equal = one.dtype == other.dtype and one.numpy().tobytes() == other.numpy().tobytes()
        return [] if equal else [where]
    if isinstance(one, dict):
        if one.keys() != other.keys():
            return [f"{where}: {sorted(map(str, one))} and {sorted(map(str, other))}"]
        return [fault for key in one for fault in same(one[key], other[key], f"{where}/{key}")]
    if isinstance(one, list | tuple):
        if len(one) != len(other):
            return [f"{where}: {len(one)} and {len(other)} of them"]
        pairs = enumerate(zip(one, other, strict=True))
        return [fault for index, (a, b) in pairs for fault in same(a, b, f"{where}/{index}")]
    equal = one == other or (one != one and other != other)
    return [] if equal else [f"{where}: {one} and {other}"]


def logged(folder: Path) -> list[dict[str, float]]:
    """Rows of a run without what the clock makes."""
    return [
        {
            name: value
            for name, value in row.items()
            if name not in ("time", "train/steps_per_sec") and "perf/" not in name
        }
        for row in read_metrics(folder / "metrics.jsonl")
    ]


def checkpoint_faults(folder: Path, reference: Path) -> list[str]:
    """Return where the checkpoints of a run differ from those of the uninterrupted one at the same steps."""
    faults = []
    for path in sorted(folder.glob("checkpoints/step_*.pt")):
        ours, theirs = (load_checkpoint(one) for one in (path, reference / "checkpoints" / path.name))
        for state in (ours, theirs):
            del state["run_id"]
        if ours["evaluated"] != theirs["evaluated"] and ours["step"] % 8 == 0:
            # Stopped before or inside the evaluation of this step, which is taken again: it was not the best yet.
            for state in (ours, theirs):
                del state["evaluated"], state["best"]
        faults += same(ours, theirs, path.name)
    return faults


def faults_of(folder: Path, reference: Path) -> list[str]:
    """Return everything in which a finished run differs from the uninterrupted one."""
    faults = checkpoint_faults(folder, reference)
    last = f"checkpoints/step_{STEPS:08d}.pt"
    ends = [load_checkpoint(one / last) for one in (folder, reference)]
    faults += same(ends[0]["best"], ends[1]["best"], "best") + same(ends[0]["evaluated"], STEPS, "evaluated")
    faults += same(logged(folder), logged(reference), "metrics.jsonl")
    for path in sorted(reference.glob("evaluation/*.npz")):
        with np.load(folder / "evaluation" / path.name) as ours, np.load(path) as theirs:
            names = set(ours.files) | set(theirs.files)
            faults += [f"{path.name}/{name}" for name in names if ours[name].tobytes() != theirs[name].tobytes()]
    if (folder / "units.csv").read_bytes() != (reference / "units.csv").read_bytes():
        faults.append("units.csv")
    if ends[0]["run_id"] != (folder / "wandb_id.txt").read_text().strip():
        faults.append("the W&B id changed")
    return faults


# --- Stopping it -----------------------------------------------------------------------------------------------------


@dataclass
class Stop:
    """One stop of a run."""

    signal: str
    phase: str
    """What the run was doing."""
    code: int
    faults: list[str]


@dataclass
class Tally:
    """What came of many stops."""

    stops: list[Stop] = field(default_factory=list)
    n_runs: int = 0
    faults: list[str] = field(default_factory=list)
    """Differences of finished runs from the uninterrupted one, and wrong exit codes."""

    def count(self) -> Counter[tuple[str, str]]:
        """How many stops of each signal landed in each phase."""
        return Counter((stop.signal, stop.phase) for stop in self.stops)

    @property
    def n_exact(self) -> int:
        """Stops of runs that came out bit for bit."""
        return 0 if self.faults else sum(not stop.faults for stop in self.stops)


def reference_run(server: Server, folder: Path, *, fast: bool = True, wiring: str = "dense") -> Path:
    """Train without a stop, with a checkpoint of every step; return the run folder."""
    run = server.start(*flags(wiring, save_every=1, keep_checkpoints=1000, name="reference"), fast=fast)
    assert run.wait() == 0, run.log.read_text()
    return folder / "runs" / "reference"


def stop_once(process: Process, rng: np.random.Generator) -> Stop | None:
    """Stop a run at a random moment; None if it was done before that came."""
    number = SIGNALS[rng.integers(len(SIGNALS))]
    target, times = str(rng.choice(["start", "step", "save", "evaluation", "end"], p=[0.1, 0.2, 0.35, 0.3, 0.05])), 1
    if target in ("save", "evaluation"):
        times = int(rng.integers(1, 3))
    longest = {"start": 0.02, "step": 0.3, "save": 0.012, "evaluation": 0.3, "end": 0.02}[target]
    if target != "start" and not process.until(target, times):
        process.wait()
        return None
    time.sleep(longest * rng.random())
    phase = process.phase()
    if not process.alive():
        process.wait()
        return None
    process.signal(number)
    code = process.wait()
    if code == 0:
        return None
    return Stop(number.name, process.phase() if number == signal.SIGKILL else phase, code, [])


def stop_many(
    server: Server,
    folder: Path,
    n_stops: int,
    seed: int,
    *,
    per_run: int = 5,
    fast: bool = True,
    wiring: str = "dense",
) -> Tally:
    """Stop runs ``n_stops`` times in all, each run up to ``per_run`` times, and compare everything they leave."""
    rng = np.random.default_rng(seed)
    reference = reference_run(server, folder, fast=fast, wiring=wiring)
    tally = Tally()
    while len(tally.stops) < n_stops:
        tally.n_runs += 1
        name = f"stopped{tally.n_runs}"
        path = folder / "runs" / name
        arguments = flags(wiring, save_every=3, keep_checkpoints=2, resume="auto", name=name)
        finished = False
        for _ in range(min(per_run, n_stops - len(tally.stops))):
            stop = stop_once(server.start(*arguments, fast=fast), rng)
            if stop is None:
                finished = True
                break
            expected = {"SIGKILL": (-9,), "SIGTERM": (143,) if stop.phase != "start" else (143, -15)}[stop.signal]
            if stop.code not in expected:
                stop.faults.append(f"exit code {stop.code} after {stop.signal} in {stop.phase}")
            stop.faults += checkpoint_faults(path, reference)
            tally.stops.append(stop)
        if not finished:
            last = server.start(*arguments, fast=fast)
            code = last.wait()
            if code != 0 and "nothing is left to do" not in last.log.read_text():
                tally.faults.append(f"{name} ended with {code}:\n{last.log.read_text()}")
        tally.faults += [f"{name}: {fault}" for fault in faults_of(path, reference)]
        shutil.rmtree(path)
    return tally
