"""Folders of runs, made by hand in milliseconds: their numbers are chosen, so that a comparison's are known."""

import csv
import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np

from topogrid.settings.config import TrainConfig
from topogrid.settings.saved import write_settings

SIDE = 8
N_EVALUATIONS = 4


def measures(error_cm: float, share: float, slope: float | None = None) -> dict[str, float]:
    """Return a row of an evaluation."""
    found = {
        "validation/trajectory_error_cm": error_cm,
        "validation/long_error_cm": 4 * error_cm,
        "validation/hold_still_error_cm": 100.0,
        "validation/share_above_0.3": share,
        "validation/share_above_0.8": share / 4,
        "validation/null_share_above_0.3": 0.3,
        "validation/null_share_above_0.8": 0.05,
        "validation/share_beyond_null": 0.02,
        "validation/share_gate": 0.0,
        "validation/null_share_gate": 0.0,
        "validation/share_dead": 0.0,
        "validation/spacing_median_m": 0.8,
        "validation/spacing_nan_share": 0.5,
        "validation/predicted_spacing_m": 0.739,
        "validation/lattices/spacing_morans_i": 0.1,
    }
    if slope is not None:
        found |= {
            "tau/morans_i": 0.9,
            "validation/lattices/spacing_partial_morans_i": 0.05,
            "validation/lattices/tau_spacing_rho": 0.2,
            "validation/lattices/scaling_slope": slope,
            "validation/lattices/scaling_slope_low": slope - 0.01,
            "validation/lattices/scaling_slope_high": slope + 0.01,
        }
    return found


def made_run(
    folder: Path, *, error_cm: float = 10.0, share: float = 0.4, slope: float | None = None, **settings: Any
) -> Path:
    """Write the folder of a finished run and return it; ``settings`` are those of `TrainConfig`."""
    fitting = {"n_grid_cells": SIDE**2, "steps": 300, "name": folder.name, "tau": slope is not None} | settings
    config = TrainConfig(**fitting)
    (folder / "evaluation").mkdir(parents=True)
    write_settings(config, folder / "config.json")
    (folder / "versions.json").write_text(
        json.dumps({"commit": "a" * 40, "command": "train_grid.py", "torch": "2.13.0"})
    )
    rows = []
    for order, step in enumerate(np.linspace(0, config.steps, N_EVALUATIONS, dtype=int).tolist()):
        begun = 80 - (80 - error_cm) * order / (N_EVALUATIONS - 1)
        now = measures(begun, share * order / (N_EVALUATIONS - 1), slope)
        rows.append(
            {"step": step, "time": 1e9 + step, "train/position_error_cm": begun, "train/ce_loss": 6.2 - order / 100}
        )
        rows.append({"step": step, "time": 1e9 + step + 1} | now)
    (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    summary = {"train/steps_done": config.steps, **measures(error_cm, share, slope)}
    (folder / "summary.json").write_text(json.dumps(summary))
    _write_units(folder / "units.csv", config)
    seconds = np.linspace(0.02, 1.0, 50)
    np.savez(
        folder / "evaluation" / f"step_{config.steps:08d}.npz",
        **{
            "decoding/seconds": seconds,
            "decoding/long_error_cm": error_cm * (1 + seconds),
            "decoding/hold_still_cm": 100 * seconds,
        },
    )
    return folder


def _write_units(path: Path, config: TrainConfig) -> None:
    rng = np.random.default_rng(config.seed)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["unit", "row", "col", "tau_steps", "score_60", "spacing_m"])
        for unit in range(config.n_grid_cells):
            row, col = divmod(unit, config.sheet_side)
            tau = 1 + row if config.tau else 1
            spacing = 0.8 + 0.02 * rng.normal() if unit % 2 else "nan"
            writer.writerow([unit, row, col, tau, rng.normal(0.3, 0.3), spacing])


def six_runs(folder: Path) -> list[Path]:
    """Write three seeds of plain and of tau networks."""
    plain = [(10.0, 0.30), (11.0, 0.40), (12.0, 0.50)]
    tau = [(7.0, 0.20, 0.02), (8.0, 0.25, 0.03), (9.0, 0.30, 0.04)]
    return [
        *(made_run(folder / f"plain-{s}", error_cm=e, share=g, seed=s) for s, (e, g) in enumerate(plain)),
        *(made_run(folder / f"tau-{s}", error_cm=e, share=g, slope=b, seed=s) for s, (e, g, b) in enumerate(tau)),
    ]


def change_settings(run: Path, **changes: Any) -> None:
    """Overwrite settings of a run as its file has them; ``None`` takes one out."""
    path = run / "config.json"
    settings = json.loads(path.read_text()) | changes
    assert set(changes) - {"format"} <= {field.name for field in dataclasses.fields(TrainConfig)} | {"unknown_setting"}
    path.write_text(json.dumps({name: value for name, value in settings.items() if value is not None}))
