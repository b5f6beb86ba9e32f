"""What the study measures of a network beside its evaluation and its changes, as plain values for a record."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from topogrid.analysis import patch_topography, torus_of, weight_spectrum, weights_by_distance
from topogrid.analysis.sheets import Sheet
from topogrid.evaluation.feedback_sweep import sweep_feedback
from topogrid.evaluation.held_out import settled_states
from topogrid.evaluation.results import Decoding, Evaluation
from topogrid.interventions.paired import COUNTED
from topogrid.model.network import PathIntegrator
from topogrid.streams import numpy_generator
from topogrid.study.values import plain, plain_all
from topogrid.trained.trained import Trained

Float = NDArray[np.float64]

STRENGTHS = (0.0, 0.003, 0.01, 0.03, 0.1)
"""Of the feedback that is swept."""
CODES = ("predicted", "decoded")
"""What is fed back."""
SPEEDS = (0.5, 1.0, 2.0)
"""Speeds at which it is, in multiples of that of training."""
SECONDS = (2.0, 10.0, 30.0, 60.0)
"""Moments at which errors are taken in the sweep."""
N_WALKS = 20

_PATCH = 5  # units along a side
_STATES, _POINTS = 1500, 150  # of a module: looked at, and kept
_MOMENTS = 40  # kept of a course of errors


def courses(decoding: Decoding) -> dict[str, list[float | None]]:
    """Return the course of errors over long walks, at moments that are evenly spread on a logarithmic axis."""
    last = len(decoding.seconds) - 1
    chosen = np.unique(np.rint(np.geomspace(1, last + 1, _MOMENTS)).astype(int) - 1)
    return {
        name: plain_all(np.asarray(values)[chosen])
        for name, values in {
            "seconds": decoding.seconds,
            "without": decoding.long_error_cm,
            "with": decoding.feedback_error_cm,
            "still": decoding.hold_still_cm,
            "middle": decoding.middle_cm,
        }.items()
    }


def patches(evaluation: Evaluation, sheet: Sheet, seed: int) -> dict[str, float | None]:
    """Return how alike the lattices of 5x5 patches are, beside units in random order."""
    if sheet.side < _PATCH:
        return {}
    found = patch_topography(
        sheet.map(evaluation.settled.scores.score_60),
        sheet.map(evaluation.settled.lattice.orientation),
        rng=numpy_generator(seed, "units permuted"),
        side=_PATCH,
    )
    return {name: plain(float(value)) for name, value in found._asdict().items()}


def connections(network: PathIntegrator, sheet: Sheet) -> dict[str, Any]:
    """Return how recurrent weights go with distance on the sheet, and how they amplify."""
    weights = network.units.wiring.weight.detach().double().cpu().numpy()
    places = Sheet(sheet.module_side if weights.ndim == 3 else sheet.side).row_col
    found = weights_by_distance(weights, places)
    size = np.abs(weight_spectrum(weights)).reshape(-1, weights.shape[-1])
    return {
        "distance": plain_all(found.distance),
        "mean": plain_all(found.mean),
        "mean_magnitude": plain_all(found.mean_magnitude),
        "locality": plain(found.locality),
        "spectral_radius": plain_all(size[:, 0]),
        "eigenvalues_above_1": [int(count) for count in (size > 1).sum(axis=1)],
    }


def feedback(trained: Trained, say: Callable[[str], object]) -> list[dict[str, Any]]:
    """Return errors with feedback of every code and strength, at every speed."""
    found = []
    for speed in SPEEDS:
        for code in CODES:
            say(f"feedback of the {code} code, speed x{speed:g}")
            swept = sweep_feedback(trained, code, STRENGTHS, SECONDS, n_walks=N_WALKS, speed_factor=speed)
            found += [
                {
                    "speed": speed, "code": code, "strength": strength, "seconds": list(swept.seconds),
                    "mean_cm": plain_all(mean), "median_cm": plain_all(median),
                }
                for strength, mean, median in zip(swept.strength, swept.mean_cm, swept.median_cm, strict=True)
            ]  # fmt: skip
    return found


def torus(trained: Trained) -> dict[str, Any] | None:
    """Return the topology of the states of one module, ``None`` for a sheet without modules.

    Raises
    ------
    ModuleNotFoundError
        If ripser is not installed.
    """
    sheet, seed = trained.config.sheet, trained.config.seed
    if sheet.n_modules == 1 and trained.config.wiring == "dense":
        return None
    module = sheet.n_modules // 2
    states = settled_states(trained, _STATES)[:, sheet.order[module]]
    if not np.ptp(states, axis=0).any():
        return None
    found = torus_of(states, rng=numpy_generator(seed, "states shuffled"), n_points=_POINTS)
    return {
        "module": module,
        "betti": list(found.betti),
        "loops": plain_all(found.loops[:4]),
        "holes": plain_all(found.holes[:4]),
        "null_loops": plain(found.null_loops),
        "null_holes": plain(found.null_holes),
    }


def units(evaluation: Evaluation) -> dict[str, list[float | None]]:
    """Return tau and spacing of every unit, spacing where the grid score is above 0.3."""
    counted = np.nan_to_num(evaluation.settled.scores.score_60, nan=-np.inf) > COUNTED
    spacing = np.where(counted, evaluation.settled.lattice.spacing, np.nan)
    return {
        name: [None if not math.isfinite(value) else round(float(value), 4) for value in values]
        for name, values in (("tau", evaluation.tau), ("spacing", spacing))
    }
