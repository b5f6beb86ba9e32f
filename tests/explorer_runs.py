"""Run folders for the explorer, made without training: lattices of known spacing on a sheet of any size."""

import dataclasses
import json
from pathlib import Path

import numpy as np

from tests.synthetic import lattice_map
from topogrid.analysis import RateMaps
from topogrid.config import TrainConfig
from topogrid.evaluation import Decoding, Evaluation, measure_units, save_evaluation, summarise, unit_rows
from topogrid.runs import RunFolder, write_text_atomic
from topogrid.tables import to_csv


def make_evaluation(config: TrainConfig, step: int, *, bins: int = 14, blank: bool = False) -> Evaluation:
    """Return an evaluation: lattices whose spacing rises along the rows, with noise; silent units at the end."""
    rng = np.random.default_rng([config.seed, step])
    side, units = config.sheet_side, config.n_grid_cells
    row = np.arange(units) // side / max(1, side - 1)
    kinds = [lattice_map(0.6 + 0.03 * kind, 5 * kind, n_bins=bins) for kind in range(10)]
    maps = np.stack([kinds[round(9 * share)] for share in row]) + 0.2 * rng.random((units, bins, bins))
    if blank:
        maps = rng.random((units, bins, bins))
    maps[-max(1, units // 50) :] = 0.0
    tau = 1 + (config.tau_max - 1) * row if config.tau else np.ones(units)
    occupancy = np.full((bins, bins), 9)
    edges = [np.linspace(-length / 2, length / 2, bins + 1) for length in config.box_size]
    views = [
        measure_units(RateMaps(values, occupancy, edges[0], edges[1], config.box_size), np.random.default_rng(7))
        for values in (maps, maps + 0.1 * rng.random(maps.shape))
    ]
    seconds = 0.02 * np.arange(1, 51)
    paths = np.zeros((2, 50, 2))
    error = 10 * seconds
    decoding = Decoding(5.0, seconds, error, np.stack([error / 2, 2 * error]), 20 * seconds, 4.0, paths, paths)
    return Evaluation(step, tau, 1, views[0], views[1], np.zeros(units), decoding, 0.5)


def make_run(
    path: Path,
    *,
    units: int = 64,
    steps: tuple[int, ...] = (0, 50, 100),
    name: str = "",
    bins: int = 14,
    **settings: object,
) -> RunFolder:
    """Write the folder of a finished run."""
    config = TrainConfig(n_grid_cells=units, steps=max(steps), name=name, **{"tau": True, **settings})  # type: ignore[arg-type]
    folder = RunFolder(path, path)
    folder.evaluation.mkdir(parents=True)
    config.to_json(folder.config_path)
    rows = [
        {"step": step, "train/ce_loss": 6.0 + 1 / (1 + step), "train/lr": 1e-3} for step in range(1, max(steps) + 1)
    ]
    for step in steps:
        evaluation = make_evaluation(config, step, bins=bins, blank=step == 0 and len(steps) > 1)
        save_evaluation(evaluation, folder.evaluation / f"step_{step:08d}.npz")
        measured = {key: value for key, value in summarise(evaluation, config).items() if np.isfinite(value)}
        rows.append({"step": step, **measured})
    write_text_atomic(folder.units_csv, to_csv(*unit_rows(evaluation, config)))
    folder.metrics_path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    folder.versions_path.write_text(json.dumps({"python": "3.11", "command": "train_grid.py --tau", "commit": "abc"}))
    return folder


def config_of(folder: RunFolder, **changes: object) -> TrainConfig:
    return dataclasses.replace(TrainConfig.from_json(folder.config_path), **changes)  # type: ignore[arg-type]
