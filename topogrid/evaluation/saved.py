"""What is kept of an evaluation: a table of units and an archive of arrays."""

from __future__ import annotations

import zipfile
from dataclasses import fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from topogrid.evaluation.results import Decoding, Evaluation, Glance
from topogrid.files import put_in_place, write_beside
from topogrid.settings.config import TrainConfig


def unit_rows(evaluation: Evaluation, config: TrainConfig) -> tuple[list[str], list[list[float | int]]]:
    """Table of all units for ``units.csv``: column names (with units of measure) and one row per unit."""
    view = evaluation.settled
    sheet = config.sheet
    row, col = sheet.row_col.T
    columns: dict[str, NDArray[np.generic]] = {
        "unit": np.arange(sheet.n_units),
        "row": row,
        "col": col,
        "module": sheet.module_of,
        "tau_steps": evaluation.tau,
        "tau_ms": evaluation.tau * config.dt * 1000,
        "score_60": view.scores.score_60,
        "score_90": view.scores.score_90,
        "p_value": view.gate.p_value,
        "grid_cell": view.gate.passed.astype(int),
        "spacing_m": view.lattice.spacing,
        "orientation_deg": view.lattice.orientation,
        "phase_1": view.lattice.phase[:, 0],
        "phase_2": view.lattice.phase[:, 1],
        "ellipse_ratio": view.lattice.ellipse_ratio,
        "border_score": view.border,
        "information_bits": view.information,
        "peak_rate": view.peak,
        "negative_share": evaluation.negative_share,
        "start_score_60": evaluation.start.scores.score_60,
        "start_spacing_m": evaluation.start.lattice.spacing,
    }
    return list(columns), [list(row) for row in zip(*(column.tolist() for column in columns.values()), strict=True)]


def save_evaluation(evaluation: Evaluation, path: Path) -> None:
    """Keep an evaluation as an ``.npz`` of plain arrays, one prefix per view, for anyone's own analysis."""
    arrays: dict[str, NDArray[np.generic] | float | int] = {
        "step": evaluation.step,
        "tau": evaluation.tau,
        "burn_in": evaluation.burn_in,
        "negative_share": evaluation.negative_share,
    }
    arrays |= {f"decoding/{field.name}": getattr(evaluation.decoding, field.name) for field in fields(Decoding)}
    for name, view in (("settled", evaluation.settled), ("start", evaluation.start)):
        arrays |= {
            f"{name}/rate_maps": view.rate_maps.maps.astype(np.float32),
            f"{name}/occupancy": view.rate_maps.occupancy,
            f"{name}/score_60": view.scores.score_60,
            f"{name}/score_90": view.scores.score_90,
            f"{name}/p_value": view.gate.p_value,
            f"{name}/grid_cell": view.gate.passed,
            f"{name}/spacing": view.lattice.spacing,
            f"{name}/orientation": view.lattice.orientation,
            f"{name}/phase": view.lattice.phase,
            f"{name}/axes": view.lattice.axes,
            f"{name}/ellipse_ratio": view.lattice.ellipse_ratio,
            f"{name}/ring_60": view.scores.ring_60,
            f"{name}/border": view.border,
            f"{name}/information": view.information,
        }
    _save(arrays, path)


def save_glance(seen: Glance, path: Path) -> None:
    """Keep a glance in the same form: fewer of the same names."""
    arrays: dict[str, NDArray[np.generic] | float | int] = {
        "step": seen.step,
        "tau": seen.tau,
        "burn_in": seen.burn_in,
        "settled/rate_maps": seen.rate_maps.maps.astype(np.float32),
        "settled/occupancy": seen.rate_maps.occupancy,
        "settled/score_60": seen.scores.score_60,
        "settled/score_90": seen.scores.score_90,
        "settled/spacing": seen.lattice.spacing,
        "settled/orientation": seen.lattice.orientation,
        "settled/phase": seen.lattice.phase,
        "settled/axes": seen.lattice.axes,
        "settled/ellipse_ratio": seen.lattice.ellipse_ratio,
        "settled/ring_60": seen.scores.ring_60,
    }
    _save(arrays, path)


def _save(arrays: dict[str, NDArray[np.generic] | float | int], path: Path) -> None:
    put_in_place(write_beside(path, lambda file: np.savez_compressed(file, **arrays)), path)  # type: ignore[arg-type]


def saved_moments(folder: Path) -> list[tuple[int, NDArray[np.float64], NDArray[np.float64]]]:
    """Return step, tau ``(unit,)`` and spacing ``(unit,)`` of every evaluation in a folder, in the order of steps.

    Files that cannot be read are passed over.
    """
    found = []
    for path in sorted(folder.glob("step_*.npz")):
        try:
            with np.load(path, allow_pickle=False) as arrays:
                found.append((int(arrays["step"]), np.asarray(arrays["tau"]), np.asarray(arrays["settled/spacing"])))
        except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile):
            continue
    return sorted(found, key=lambda one: one[0])
