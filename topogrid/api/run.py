"""A trained network as a person holds it in Python."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from topogrid.analysis.options import as_reals
from topogrid.api.changes import Changes, FollowedWalk
from topogrid.api.pictures import Picture
from topogrid.api.units import Units, as_units, read_units_csv
from topogrid.cli.progress import Progress
from topogrid.evaluation.evaluate import STAGES, evaluate
from topogrid.evaluation.follow import follow_recording
from topogrid.evaluation.gallery import draw_evaluation
from topogrid.evaluation.held_out import tau_of
from topogrid.evaluation.measured import Measured
from topogrid.evaluation.reanalysis import measure_again
from topogrid.evaluation.results import Evaluation
from topogrid.evaluation.saved import VIEWS, SavedEvaluation, unit_rows
from topogrid.evaluation.summary import summarise
from topogrid.files import read_bytes
from topogrid.interventions.catalogue import choose, parse_units
from topogrid.interventions.condition import Condition
from topogrid.interventions.files import measure_headline_into, measure_table_into
from topogrid.interventions.modules import ModuleOutcome
from topogrid.interventions.modules import obstacle as no_headline
from topogrid.interventions.run import Outcome
from topogrid.measures.pictures import CURVES, FIGURES
from topogrid.reading import UnreadableError
from topogrid.runs.folder import RunFolder
from topogrid.runs.metrics_log import read_metrics
from topogrid.settings.config import TrainConfig
from topogrid.settings.errors import SettingsError, did_you_mean, show
from topogrid.settings.fields import FEEDBACK_SETTINGS, MEASUREMENT_SETTINGS
from topogrid.tables import plain
from topogrid.trained.opening import open_trained as open_as_trained
from topogrid.trained.trained import Trained
from topogrid.world.layout import Layout

Float = NDArray[np.float64]


class Run:
    """A trained network, with the folder of its run where it has one.

    What was measured is read from the folder; what is not there is measured when it is first asked for, on walks that
    training never saw.

    Attributes
    ----------
    trained : Trained
        Network, place cells, settings, step.
    path : Path or None
        Folder of the run; ``None`` for weights away from one.

    Parameters
    ----------
    trained : Trained
    remeasured : bool
        Whether it is measured otherwise than its folder says, so that nothing is read from there.
    """

    def __init__(self, trained: Trained, *, remeasured: bool = False) -> None:
        self.trained = trained
        self._remeasured = remeasured
        self.path: Path | None = None if trained.folder is None else trained.folder.path

    @property
    def name(self) -> str:
        """Name of the run, or what was opened."""
        return self.trained.origin if self.trained.folder is None else self.trained.folder.name

    @property
    def config(self) -> TrainConfig:
        """All settings."""
        return self.trained.config

    @property
    def network(self) -> Any:
        """The network, a module of PyTorch."""
        return self.trained.network

    @property
    def step(self) -> int:
        """Steps the network was trained for."""
        return self.trained.step

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of measurements has to know, a sentence each."""
        return self.trained.notes

    # --- What was measured

    @cached_property
    def evaluation(self) -> Evaluation:
        """Everything measured on held-out walks, measured now; takes as long as an evaluation during training."""
        with Progress("stage") as progress:
            begun: list[str] = []

            def begin(stage: str) -> None:
                if begun:
                    progress(begun[-1], len(begun), len(STAGES))
                begun.append(stage)

            found = evaluate(self.trained, progress=begin)
            progress(begun[-1], len(STAGES), len(STAGES))
        return found

    @cached_property
    def measures(self) -> dict[str, float]:
        """Measures by their tracked names, such as ``validation/share_gate``; ``docs/metrics.md`` tells them."""
        return summarise(self.evaluation, self.config)

    @cached_property
    def units(self) -> Units:
        """Table of units, a row each."""
        folder, kept = self.trained.folder, self._kept
        if folder is not None and kept is not None and folder.units_csv.is_file():
            found = read_units_csv(folder.units_csv)
            if len(found) == self.config.n_grid_cells:
                return found
        return as_units(*unit_rows(self.evaluation, self.config))

    @cached_property
    def rate_maps(self) -> Float:
        """Rate maps ``(unit, bin_y, bin_x)``, y upwards; NaN where nobody walked."""
        if self._kept is not None:
            return np.asarray(SavedEvaluation(self._kept, (_RATE_MAPS,))[_RATE_MAPS], dtype=np.float64)
        return self.evaluation.settled.rate_maps.maps

    @property
    def tau_map(self) -> Float:
        """Time constants on the sheet ``(row, col)``, steps; ones in a plain network."""
        return self.config.sheet.map(tau_of(self.trained.network))

    @property
    def spacing_map(self) -> Float:
        """Grid spacing on the sheet ``(row, col)``, metres; NaN in a unit without a lattice."""
        return self.map("spacing_m")

    def map(self, column: str) -> Float:
        """Return a column of the table of units on the sheet, ``(row, col)``.

        Raises
        ------
        ValueError
            If there is no such column.
        """
        names = self.units.dtype.names or ()
        if column not in names:
            raise ValueError(f"units have no {show(column)}{did_you_mean(column, names)}; they have {', '.join(names)}")
        return self.config.sheet.map(np.asarray(self.units[column]))

    def figure(self, name: str) -> Picture:
        """Return a picture: ``tau_map``, ``scale_map``, ``ratemaps`` and so on, see `figures`.

        Raises
        ------
        ValueError
            If there is no picture of this name.
        """
        if name not in self.figures:
            raise ValueError(
                f"there is no figure {show(name)}{did_you_mean(name, self.figures)}; figures are "
                f"{', '.join(self.figures)}"
            )
        folder, png = self.trained.folder, b""
        if folder is not None and self._kept is not None:
            drawn = folder.figures / _FIGURE_FILES[name]
            png = read_bytes(drawn) if drawn.is_file() else b""
        return Picture(name, lambda: self._drawn[name], png)

    @property
    def figures(self) -> tuple[str, ...]:
        """Names of the pictures."""
        of_tau = ("tau_against_spacing", "shares_by_tau")
        has_rows = self.trained.folder is not None and self.trained.folder.metrics_path.is_file()
        return tuple(
            name
            for name, key in _FIGURE_KEYS.items()
            if not (key.endswith(of_tau) and not self.config.tau) and not (key == CURVES and not has_rows)
        )

    @cached_property
    def _drawn(self) -> dict[str, Any]:
        folder = self.trained.folder
        rows = read_metrics(folder.metrics_path) if folder is not None and folder.metrics_path.is_file() else []
        drawn = draw_evaluation(self.evaluation, self.config, rows=rows)
        return {name: drawn[key] for name, key in _FIGURE_KEYS.items() if key in drawn}

    @cached_property
    def _kept(self) -> Path | None:
        """File of the evaluation in the folder of the run, if that is whole, of this step, and what was written last.

        The table of units and the pictures in the folder are then of this step, too.
        """
        if self.trained.folder is None or self._remeasured:
            return None
        there = self.trained.folder.evaluation.glob("step_*.npz")
        newest = max(there, key=lambda path: path.stat().st_mtime, default=None)
        if newest is None or newest.name != f"step_{self.step:08d}.npz":
            return None
        try:
            whole = SavedEvaluation(newest, (_RATE_MAPS, *(f"{view}/spacing" for view in VIEWS)))
        except UnreadableError:  # measured again where somebody asks
            return None
        return newest if len(whole.views) == len(VIEWS) and whole.get(_RATE_MAPS) is not None else None

    # --- What can be done

    def evaluate(self, bins: int | Sequence[int] | None = None, **settings: Any) -> Measured:
        """Measure again with other settings of the evaluation, as ``topogrid analyze`` does; writes no file.

        Parameters
        ----------
        bins : int or sequence of int, optional
            Bins along the longer side of a rate map; those of the run by default.
        **settings
            ``eval_walks``, ``eval_surrogates``, ``eval_burn_in``, ``long_seconds``, ``long_walks``, ``place_feedback``,
            ``place_feedback_code``.

        Returns
        -------
        Measured
            ``evaluation``, ``rows`` of measures by number of bins, and ``claims``: what can be said of it.

        Raises
        ------
        SettingsError
            If one cannot be used.
        """
        other = sorted(set(settings) - set(MEASUREMENT_SETTINGS))
        if other:
            raise SettingsError(
                f"{other[0]} is no setting of a measurement{did_you_mean(other[0], MEASUREMENT_SETTINGS)}; there are "
                f"{', '.join(MEASUREMENT_SETTINGS)}"
            )
        trained = self.trained.with_settings(settings)
        wanted = [trained.config.eval_bins] if bins is None else _bins(bins)
        with Progress("stage") as progress:
            return measure_again(trained, wanted, progress)

    def intervene(
        self, *names: str, silence: int | str | Sequence[int | str] = (), where: ArrayLike | None = None
    ) -> Changes[Outcome] | Changes[ModuleOutcome]:
        """Change one thing at a time and measure everything again, as ``topogrid intervene`` does.

        Parameters
        ----------
        *names : str
            Such as ``"tau_x1.25"``, at any level, ``"tau_x2@module3"`` or ``"silence@module3"``; ``"all"``: the whole
            table. Without a name, and without units to silence: for a sheet with modules, tau and speed changed and
            every module compared with what is predicted; else the whole table.
        silence : int, str or sequence of these
            Units to silence: numbers, or ranges such as ``"40-63"``.
        where : array, ``(row, col)`` or ``(unit,)``, optional
            Map of a dose of tau: a unit's tau is multiplied by the level to this power, 1 all of it and 0 nothing.

        Returns
        -------
        Changes
            Outcomes by name. A run with a folder keeps them in it.

        Raises
        ------
        ValueError
            If there is no intervention of a name, a unit is not on the sheet, or a map does not fit.
        """
        condition = Condition(self.trained)
        chosen = parse_units([str(unit) for unit in np.atleast_1d(silence)])
        weights = None if where is None else self._weights(where, names)
        with Progress("intervention") as progress, tempfile.TemporaryDirectory() as nowhere:
            folder = self.trained.folder or RunFolder(Path(nowhere), Path(nowhere))
            if not names and not chosen and not no_headline(condition):
                modules = measure_headline_into(folder, condition, progress)
                return Changes(modules.outcomes, {}, self.config)
            wanted = choose(names) if names or chosen else choose(None)
            table = measure_table_into(folder, condition, wanted, chosen, weights=weights, progress=progress)
        return Changes(table.outcomes, table.left_out, self.config)

    def _weights(self, where: ArrayLike, names: Sequence[str]) -> Float:
        sheet = self.config.sheet
        weights = as_reals(where, "where")
        if weights.shape not in ((sheet.n_units,), (sheet.side, sheet.side)):
            wanted = f"({sheet.side}, {sheet.side}) or ({sheet.n_units},)"
            raise ValueError(f"where must be {wanted}, got shape {weights.shape}")
        if not np.isfinite(weights).all():
            unknown = np.count_nonzero(~np.isfinite(weights))
            raise ValueError(f"where must be finite, got {unknown} units with NaN, infinity or a mask")
        other = [name for name in names if not name.startswith("tau_x") or "@" in name]
        if other or not names:
            raise ValueError(f"where is for doses of tau, such as tau_x1.25, got {', '.join(other) or 'no name'}")
        return weights.ravel()

    def follow(
        self,
        walk: str | Path = "sargolini",
        *,
        restart: float = 10.0,
        place_feedback: float | None = None,
        place_feedback_code: str | None = None,
        layout: Layout | None = None,
    ) -> FollowedWalk:
        """Follow a recorded walk by movement alone, as ``topogrid follow`` does; writes no file.

        Parameters
        ----------
        walk : str or Path
            A recording, or ``sargolini``: the rat that ships inside the package ratinabox.
        restart : float
            Seconds after which the network is told again where the animal is; 0: only at the start.
        place_feedback : float, optional
            How strongly the place code pulls the units; that of the run by default.
        place_feedback_code : {"predicted", "decoded"}, optional
            Which code of the place does; that of the run by default.
        layout : topogrid.world.layout.Layout, optional
            Columns, units and rate of the recording, and what becomes of lost samples.

        Returns
        -------
        FollowedWalk

        Raises
        ------
        ValueError
            If the recording or a number cannot be used.
        """
        values = (place_feedback, place_feedback_code)
        given = {name: value for name, value in zip(FEEDBACK_SETTINGS, values, strict=True) if value is not None}
        found = follow_recording(self.trained.with_settings(given), walk, restart_s=restart, layout=layout)
        return FollowedWalk(Path(found.walk).stem, found.seconds, found.followed, found.config)

    def __repr__(self) -> str:
        where = "" if self.path is None else f" in {plain(self.path)}"
        return (
            f"<{self.config.describe()} network of {self.config.n_grid_cells:,} units after {self.step:,} steps{where}>"
        )


# Only what an evaluation makes can be asked for; the pictures of a whole run are in its folder.
_RATE_MAPS = "settled/rate_maps"
_FIGURE_KEYS = {Path(one.file).stem: key for key, one in FIGURES.items() if key != "validation/filmstrip"}
_FIGURE_FILES = {Path(one.file).stem: one.file for one in FIGURES.values()}


def open_trained(
    path: str | Path,
    *,
    checkpoint: str | Path | None = None,
    place_cells: str | Path | None = None,
    **settings: Any,
) -> Run:
    """Open a trained network: the folder of a run, a checkpoint, safetensors, or a file of the original project.

    Parameters
    ----------
    path : str or Path
        What to open.
    checkpoint : str or Path, optional
        One checkpoint of the run at ``path``; its newest by default.
    place_cells : str or Path, optional
        For a file of the original: ``.npy`` or ``.npz`` of its place-field centres, ``(place, 2)``, metres.
    **settings
        Settings of the evaluation, and for a file that does not know its own those of its task.

    Returns
    -------
    Run

    Raises
    ------
    SettingsError
        If a setting cannot be used, or contradicts what the run knows itself.
    CheckpointError, ValueError
        If there is nothing to open.
    """
    trained = open_as_trained(path, checkpoint=checkpoint, settings=settings, place_cells=place_cells)
    return Run(trained, remeasured=bool(settings))


def _bins(bins: Any) -> list[Any]:
    """Return numbers of bins as a list; each is checked where it is used."""
    found = [bins] if np.ndim(bins) == 0 else list(bins)
    if not found:
        raise SettingsError("bins must be one whole number or more, got none")
    return found
