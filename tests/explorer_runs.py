"""Run folders for the explorer, made without training: lattices of known spacing on a sheet of any size."""

import dataclasses
import functools
import json
import math
from pathlib import Path

import numpy as np

from topogrid.analysis import RateMaps
from topogrid.analysis.maps.units import UnitMeasures, measure_units
from topogrid.analysis.synthetic import Float, lattice_map
from topogrid.evaluation.results import Decoding, Evaluation
from topogrid.evaluation.saved import save_evaluation, unit_rows
from topogrid.evaluation.summary import summarise
from topogrid.files import write_text_atomic
from topogrid.runs.folder import RunFolder
from topogrid.settings.config import TrainConfig
from topogrid.settings.saved import read_settings, write_settings
from topogrid.tables import to_csv


@functools.cache
def measured_views(
    units: int, bins: int, box_size: tuple[float, float], blank: bool
) -> tuple[UnitMeasures, UnitMeasures]:
    """Return both views of a sheet of lattices whose spacing rises along the rows, or of noise; a few are silent."""
    rng = np.random.default_rng([units, bins, blank])
    row = np.arange(units) // math.isqrt(units) / max(1, math.isqrt(units) - 1)
    kinds = [lattice_map(0.6 + 0.03 * kind, 5 * kind, n_bins=bins) for kind in range(10)]
    maps = rng.random((units, bins, bins))
    if not blank:
        maps = np.stack([kinds[round(9 * share)] for share in row]) + 0.2 * maps
    maps[-max(1, units // 50) :] = 0.0
    columns, rows = (round(bins * side / max(box_size)) for side in box_size)  # bins are square
    maps = maps[:, :rows, :columns]
    edges = [np.linspace(-side / 2, side / 2, n + 1) for side, n in zip(box_size, (columns, rows), strict=True)]

    def view(values: Float) -> UnitMeasures:
        rate_maps = RateMaps(values, np.full((rows, columns), 9), edges[0], edges[1], box_size)
        return measure_units(rate_maps, np.random.default_rng(7))

    return view(maps), view(maps + 0.1 * rng.random(maps.shape))


def make_evaluation(config: TrainConfig, step: int, *, bins: int, blank: bool) -> Evaluation:
    """Return an evaluation of `measured_views`, with tau rising along the rows."""
    side, units = config.sheet_side, config.n_grid_cells
    row = np.arange(units) // side / max(1, side - 1)
    tau = 1 + (config.tau_max - 1) * row ** (1 + step / 100) if config.tau else np.ones(units)
    settled, start = measured_views(units, bins, config.box_size, blank)
    seconds = 0.02 * np.arange(1, 51)
    paths = np.zeros((2, 50, 2))
    error = 10 * seconds
    decoding = Decoding(
        5.0, seconds, error, np.stack([error / 2, 2 * error]), 20 * seconds, 4.0, paths, paths,
        long_median_cm=0.9 * error, middle_cm=np.full(50, 88.0), feedback_error_cm=np.full(50, np.nan),
        feedback_median_cm=np.full(50, np.nan), hold_still_short_cm=20.0, middle_short_cm=88.0,
    )  # fmt: skip
    return Evaluation(step, tau, 1, settled, start, np.zeros(units), decoding, 0.5)


@functools.cache
def measured_row(config: TrainConfig, bins: int, blank: bool) -> dict[str, float]:
    """Return the row of metrics of such an evaluation."""
    row = summarise(make_evaluation(config, 0, bins=bins, blank=blank), config)
    return {key: value for key, value in row.items() if np.isfinite(value)}


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
    write_settings(config, folder.config_path)
    rows = [
        {"step": step, "train/ce_loss": 6.0 + 1 / (1 + step), "train/lr": 1e-3} for step in range(1, max(steps) + 1)
    ]
    for step in steps:
        blank = step == 0 and len(steps) > 1
        evaluation = make_evaluation(config, step, bins=bins, blank=blank)
        save_evaluation(evaluation, folder.evaluation / f"step_{step:08d}.npz")
        unnamed = dataclasses.replace(config, name="", steps=1)
        rows.append({"step": step, **measured_row(unnamed, bins, blank)})
    write_text_atomic(folder.units_csv, to_csv(*unit_rows(evaluation, config)))
    folder.metrics_path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    folder.versions_path.write_text(json.dumps({"python": "3.11", "command": "train_grid.py --tau", "commit": "abc"}))
    return folder


def config_of(folder: RunFolder, **changes: object) -> TrainConfig:
    return dataclasses.replace(read_settings(folder.config_path).config, **changes)  # type: ignore[arg-type]


MODULES = {"units": 64, "wiring": "learned", "modules_per_side": 2, "norm": "module"}
OUTCOME = {
    "name": "tau x0.8",
    "about": "Every time constant times 0.8.",
    "predicted_m": [0.4, 0.5, 0.6, 0.8],
    "measured_m": [0.41, 0.5, None, 0.8],
    "before_m": [0.5, 0.625, 0.75, 1.0],
    "median_deviation": 0.02,
    "score_above_0.8": 0.99,
    "note": "",
}


def make_moment(folder: RunFolder, step: int, *, bare: bool) -> None:
    """Write an evaluation that lacks the start view and the gate, ``bare`` also maps, errors and other scores."""
    arrays = dict(np.load(max(folder.evaluation.glob("*.npz"))))
    lacking = {"p_value", "grid_cell"} | ({"rate_maps", "border", "information", "negative_share"} if bare else set())
    kept = {name: values for name, values in arrays.items() if name.split("/")[-1] not in lacking}
    away = ("start/", "decoding/") if bare else ("start/",)
    kept = {name: values for name, values in kept.items() if not name.startswith(away)}
    np.savez(folder.evaluation / f"step_{step:08d}.npz", **kept | {"step": step})
