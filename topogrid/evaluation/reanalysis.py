"""Open whatever was trained, measure it again and write down what was found."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from topogrid.evaluation.evaluate import STAGES
from topogrid.evaluation.gallery import draw_evaluation
from topogrid.evaluation.measured import Measured, described, measure, measured_config
from topogrid.evaluation.saved import evaluation_path, save_evaluation, unit_rows
from topogrid.figures.style import contents
from topogrid.files import check_writable, write_bytes_atomic, write_json_atomic, write_text_atomic
from topogrid.measures import FIGURES
from topogrid.measures.shown import BY_BINS
from topogrid.measures.training import STEPS_DONE
from topogrid.reading import UnreadableError, read_object
from topogrid.runs.folder import RunFolder
from topogrid.runs.metrics_log import read_metrics
from topogrid.settings.errors import SettingsError
from topogrid.tables import to_csv
from topogrid.trained.trained import Trained

Progress = Callable[[str, int, int], None]


def results_folder(trained: Trained, path: str | Path, out: str | Path | None = None) -> RunFolder:
    """Return where results go: into the run, ``out``, or ``<stem>_analysis`` beside a file that is of no run.

    Raises
    ------
    SettingsError
        If ``out`` is the folder of a run.
    OSError
        If the folder cannot be written, or a folder in it is a link.
    """
    if out is None and trained.folder is not None:
        trained.folder.check_own()
        check_writable(trained.folder.path)
        check_writable(trained.folder.gallery)
        return trained.folder
    place = Path(path).with_name(f"{Path(path).stem}_analysis") if out is None else Path(out)
    check_writable(place)
    folder = RunFolder(place, place / "figures")
    if folder.config_path.is_file():
        raise SettingsError(f"{place} is the folder of a run, whose measurements would be lost; give another --out")
    folder.check_own()
    return folder


def measure_again(trained: Trained, bins: Sequence[int], progress: Progress = lambda *_: None) -> Measured:
    """Measure as `measured.measure` does, and say how far that is.

    Parameters
    ----------
    trained : Trained
    bins : sequence of int
        Bins along the longer side of a rate map; the first number is the one that all files and figures are of.
    progress : callable
        Told the name of each part that is done, its number from 1, and how many there are.

    Raises
    ------
    SettingsError
        If a number of bins is out of range.
    """
    parts = [f"{stage}, {count} bins" for count in bins for stage in STAGES]
    begun: list[str] = []

    def begin(stage: str) -> None:
        """Tell of the part before, which is done when the next begins."""
        if begun:
            progress(parts[len(begun) - 1], len(begun), len(parts))
        begun.append(stage)

    found = measure(trained, bins, begin)
    progress(parts[-1], len(parts), len(parts))
    return found


def write_results(trained: Trained, folder: RunFolder, result: Measured, *, figure_format: str = "png") -> None:
    """Write ``units.csv``, ``evaluation/step_<step>.npz``, the figures (also as ``pdf``) and ``summary.json``.

    Raises
    ------
    OSError
        If the disk does not take them.
    """
    evaluation = result.evaluation
    config = measured_config(trained, result)
    # What takes long comes first: whoever stops it there leaves numbers and pictures that are all of one measurement.
    curves = read_metrics(folder.metrics_path)
    pictures: dict[Path, bytes] = {}
    for key, figure in draw_evaluation(evaluation, config, rows=curves, summary=result.summary).items():
        pictures |= contents(figure, Path(FIGURES[key].file), figure_format=figure_format)
    units = to_csv(*unit_rows(evaluation, config))
    summed_up = _of_training(folder, evaluation.step) | result.row | {"analysis": described(trained, result)}
    for place in (folder.evaluation, folder.figures, folder.gallery):
        place.mkdir(parents=True, exist_ok=True)
    save_evaluation(evaluation, evaluation_path(folder.evaluation, evaluation.step))
    write_text_atomic(folder.units_csv, units)
    write_json_atomic(folder.summary_path, summed_up)
    for file, content in pictures.items():
        for place in {folder.figures, folder.gallery}:
            write_bytes_atomic(place / file, content)


def _of_training(folder: RunFolder, step: int) -> dict[str, Any]:
    """Return what a run's ``summary.json`` says about its training, if that ended at ``step``."""
    try:
        before = read_object(folder.summary_path)
    except UnreadableError:
        return {}
    if before.get(STEPS_DONE.key) != step:
        return {}
    return {name: value for name, value in before.items() if name != "analysis"}


def bins_table(rows: Mapping[int, Mapping[str, float]]) -> tuple[list[str], list[list[str]]]:
    """Return the shares at each number of bins as text, the null's in brackets: column names and rows."""
    return ["bins", *(one.heading for one in BY_BINS)], [
        [str(count), *(one.told_beside_null(row) for one in BY_BINS)] for count, row in rows.items()
    ]
