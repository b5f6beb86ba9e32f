"""The evaluations of a run, as the page shows them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from topogrid.analysis import grid_scores, measure_lattice
from topogrid.evaluation.saved import SavedEvaluation
from topogrid.reading import UnreadableError

Float = NDArray[np.float64]

_SCORES = ("score_60", "score_90", "p_value", "grid_cell", "spacing", "orientation", "border", "information")
_ALONG = {  # lines along the long walks, by their names on the page
    "error": "long_error_cm",
    "median": "long_median_cm",
    "feedback": "feedback_error_cm",
    "hold_still": "hold_still_cm",
    "middle": "middle_cm",
}


class Peaks(NamedTuple):
    """What is drawn on an autocorrelogram.

    Attributes
    ----------
    axes : ndarray, ``(unit, 3, 2)``
        Three neighbouring peaks as (x, y) in metres, the other three being their opposites; NaN without a lattice.
    ring : ndarray, ``(unit,)``
        Outer radius of the ring that gave the 60-degree score, as a share of the box's shorter side.
    """

    axes: Float
    ring: Float


class ShownEvaluation:
    """One evaluation in the folder of a run, read once and whole.

    Parameters
    ----------
    path : Path
        What `topogrid.evaluation.saved` wrote; ``step``, ``burn_in`` and ``tau`` have to be in it.

    Raises
    ------
    UnreadableError
        If the file is no such evaluation.
    """

    def __init__(self, path: Path) -> None:
        self._saved = SavedEvaluation(path)
        self.step, self.burn_in = int(self._saved["step"]), int(self._saved["burn_in"])
        self.tau: Float = self._saved["tau"]
        self.negative_share: Float | None = self._saved.get("negative_share")
        self.views = self._saved.views

    def maps(self, view: str) -> NDArray[np.float32] | None:
        """Return the rate maps of a view, ``(unit, bin_y, bin_x)``, ``None`` where they were not kept."""
        return self._saved.get(f"{view}/rate_maps")

    def measures(self, view: str) -> dict[str, Float]:
        """Return all that was measured on every unit in a view, each ``(unit,)``, by the names that the page uses."""
        kept = {name: self._saved.get(f"{view}/{name}") for name in _SCORES}
        found: dict[str, Float] = {name: one.astype(np.float64) for name, one in kept.items() if one is not None}
        phase, maps = self._saved.get(f"{view}/phase"), self.maps(view)
        if phase is not None:
            found |= {"phase_1": phase[:, 0], "phase_2": phase[:, 1]}
        if maps is not None:
            found["peak_rate"] = np.nanmax(maps, axis=(1, 2), initial=-np.inf).astype(np.float64)
        return found

    def peaks(self, view: str, box_size: tuple[float, float]) -> Peaks:
        """Return peaks and ring of every unit; measured again where they were not saved, for which maps are needed."""
        axes, ring = (self._saved.get(f"{view}/{name}") for name in ("axes", "ring_60"))
        if axes is not None and ring is not None:
            return Peaks(axes, ring)
        maps = self._saved[f"{view}/rate_maps"]
        return Peaks(measure_lattice(maps, box_size).axes, grid_scores(maps).ring_60)

    def long_walks(self) -> dict[str, Float]:
        """Return errors along the long walks, each ``(time,)``: seconds, cm; nothing where they were not measured."""
        if self._saved.get("decoding/long_error_cm") is None:
            return {}
        low, high = self._saved["decoding/long_quartiles_cm"]
        seconds: Float = self._saved["decoding/seconds"]
        kept = {line: self._saved.get(f"decoding/{name}") for line, name in _ALONG.items()}
        lines: dict[str, Any] = {
            line: np.broadcast_to(one, seconds.shape) for line, one in kept.items() if one is not None
        }
        return {"seconds": seconds, "low": low, "high": high, **lines}


def shown_evaluations(paths: list[Path], n_units: int) -> tuple[list[ShownEvaluation], list[str]]:
    """Read the evaluations that can be shown beside the last one, and say in a sentence each which cannot."""
    shown, left_out = [], []
    for path in paths:
        try:
            one = ShownEvaluation(path)
        except UnreadableError as error:
            left_out.append(f"Left out: {error}.")
            continue
        if one.tau.size == n_units:
            shown.append(one)
        else:
            left_out.append(f"Left out: {path.name}, which is of another network, of {one.tau.size} units.")
    return shown, left_out
