"""What is on disk of a run: whole run folders and published records, read without a network, old and torn ones too."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from topogrid.evaluation.saved import SavedEvaluation, evaluation_files
from topogrid.measures import decoding
from topogrid.measures.shown import LISTED
from topogrid.measures.training import STEPS_DONE, TURNS
from topogrid.reading import UnreadableError
from topogrid.reports.run_files import Summary, read_rows, read_summary, read_units_table, read_versions
from topogrid.runs.steps import saved_steps
from topogrid.settings.config import TrainConfig
from topogrid.settings.errors import SettingsError
from topogrid.settings.saved import read_settings

Float = NDArray[np.float64]

EVALUATED = decoding.ERROR.key
"""A row of metrics that has it, and a summary, is of an evaluation."""

_QUIET_SECONDS = 600.0  # a run that wrote nothing for longer is not running, unless it always was as slow
_SLOWER = 3.0  # times the longest wait between two rows so far
_LONGEST_WAIT = 7200.0  # seconds: between two rows that are further apart, the run stood still
_CLOCKS_DIFFER = 60.0  # seconds by which a file may be newer than now; later ones say nothing
_TRACES = ("metrics.jsonl", "log.txt", "checkpoints")  # of a run whose settings are gone


@dataclasses.dataclass(frozen=True)
class RunRecord:
    """One run, as its files tell it.

    Attributes
    ----------
    path : Path
        Folder of ``config.json``.
    name : str
    config : TrainConfig
        Its settings, with today's defaults in place of the unknown ones.
    unknown : frozenset of str
        Settings that its file lacks, because they came later.
    rows : list of dict
        Rows of ``metrics.jsonl``.
    measures : dict
        The newest evaluation, by tracked names, with figures of the whole run.
    measured_step : int or None
        Step of that evaluation; ``None`` if there is none.
    steps_done : int
    measured_with : dict
        Settings of the evaluation that differ from those of the run.
    versions : dict
        Versions, commit and command line.
    notes : tuple of str
        What its files lack or cannot say.
    damage : tuple of str
        Those of the notes that tell of a file that is there and cannot be used.
    """

    path: Path
    name: str
    config: TrainConfig
    unknown: frozenset[str]
    rows: list[dict[str, float]]
    measures: dict[str, float]
    measured_step: int | None
    steps_done: int
    measured_with: dict[str, Any]
    versions: dict[str, str]
    notes: tuple[str, ...]
    damage: tuple[str, ...] = ()

    @property
    def finished(self) -> bool:
        """Whether all steps that were asked for are trained and the last was evaluated."""
        return self.steps_done >= self.config.steps and self.measured_step == self.steps_done

    @property
    def n_turns(self) -> int:
        """How often it went on with other settings of learning than before."""
        told = self.measures.get(TURNS.key, 0.0)
        return int(told) if math.isfinite(told) else 0

    @property
    def started(self) -> float:
        """When the run began, seconds since 1970."""
        stamps = self._stamps()
        return stamps[0] if stamps else (self.path / "config.json").stat().st_mtime

    def _stamps(self, until: float = math.inf) -> list[float]:
        times = (row.get("time", math.nan) for row in self.rows)
        return [one for one in times if math.isfinite(one) and 0 <= one <= until]

    def state(self, now: float | None = None) -> str:
        """Return ``finished``, ``running`` or ``stopped``; running is one that wrote something not long ago."""
        if self.finished:
            return "finished"
        if self.measures.get(STEPS_DONE.key) == self.steps_done:  # written last of all, also after a signal
            return "stopped"
        now = time.time() if now is None else now
        # A clock that was set back, or a file that was touched, may date anything in the future.
        stamps = self._stamps(until=now + _CLOCKS_DIFFER)
        longest = max((late - early for early, late in pairwise(stamps)), default=0.0)
        written = [one for one in self._written() if one <= now + _CLOCKS_DIFFER]
        patience = max(_QUIET_SECONDS, _SLOWER * min(longest, _LONGEST_WAIT))
        return "running" if written and now - max(written) <= patience else "stopped"

    def _written(self) -> Iterator[float]:
        """Yield when the files of the run were last written, but for the table that anyone may open and save."""
        for path in self.path.iterdir():
            with suppress(OSError):
                if path.name != "units.csv":
                    yield path.lstat().st_mtime


class Broken(NamedTuple):
    """A folder of a run that cannot be read."""

    path: Path
    reason: str


class Found(NamedTuple):
    """What folders hold."""

    records: list[RunRecord]
    broken: list[Broken]
    empty: list[Path]
    """Folders without any run."""


def find_runs(paths: Iterable[str | Path]) -> Found:
    """Read runs.

    Parameters
    ----------
    paths : iterable of str or Path
        Folders of runs, of published records, or folders that hold such folders; each run counts once.

    Returns
    -------
    Found

    Raises
    ------
    ValueError
        If a path does not exist or is no folder.
    """
    found, seen = Found([], [], []), set()
    for path in map(Path, paths):
        if not path.is_dir():
            what = "a file" if path.exists() else "not there"
            raise ValueError(f"{path} is {what}; give folders of runs, such as runs/<name>, or one that holds them")
        folders = [path] if _is_run(path) else sorted(filter(_is_run, filter(Path.is_dir, path.iterdir())))
        if not folders:
            found.empty.append(path)
        for folder in folders:
            if folder.resolve() in seen:
                continue
            seen.add(folder.resolve())
            try:
                found.records.append(read_record(folder))
            except (SettingsError, OSError, ValueError) as error:
                found.broken.append(Broken(folder, str(error).replace(f"{folder}/", "")))
    return found


def _is_run(folder: Path) -> bool:
    inside = (folder / "config.json", folder / "record" / "config.json", *(folder / trace for trace in _TRACES))
    return any(path.exists() for path in inside)


def read_record(folder: str | Path) -> RunRecord:
    """Read what the folder of a run, or of a published record, says of its run.

    Raises
    ------
    SettingsError
        If there are no settings, or they cannot be used.
    OSError
        If a file that is there cannot be read.
    """
    path = Path(folder)
    name = path.resolve().name
    if not (path / "config.json").is_file() and (path / "record" / "config.json").is_file():
        path = path / "record"
    elif name == "record":
        name = path.resolve().parent.name
    notes: list[str] = []
    damage: list[str] = []
    config, unknown = _read_settings(path / "config.json", notes)
    if not (path / "metrics.jsonl").exists():
        notes.append("it has no metrics.jsonl, so no curves")
    rows = read_rows(path / "metrics.jsonl", damage) if (path / "metrics.jsonl").exists() else []
    summary = read_summary(path / "summary.json", damage)
    versions = read_versions(path / "versions.json", damage)
    summed_up = _step(summary.numbers.get(STEPS_DONE.key, math.nan))
    steps_done = max([*(int(row["step"]) for row in rows), summed_up or 0, _newest_checkpoint(path, config.steps)])
    measures, measured_step = _measures(rows, summary, summed_up, steps_done)
    analysis = summary.analysis
    return RunRecord(
        path=path,
        name=name,
        config=config,
        unknown=unknown,
        rows=rows,
        measures=measures,
        measured_step=measured_step,
        steps_done=steps_done,
        measured_with=analysis.settings if analysis is not None and analysis.step == measured_step else {},
        versions=versions,
        notes=(*notes, *damage),
        damage=tuple(damage),
    )


def _measures(
    rows: Sequence[dict[str, float]], summary: Summary, summed_up: int | None, steps_done: int
) -> tuple[dict[str, float], int | None]:
    """Return the newest evaluation and its step: of the rows or, where that is not older, of the summary."""
    evaluated = [row for row in rows if EVALUATED in row]
    measures, step = (dict(evaluated[-1]), int(evaluated[-1]["step"])) if evaluated else ({}, None)
    summary_step = summary.analysis.step if summary.analysis is not None else None
    summary_step = summed_up if summary_step is None else summary_step
    # A summary from before a resume is older than the rows.
    if EVALUATED in summary.numbers and summary_step is not None and summary_step >= (step or 0):
        measures, step = {}, summary_step
    if summed_up == steps_done or step == summary_step:
        measures |= summary.numbers
    return measures, step


def _read_settings(path: Path, notes: list[str]) -> tuple[TrainConfig, frozenset[str]]:
    """Return settings, without what is not known today, and the names of those that the file lacks."""
    if not path.is_file():
        raise SettingsError("it has no config.json")
    saved = read_settings(path, strict=False)
    if saved.lacking:
        notes.append(f"its settings lack {', '.join(sorted(saved.lacking))}; which came later")
    if saved.unknown:
        notes.append(f"its settings {', '.join(saved.unknown)} are not known to this version and are ignored")
    return saved.config, saved.lacking


def _step(value: float) -> int | None:
    return int(value) if math.isfinite(value) else None


def _newest_checkpoint(path: Path, most: int) -> int:
    """Return the step of the newest checkpoint up to the ``most`` steps that a run has."""
    return max((step for step in saved_steps(path) if step <= most), default=0)


def read_units(record: RunRecord) -> tuple[dict[str, Float], str]:
    """Read ``units.csv``, or else the newest evaluation: columns ``(unit,)``, and a note if nothing can be had."""
    path = record.path / "units.csv"
    if not path.exists():
        return _units_of_evaluation(record)
    try:
        columns = read_units_table(path)
    except UnreadableError as error:
        return {}, str(error)
    n_rows = len(next(iter(columns.values())))
    if n_rows != record.config.n_grid_cells:
        return {}, f"units.csv has {n_rows} rows, not one for each of {record.config.n_grid_cells} units"
    return columns, ""


def _units_of_evaluation(record: RunRecord) -> tuple[dict[str, Float], str]:
    arrays, note = read_evaluation(record, ("tau", "settled/score_60", "settled/spacing"))
    if note:
        return {}, note
    names = {"tau_steps": "tau", "score_60": "settled/score_60", "spacing_m": "settled/spacing"}
    return {name: arrays[key] for name, key in names.items()}, ""


def read_evaluation(record: RunRecord, keys: Sequence[str]) -> tuple[dict[str, Float], str]:
    """Read arrays of the evaluation that the measures are of, and a note if they cannot be had."""
    files = evaluation_files(record.path / "evaluation")
    if not files:
        return {}, "its folder holds no evaluation/, so no curves along long walks"
    if record.measured_step not in files:
        return {}, f"its folder holds no evaluation of step {record.measured_step}, so no curves along long walks"
    try:
        saved = SavedEvaluation(files[record.measured_step], keys)
        return {key: np.asarray(saved[key], dtype=np.float64) for key in keys}, ""
    except UnreadableError as error:
        return {}, str(error)


def list_table(found: Found, now: float | None = None) -> tuple[list[str], list[list[str]]]:
    """Table of runs, oldest first, as text: column names and rows."""
    measured = [f"{one.heading} (null)" if one.null else one.heading for one in LISTED]
    columns = ["name", "mode", "units", "seed", "steps", *measured, "began", "state"]
    rows = []
    for record in sorted(found.records, key=lambda one: one.started):
        config = record.config
        size = [config.describe(), str(config.n_grid_cells), str(config.seed), f"{record.steps_done}/{config.steps}"]
        told = [one.told_beside_null(record.measures) for one in LISTED]
        rows.append([record.name, *size, *told, _date(record.started), record.state(now)])
    return columns, rows


def _date(seconds: float) -> str:
    try:
        return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))
    except (ValueError, OverflowError, OSError):  # of a year that no calendar has
        return "-"
