"""Golden values of a smoke run in each mode: what a change that only moves code must not change by a bit.

``python -m tests.golden`` makes them anew after a change that is meant to move numbers, which CHANGELOG then tells.
"""

import hashlib
import json
import platform
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch

from topogrid.session.run import run_training
from topogrid.settings.config import TrainConfig

GOLDEN = Path(__file__).with_name("golden.json")
MODES: dict[str, dict[str, Any]] = {
    "plain": {},
    "tau": {"tau": True},
    "topoloss": {"topoloss": True},
    "tau+topoloss": {"tau": True, "topoloss": True},
    "modules": {
        "preset": "smoke",
        "tau": True,
        "wiring": "learned",
        "modules_per_side": 2,
        "tau_growth_steps": 2,
        "readout_steps": 1,
        "late_steps": 0,
    },
}
SMOKE: dict[str, Any] = {
    "n_grid_cells": 64, "n_place_cells": 32, "steps": 5, "batch_size": 8, "warmup_steps": 2, "print_every": 1,
    "eval_walks": 40, "eval_bins": 12, "long_seconds": 1.0, "long_walks": 8, "name": "golden",
    "wandb": "disabled", "device": "cpu", "precision": "fp32", "threads": 1,
}  # fmt: skip
# Timings, and how much memory the process that happened to run the smoke run held.
PASSING = ("perf/", "train/steps_per_sec", "time")
# The names that weights had when the values were made.
OLD_WEIGHTS = {"units.wiring.weight": "units.w_rec"}
OLD_METRICS = {"scale_cluster": "module"}


def machine() -> str:
    """Name what has to be the same for results to be the same to the bit: processor, instructions, libraries."""
    model = ""
    if Path("/proc/cpuinfo").is_file():
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        fields = dict(line.split(":", 1) for line in lines if line.startswith(("vendor_id", "cpu family", "model\t")))
        model = " ".join(value.strip() for value in fields.values())
    capability = torch.backends.cpu.get_cpu_capability()
    return f"{platform.machine()} {model} {capability} torch {torch.__version__} numpy {np.__version__}"


def old_name(name: str) -> str:
    """Return the tracked name that a number had when the values were made."""
    for new, old in OLD_METRICS.items():
        name = name.replace(new, old)
    return name


def measured(mode: str, folder: Path) -> dict[str, Any]:
    """Run a mode in ``folder`` and return its values: rows, digests of weights and of arrays, names of files."""
    config = TrainConfig(**SMOKE | MODES[mode], save_dir=str(folder / "runs"), gallery_dir=str(folder / "gallery"))
    assert run_training(config, lambda _line: None) == 0
    run = folder / "runs" / "golden"
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    state = torch.load(run / "checkpoints" / "step_00000005.pt", weights_only=True)
    state = state.get("state", state)
    weights = {OLD_WEIGHTS.get(name, name): value for name, value in state["network"].items()}
    with np.load(run / "evaluation" / "step_00000005.npz") as arrays:
        kept = {name: arrays[name] for name in arrays.files}
    return {
        "rows": [{old_name(key): value for key, value in row.items() if not key.startswith(PASSING)} for row in rows],
        "weights": {name: _digest(value.numpy()) for name, value in sorted(weights.items())},
        "weight_sums": {name: float(value.double().abs().sum()) for name, value in sorted(weights.items())},
        "arrays": {name: _digest(value) for name, value in sorted(kept.items())},
        "files": sorted(path.relative_to(run).as_posix() for path in run.rglob("*") if path.is_file()),
    }


def _digest(values: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()[:16]


def main() -> int:
    """Make all values anew."""
    values: dict[str, Any] = {"machine": machine()}
    for mode in MODES:
        with tempfile.TemporaryDirectory() as folder:
            values[mode] = measured(mode, Path(folder))
    GOLDEN.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
