"""What is kept of an evaluation: one table of its numbers, which writes the archive, reads it, and makes ``units.csv``.

Older files lack some of them: whoever reads asks `SavedEvaluation.get` and lives without what is ``None``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from operator import attrgetter
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from topogrid.evaluation.results import Evaluation, Glance
from topogrid.files import put_in_place, write_beside
from topogrid.reading import Shape, UnreadableError, read_arrays
from topogrid.settings.config import TrainConfig

Float = NDArray[np.float64]

VIEWS = ("settled", "start")
_FILE = re.compile(r"step_(\d{1,12})\.npz")


class Field(NamedTuple):
    """One array that is kept of an evaluation.

    Attributes
    ----------
    name : str
        In the archive; of a view, what follows ``settled/`` or ``start/``.
    of : callable
        Takes it out of the evaluation, or out of one of its views.
    shape : Shape
    dtype : dtype, optional
        What it is kept as, where that is not what it is.
    of_glance : bool
        Whether a glance has it, too.
    """

    name: str
    of: Callable[[Any], Any]
    shape: Shape
    dtype: type[np.generic] | None = None
    of_glance: bool = False


_EACH = Shape(("unit",))
_ALONG = Shape(("time",), or_one=True)  # files of 0.1.0 have one number for all times
_PATHS = Shape(("walk", "step", 2))

_WHOLE = (
    Field("step", attrgetter("step"), Shape((), "whole", finite=True), of_glance=True),
    Field("tau", attrgetter("tau"), Shape(("unit",), finite=True, positive=True), of_glance=True),
    Field("burn_in", attrgetter("burn_in"), Shape((), "whole", finite=True), of_glance=True),
    Field("negative_share", attrgetter("negative_share"), _EACH),
)
_DECODING = tuple(
    Field(f"decoding/{name}", attrgetter(f"decoding.{name}"), shape)
    for name, shape in {
        "error_cm": Shape(),
        "ce_loss": Shape(),
        "seconds": Shape(("time",), finite=True),
        "long_error_cm": Shape(("time",)),
        "long_quartiles_cm": Shape((2, "time")),
        "hold_still_cm": _ALONG,
        "floor_cm": Shape(),
        "true_paths": _PATHS,
        "decoded_paths": _PATHS,
        "long_median_cm": _ALONG,
        "middle_cm": _ALONG,
        "feedback_error_cm": _ALONG,
        "feedback_median_cm": _ALONG,
        "hold_still_short_cm": Shape(),
        "middle_short_cm": Shape(),
        "direction_error_deg": Shape(),
    }.items()
)
_VIEW = (
    Field("rate_maps", attrgetter("rate_maps.maps"), Shape(("unit", "bin_y", "bin_x")), np.float32, of_glance=True),
    Field("occupancy", attrgetter("rate_maps.occupancy"), Shape(("bin_y", "bin_x")), of_glance=True),
    Field("score_60", attrgetter("scores.score_60"), _EACH, of_glance=True),
    Field("score_90", attrgetter("scores.score_90"), _EACH, of_glance=True),
    Field("p_value", attrgetter("gate.p_value"), _EACH),
    Field("grid_cell", attrgetter("gate.passed"), Shape(("unit",), "yes or no")),
    Field("spacing", attrgetter("lattice.spacing"), _EACH, of_glance=True),
    Field("orientation", attrgetter("lattice.orientation"), _EACH, of_glance=True),
    Field("phase", attrgetter("lattice.phase"), Shape(("unit", 2)), of_glance=True),
    Field("axes", attrgetter("lattice.axes"), Shape(("unit", 3, 2)), of_glance=True),
    Field("ellipse_ratio", attrgetter("lattice.ellipse_ratio"), _EACH, of_glance=True),
    Field("ring_60", attrgetter("scores.ring_60"), _EACH, of_glance=True),
    Field("border", attrgetter("border"), _EACH),
    Field("information", attrgetter("information"), _EACH),
)

SHAPES = {field.name: field.shape for field in (*_WHOLE, *_DECODING)} | {
    f"{view}/{field.name}": field.shape for view in VIEWS for field in _VIEW
}
"""Every array of an archive, and what it has to be."""


class Column(NamedTuple):
    """A column of ``units.csv``: its name with the unit of measure, and where its numbers ``(unit,)`` come from."""

    name: str
    of: Callable[[Evaluation], Any]


UNIT_COLUMNS = (
    Column("score_60", attrgetter("settled.scores.score_60")),
    Column("score_90", attrgetter("settled.scores.score_90")),
    Column("p_value", attrgetter("settled.gate.p_value")),
    Column("grid_cell", lambda evaluation: evaluation.settled.gate.passed.astype(int)),
    Column("spacing_m", attrgetter("settled.lattice.spacing")),
    Column("orientation_deg", attrgetter("settled.lattice.orientation")),
    Column("phase_1", lambda evaluation: evaluation.settled.lattice.phase[:, 0]),
    Column("phase_2", lambda evaluation: evaluation.settled.lattice.phase[:, 1]),
    Column("ellipse_ratio", attrgetter("settled.lattice.ellipse_ratio")),
    Column("border_score", attrgetter("settled.border")),
    Column("information_bits", attrgetter("settled.information")),
    Column("peak_rate", attrgetter("settled.peak")),
    Column("negative_share", attrgetter("negative_share")),
    Column("start_score_60", attrgetter("start.scores.score_60")),
    Column("start_spacing_m", attrgetter("start.lattice.spacing")),
)
"""What was measured on every unit, after its place and its time constant."""


def unit_rows(evaluation: Evaluation, config: TrainConfig) -> tuple[list[str], list[list[float | int]]]:
    """Table of all units for ``units.csv``: column names (with units of measure) and one row per unit."""
    sheet = config.sheet
    row, col = sheet.row_col.T
    columns: dict[str, NDArray[np.generic]] = {
        "unit": np.arange(sheet.n_units),
        "row": row,
        "col": col,
        "module": sheet.module_of,
        "tau_steps": evaluation.tau,
        "tau_ms": evaluation.tau * config.dt * 1000,
    }
    columns |= {column.name: column.of(evaluation) for column in UNIT_COLUMNS}
    return list(columns), [list(row) for row in zip(*(column.tolist() for column in columns.values()), strict=True)]


def save_evaluation(evaluation: Evaluation, path: Path) -> None:
    """Keep an evaluation as an ``.npz`` of plain arrays, one prefix per view, for anyone's own analysis."""
    arrays = _arrays((*_WHOLE, *_DECODING), evaluation)
    for view in VIEWS:
        arrays |= _arrays(_VIEW, getattr(evaluation, view), f"{view}/")
    _save(arrays, path)


def save_glance(seen: Glance, path: Path) -> None:
    """Keep a glance in the same form: fewer of the same names."""
    arrays = _arrays([field for field in _WHOLE if field.of_glance], seen)
    _save(arrays | _arrays([field for field in _VIEW if field.of_glance], seen, f"{VIEWS[0]}/"), path)


def _arrays(fields: Collection[Field], measured: object, prefix: str = "") -> dict[str, NDArray[Any]]:
    return {f"{prefix}{field.name}": np.asarray(field.of(measured), dtype=field.dtype) for field in fields}


def _save(arrays: dict[str, NDArray[Any]], path: Path) -> None:
    put_in_place(write_beside(path, lambda file: np.savez_compressed(file, **arrays)), path)  # type: ignore[arg-type]


def evaluation_path(folder: Path, step: int) -> Path:
    """Return where the evaluation of a step is kept in the folder of evaluations."""
    return folder / f"step_{step:08d}.npz"


def evaluation_files(folder: Path) -> dict[int, Path]:
    """Return the files of all evaluations in a folder by their steps, in the order of these."""
    found = ((_FILE.fullmatch(path.name), path) for path in folder.glob("step_*.npz"))
    return dict(sorted((int(match[1]), path) for match, path in found if match))


class SavedEvaluation:
    """One evaluation read back from its file; every array in it is what `SHAPES` says.

    Parameters
    ----------
    path : Path
    names : collection of str, optional
        Arrays of `SHAPES` to read; all of them if left out.
    """

    def __init__(self, path: Path, names: Collection[str] = SHAPES.keys()) -> None:
        self.path = path
        try:
            self._arrays = read_arrays(path, SHAPES, wanted=lambda name: name in names)
        except UnreadableError as error:
            raise UnreadableError(f"{error}; move {path} away, or `analyze` the run") from error.__cause__

    def get(self, name: str) -> NDArray[Any] | None:
        """Return an array, ``None`` where the file lacks it."""
        return self._arrays.get(name)

    def __getitem__(self, name: str) -> NDArray[Any]:
        """Return an array.

        Raises
        ------
        UnreadableError
            If the file lacks it.
        """
        found = self._arrays.get(name)
        if found is None:
            raise UnreadableError(f"{self.path.name} lacks {name}; move {self.path} away, or `analyze` the run")
        return found

    @property
    def views(self) -> tuple[str, ...]:
        """What it holds of `VIEWS`: moments that are kept during training may have settled rates only."""
        return tuple(view for view in VIEWS if f"{view}/spacing" in self._arrays)


def saved_moments(folder: Path) -> list[tuple[int, Float, Float]]:
    """Return step, tau ``(unit,)`` and spacing ``(unit,)`` of every evaluation in a folder, in the order of steps.

    Files that cannot be read are passed over.
    """
    return list(_moments(evaluation_files(folder).values()))


def _moments(paths: Collection[Path]) -> Iterator[tuple[int, Float, Float]]:
    names = ("step", "tau", "settled/spacing")
    for path in paths:
        try:
            saved = SavedEvaluation(path, names)
            step, tau, spacing = (saved[name] for name in names)
        except UnreadableError:
            continue
        yield int(step), tau, spacing
