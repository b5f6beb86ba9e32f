"""Open whatever was trained, measure it again and write down what was found."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from topogrid.evaluation.claims import claims
from topogrid.evaluation.evaluate import Evaluation, evaluate
from topogrid.evaluation.gallery import coupling_of, draw_evaluation
from topogrid.evaluation.saved import save_evaluation, unit_rows
from topogrid.evaluation.summary import summarise
from topogrid.figures import save_figure
from topogrid.files import check_writable, write_json_atomic, write_text_atomic
from topogrid.interventions.interventions import Subject
from topogrid.measures import FIGURES
from topogrid.runs.folder import RunFolder
from topogrid.runs.metrics_log import read_metrics
from topogrid.settings.config import TrainConfig
from topogrid.settings.errors import SettingsError
from topogrid.tables import to_csv
from topogrid.trained.original import SETTINGS, open_bare
from topogrid.trained.safetensors import SUFFIX, import_weights
from topogrid.trained.trained import load_run

MEASUREMENT_SETTINGS = ("eval_walks", "eval_burn_in", "long_seconds", "long_walks", "place_feedback")
"""Settings of the evaluation that may differ from the run's; bins are given on their own."""


class Opened(NamedTuple):
    """A trained network, and where what is found out about it goes."""

    subject: Subject
    folder: RunFolder
    source: str
    """What was opened."""
    knows_places: bool = True
    knows_training: bool = True
    """Whether the settings are those of training, and not defaults."""
    notes: tuple[str, ...] = ()
    """What a reader of the measurements has to know, one sentence each."""


class Reanalysis(NamedTuple):
    """What was measured."""

    evaluation: Evaluation
    """At the first number of bins."""
    rows: dict[int, dict[str, float]]
    """By number of bins, the first one first: all measures by their tracked names."""
    sentences: list[str]
    """What can and cannot be claimed, from the first number of bins."""


def open_trained(
    path: str | Path,
    *,
    checkpoint: str | Path | None = None,
    settings: Mapping[str, Any] | None = None,
    place_cells: str | Path | None = None,
    out: str | Path | None = None,
) -> Opened:
    """Open the folder of a run, one of its checkpoints, an exported file, or a bare checkpoint, ours or the original's.

    Parameters
    ----------
    path : str or Path
        What to open.
    checkpoint : str or Path, optional
        One checkpoint of the run at ``path``; its newest by default.
    settings : mapping, optional
        `MEASUREMENT_SETTINGS`, ``eval_bins``, and for a bare checkpoint `topogrid.trained.original.SETTINGS`.
    place_cells : str or Path, optional
        Centres of an original checkpoint; see `topogrid.trained.original.read_centres`.
    out : str or Path, optional
        Folder of the results: by default the run's own, or ``<stem>_analysis`` beside a bare checkpoint.

    Returns
    -------
    Opened

    Raises
    ------
    SettingsError
        If a setting cannot be used, or contradicts what the run knows itself.
    CheckpointError, ValueError
        If there is nothing to open; see `load_run` and `open_bare`.
    OSError
        If the folder of the results cannot be written.
    """
    path, settings = Path(path), dict(settings or {})
    run = _run_of(path)
    if run is not None:
        _refuse_known(run, settings, place_cells)
        loaded = load_run(run, path if path.is_file() else checkpoint)
        config = dataclasses.replace(loaded.config, **settings)
        subject = Subject(loaded.network, loaded.place_cells, config, loaded.step)
        return Opened(subject, loaded.folder if out is None else _results_folder(out), f"{run}, step {loaded.step}")
    if checkpoint is not None:
        raise SettingsError(f"{path} is a checkpoint itself; leave --checkpoint out")
    if path.suffix == SUFFIX:
        return _open_exported(path, settings, place_cells, out)
    bare = open_bare(path, settings, place_cells=place_cells)
    folder = _results_folder(path.with_name(f"{path.stem}_analysis") if out is None else out)
    subject = Subject(bare.network, bare.place_cells, bare.config, bare.step)
    return Opened(subject, folder, str(path), bare.knows_places, knows_training=False, notes=bare.notes)


def _open_exported(
    path: Path, settings: dict[str, Any], place_cells: str | Path | None, out: str | Path | None
) -> Opened:
    _refuse_known(path, settings, place_cells)
    imported = import_weights(path)
    folder = _results_folder(path.with_name(f"{path.stem}_analysis") if out is None else out)
    config = dataclasses.replace(imported.config, **settings)
    return Opened(Subject(imported.network, imported.place_cells, config, imported.step), folder, str(path))


def _refuse_known(path: Path, settings: Mapping[str, Any], place_cells: str | Path | None) -> None:
    foreign = [name for name in SETTINGS if name in settings] + ["place_cells"] * (place_cells is not None)
    if foreign:
        raise SettingsError(f"{path} knows its own {', '.join(foreign)}; leave --{' --'.join(foreign)} out")


def _run_of(path: Path) -> Path | None:
    """Return the folder of the run that a path belongs to; ``None`` for a bare checkpoint."""
    if not path.is_file():
        return path
    inside = path.parent.name == "checkpoints" and (path.parent.parent / "config.json").is_file()
    return path.parent.parent if inside else None


def _results_folder(path: str | Path) -> RunFolder:
    check_writable(path)
    folder = RunFolder(Path(path), Path(path) / "figures")
    if folder.config_path.is_file():
        raise SettingsError(f"{path} is the folder of a run, whose measurements would be lost; give another --out")
    return folder


def measure_again(opened: Opened, bins: Sequence[int]) -> Reanalysis:
    """Measure on the same held-out walks at every number of bins.

    Parameters
    ----------
    opened : Opened
    bins : sequence of int
        Bins along the longer side of a rate map; the first number is the one that all files and figures are of.

    Returns
    -------
    Reanalysis

    Raises
    ------
    SettingsError
        If a number of bins is out of range.
    ValueError
        If there is none.
    """
    subject = opened.subject
    # All are checked before the first is measured.
    configs = {count: dataclasses.replace(subject.config, eval_bins=count) for count in bins}

    def measured(count: int) -> tuple[Evaluation, dict[str, float]]:
        evaluation = evaluate(subject.network, subject.place_cells, configs[count], step=subject.step)
        return evaluation, summarise(evaluation, configs[count])

    main, *others = configs
    evaluation, row = measured(main)
    rows = {main: row} | {count: measured(count)[1] for count in others}
    return Reanalysis(
        evaluation,
        rows,
        claims(row, configs[main], knows_places=opened.knows_places, knows_training=opened.knows_training),
    )


def write_results(opened: Opened, result: Reanalysis, *, figure_format: str = "png") -> None:
    """Write ``units.csv``, ``evaluation/step_<step>.npz``, the figures (also as ``pdf``) and ``summary.json``.

    Raises
    ------
    OSError
        If the disk does not take them.
    """
    folder, evaluation = opened.folder, result.evaluation
    row = next(iter(result.rows.values()))
    config = dataclasses.replace(opened.subject.config, eval_bins=next(iter(result.rows)))
    for place in (folder.evaluation, folder.figures, folder.gallery):
        place.mkdir(parents=True, exist_ok=True)
    write_text_atomic(folder.units_csv, to_csv(*unit_rows(evaluation, config)))
    save_evaluation(evaluation, folder.evaluation / f"step_{evaluation.step:08d}.npz")
    trained = read_metrics(folder.metrics_path)
    for key, figure in draw_evaluation(evaluation, config, rows=trained, coupling=coupling_of(row)).items():
        for place in {folder.figures, folder.gallery}:
            save_figure(figure, place / FIGURES[key].file, figure_format=figure_format)
    write_json_atomic(folder.summary_path, _of_training(folder, evaluation.step) | _summary(opened, config, result))


def _summary(opened: Opened, config: TrainConfig, result: Reanalysis) -> dict[str, Any]:
    """Return the measures, and under ``analysis`` how they were taken and what they mean; JSON knows no NaN."""
    rows = {
        count: {name: value if math.isfinite(value) else None for name, value in row.items()}
        for count, row in result.rows.items()
    }
    return next(iter(rows.values())) | {
        "analysis": {
            "of": opened.source,
            "step": result.evaluation.step,
            "burn_in": result.evaluation.burn_in,
            "settings": {name: getattr(config, name) for name in ("eval_bins", *MEASUREMENT_SETTINGS, *SETTINGS)},
            "by_bins": {str(count): row for count, row in rows.items()},
            "notes": list(opened.notes),
            "claims": result.sentences,
        }
    }


def _of_training(folder: RunFolder, step: int) -> dict[str, Any]:
    """Return what a run's ``summary.json`` says about its training, if that ended at ``step``."""
    try:
        before = json.loads(folder.summary_path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(before, dict) or before.get("train/steps_done") != step:
        return {}
    return {name: value for name, value in before.items() if name != "analysis"}


def bins_table(rows: Mapping[int, Mapping[str, float]]) -> tuple[list[str], list[list[str]]]:
    """Return the shares at each number of bins as text, the null's in brackets: column names and rows."""

    def share(row: Mapping[str, float], name: str) -> str:
        found, null = (100 * row[f"validation/{which}{name}"] for which in ("", "null_"))
        return f"{found:.1f} ({null:.1f})"

    columns = ["bins", "GS > 0.3 %", "GS > 0.8 %", "grid cells %", "spacing m", "no spacing %"]
    return columns, [
        [
            str(count),
            *(share(row, name) for name in ("share_above_0.3", "share_above_0.8", "share_gate")),
            f"{row['validation/grid_cell_spacing_m']:.3f}".replace("nan", "-"),
            f"{100 * row['validation/spacing_nan_share']:.1f}",
        ]
        for count, row in rows.items()
    ]
