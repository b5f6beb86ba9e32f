"""The evaluations of a run, read back from their files."""

from __future__ import annotations

import re
import zipfile
import zlib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from topogrid.analysis import grid_scores, measure_lattice
from topogrid.runs.folder import RunFolder

Float = NDArray[np.float64]

VIEWS = ("settled", "start")
_NAME = re.compile(r"step_(\d+)\.npz")
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


class SavedEvaluation:
    """One evaluation in the folder of a run; arrays are read when they are asked for.

    Parameters
    ----------
    path : Path
        ``evaluation/step_<step>.npz``, as `topogrid.evaluation.evaluate.save_evaluation` writes it.

    Raises
    ------
    ValueError
        If the file is no such evaluation.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._maps: dict[str, NDArray[np.float32] | None] = {}
        try:
            self._arrays = np.load(path, allow_pickle=False)
        except (OSError, EOFError, ValueError, zipfile.BadZipFile) as error:
            raise self._unreadable(error) from error
        self.step, self.burn_in = int(self._read("step")), int(self._read("burn_in"))
        self.tau: Float = self._read("tau")
        self.negative_share: Float | None = self._read("negative_share") if self._holds("negative_share") else None
        self.views = tuple(view for view in VIEWS if self._holds(f"{view}/spacing"))
        """What it holds of `VIEWS`: moments that are kept during training may have settled rates only."""

    def _holds(self, name: str) -> bool:
        return name in self._arrays

    def _read(self, name: str) -> Any:
        try:
            return self._arrays[name]
        except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile, zlib.error) as error:
            raise self._unreadable(error) from error

    def _unreadable(self, error: Exception) -> ValueError:
        return ValueError(f"{self._path} is not a readable evaluation ({error}); move it away, or `analyze` the run")

    def maps(self, view: str) -> NDArray[np.float32] | None:
        """Return the rate maps of a view, ``(unit, bin_y, bin_x)``, ``None`` where they were not kept."""
        if view not in self._maps:  # unpacking them is what takes time
            name = f"{view}/rate_maps"
            self._maps[view] = self._read(name) if self._holds(name) else None
        return self._maps[view]

    def measures(self, view: str) -> dict[str, Float]:
        """Return all that was measured on every unit in a view, each ``(unit,)``, by the names that the page uses."""
        there = [name for name in _SCORES if self._holds(f"{view}/{name}")]
        found: dict[str, Float] = {name: np.asarray(self._read(f"{view}/{name}"), np.float64) for name in there}
        if self._holds(f"{view}/phase"):
            phase = self._read(f"{view}/phase")
            found |= {"phase_1": phase[:, 0], "phase_2": phase[:, 1]}
        maps = self.maps(view)
        if maps is not None:
            found["peak_rate"] = np.nanmax(maps, axis=(1, 2), initial=-np.inf).astype(np.float64)
        return found

    def peaks(self, view: str, box_size: tuple[float, float]) -> Peaks:
        """Return peaks and ring of every unit; measured again where they were not saved, for which maps are needed."""
        names = (f"{view}/axes", f"{view}/ring_60")
        if all(map(self._holds, names)):
            return Peaks(*map(self._read, names))
        maps = self._read(f"{view}/rate_maps")
        return Peaks(measure_lattice(maps, box_size).axes, grid_scores(maps).ring_60)

    def long_walks(self) -> dict[str, Float]:
        """Return errors along the long walks, each ``(time,)``: seconds, cm; nothing where they were not measured."""
        if not self._holds("decoding/long_error_cm"):
            return {}
        low, high = self._read("decoding/long_quartiles_cm")
        found = {"seconds": self._read("decoding/seconds"), "low": low, "high": high}
        there = {line: f"decoding/{name}" for line, name in _ALONG.items() if self._holds(f"decoding/{name}")}
        lines = {line: np.broadcast_to(self._read(name), found["seconds"].shape) for line, name in there.items()}
        return found | lines


def saved_evaluations(folder: RunFolder) -> list[Path]:
    """Return the files of all evaluations of a run, in the order of their steps."""
    found = ((_NAME.fullmatch(path.name), path) for path in folder.evaluation.glob("step_*.npz"))
    return [path for _step, path in sorted((int(match[1]), path) for match, path in found if match)]
