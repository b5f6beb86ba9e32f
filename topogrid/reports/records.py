"""What is on disk of a run: whole run folders and published records, read without a network, old and torn ones too."""

from __future__ import annotations

import csv
import dataclasses
import json
import math
import time
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from topogrid.runs.checkpoints import CHECKPOINT_NAME
from topogrid.runs.metrics_log import current_metrics, read_metrics
from topogrid.settings.config import TrainConfig
from topogrid.settings.errors import SettingsError
from topogrid.settings.saved import read_settings

Float = NDArray[np.float64]

EVALUATED = "validation/trajectory_error_cm"
"""A row of metrics that has it, and a summary, is of an evaluation."""

_QUIET_SECONDS = 600.0  # a run that wrote nothing for longer is not running, unless it always was as slow
_SLOWER = 3.0  # times the longest wait between two rows so far
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
        What could not be read.
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

    @property
    def finished(self) -> bool:
        """Whether all steps that were asked for are trained and the last was evaluated."""
        return self.steps_done >= self.config.steps and self.measured_step == self.steps_done

    @property
    def started(self) -> float:
        """When the run began, seconds since 1970."""
        stamps = [row["time"] for row in self.rows if math.isfinite(row.get("time", math.nan))]
        return stamps[0] if stamps else (self.path / "config.json").stat().st_mtime

    def state(self, now: float | None = None) -> str:
        """Return ``finished``, ``running`` or ``stopped``; running is one that wrote something not long ago."""
        if self.finished:
            return "finished"
        stamps = [row["time"] for row in self.rows if math.isfinite(row.get("time", math.nan))]
        longest = max((late - early for early, late in pairwise(stamps)), default=0.0)
        written = [path.stat().st_mtime for path in self.path.iterdir() if path.name != "units.csv"]
        quiet = (time.time() if now is None else now) - max(written)
        ended = self.measures.get("train/steps_done") == self.steps_done  # written last of all, also after a signal
        return "stopped" if ended or quiet > max(_QUIET_SECONDS, _SLOWER * longest) else "running"


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
    config, unknown = _read_settings(path / "config.json", notes)
    rows = _read_rows(path / "metrics.jsonl", notes)
    summary = current_metrics(_read_object(path / "summary.json", notes))
    evaluated = [row for row in rows if EVALUATED in row]
    measures, measured_step = (dict(evaluated[-1]), int(evaluated[-1]["step"])) if evaluated else ({}, None)
    steps_done = max([int(row["step"]) for row in rows if "step" in row], default=0)
    analysis = summary.pop("analysis", {})
    if not isinstance(analysis, dict):
        analysis = {}
    summed_up = _whole(summary.get("train/steps_done"))
    steps_done = max(steps_done, summed_up or 0, _newest_checkpoint(path))
    summary_step = _whole(analysis.get("step")) or summed_up
    # A summary from before a resume is older than the rows.
    if EVALUATED in summary and summary_step is not None and summary_step >= (measured_step or 0):
        measures, measured_step = {}, summary_step
    if summed_up == steps_done or measured_step == summary_step:
        measures |= {key: _number(value) for key, value in summary.items()}
    return RunRecord(
        path=path,
        name=name,
        config=config,
        unknown=unknown,
        rows=rows,
        measures=measures,
        measured_step=measured_step,
        steps_done=steps_done,
        measured_with=dict(analysis.get("settings") or {}) if measured_step == _whole(analysis.get("step")) else {},
        versions={key: str(value) for key, value in _read_object(path / "versions.json", notes).items()},
        notes=tuple(notes),
    )


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


def _read_rows(path: Path, notes: list[str]) -> list[dict[str, float]]:
    if not path.is_file():
        notes.append("it has no metrics.jsonl, so no curves")
    try:
        return read_metrics(path)
    except ValueError as error:
        notes.append(f"its curves are left out: {error}")
        return []


def _read_object(path: Path, notes: list[str]) -> dict[str, Any]:
    """Return the object in a JSON file, empty if there is none."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        notes.append(f"{path.name} cannot be read: {error}")
        return {}
    return value if isinstance(value, dict) else {}


def _whole(value: object) -> int | None:
    return int(value) if isinstance(value, int | float) and math.isfinite(value) else None


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else math.nan


def _newest_checkpoint(path: Path) -> int:
    names = (CHECKPOINT_NAME.fullmatch(file.name) for file in (path / "checkpoints").glob("*.pt"))
    return max((int(match[1]) for match in names if match), default=0)


def read_units(record: RunRecord) -> tuple[dict[str, Float], str]:
    """Read ``units.csv``, or else the newest evaluation: columns ``(unit,)``, and a note if nothing can be had."""
    path = record.path / "units.csv"
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        columns = {name: np.array([float(row[name] or "nan") for row in rows]) for name in rows[0] if name}
    except FileNotFoundError:
        return _units_of_evaluation(record)
    except (OSError, ValueError, TypeError, IndexError) as error:
        return {}, f"{path.name} cannot be read: {error}"
    if len(rows) != record.config.n_grid_cells:
        return {}, f"units.csv has {len(rows)} rows, not one for each of {record.config.n_grid_cells} units"
    return columns, ""


def _units_of_evaluation(record: RunRecord) -> tuple[dict[str, Float], str]:
    arrays, note = read_evaluation(record, ("tau", "settled/score_60", "settled/spacing"))
    if note:
        return {}, note
    names = {"tau_steps": "tau", "score_60": "settled/score_60", "spacing_m": "settled/spacing"}
    return {name: arrays[key] for name, key in names.items()}, ""


def read_evaluation(record: RunRecord, keys: Sequence[str]) -> tuple[dict[str, Float], str]:
    """Read arrays of the newest evaluation, and a note if they cannot be had."""
    files = sorted((record.path / "evaluation").glob("step_*.npz"))
    if not files:
        return {}, "its folder holds no evaluation/, so no curves along long walks"
    try:
        with np.load(files[-1], allow_pickle=False) as kept:
            return {key: np.asarray(kept[key], dtype=np.float64) for key in keys}, ""
    except (OSError, ValueError, KeyError, EOFError) as error:
        return {}, f"evaluation/{files[-1].name} cannot be read: {error}"
    except Exception as error:  # a torn archive raises zipfile's and zlib's own errors
        return {}, f"evaluation/{files[-1].name} is damaged: {error}"


def list_table(found: Found, now: float | None = None) -> tuple[list[str], list[list[str]]]:
    """Table of runs, oldest first, as text: column names and rows."""
    columns = ["name", "mode", "units", "seed", "steps", "error cm", "GS > 0.3 % (null)", "began", "state"]
    rows = []
    for record in sorted(found.records, key=lambda one: one.started):
        config, told = record.config, record.measures
        began = time.strftime("%Y-%m-%d %H:%M", time.localtime(record.started))
        steps = f"{record.steps_done}/{config.steps}"
        size = [config.describe(), str(config.n_grid_cells), str(config.seed), steps]
        rows.append([record.name, *size, _told(told, EVALUATED), _told_share(told), began, record.state(now)])
    return columns, rows


def _told(measures: Mapping[str, float], key: str, factor: float = 1.0) -> str:
    value = factor * measures.get(key, math.nan)
    return f"{value:.1f}" if math.isfinite(value) else "-"


def _told_share(measures: Mapping[str, float]) -> str:
    share, null = (_told(measures, f"validation/{which}share_above_0.3", 100) for which in ("", "null_"))
    return f"{share} ({null})" if share != "-" else "-"
