"""The sheet explorer: one page that holds all of a run, opens from disk and asks nothing of any network."""

from __future__ import annotations

import html
import json
import math
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import colormaps

from topogrid.analysis import shift_band
from topogrid.analysis.maps.scores import RING_INNER
from topogrid.evaluation.gallery import chance_loss
from topogrid.evaluation.saved import evaluation_files
from topogrid.evaluation.theory import theory_line
from topogrid.figures.style import CIRCULAR_MAP
from topogrid.files import write_text_atomic
from topogrid.reports.explorer import words
from topogrid.reports.explorer.evaluations import ShownEvaluation, shown_evaluations
from topogrid.reports.explorer.sprites import MOST_LEVELS, coarse, exact, quantise, sprite
from topogrid.reports.run_files import read_rows
from topogrid.runs.folder import RunFolder
from topogrid.settings.config import TrainConfig
from topogrid.streams import numpy_generator
from topogrid.tables import plain

MOST_BYTES = 5_800_000
"""Size that a page stays below as long as the rate maps of its last evaluation alone do not fill it."""

FEWER_LEVELS, FEWEST_LEVELS = 62, 30  # of the maps before burn-in and of earlier steps: half and a third of the bytes
_EARLIER_BYTES = 1_600_000  # what the numbers of earlier evaluations may take
_EARLIER = {"score_60", "score_90", "grid_cell", "spacing", "orientation", "phase_1", "phase_2", "border", "peak_rate"}
# In the order in which they use one another.
_DATA_SCRIPTS = ("decode", "colour", "fields", "autocorrelogram")
_SCRIPTS = (*_DATA_SCRIPTS, "sheet", "unit", "brush", "means", "charts", "text", "interventions", "main")


def write_report(folder: RunFolder, config: TrainConfig) -> Path:
    """Write the explorer of a run from the files in its folder.

    Parameters
    ----------
    folder : RunFolder
        With at least one evaluation; whatever else is missing is left out of the page.
    config : TrainConfig
        Settings of the network that was evaluated.

    Returns
    -------
    Path
        ``report.html`` in the folder.

    Raises
    ------
    ValueError
        If there is no evaluation, or one that cannot be read or is of another network.
    OSError
        If the page cannot be written.
    """
    write_text_atomic(folder.report, page(folder.name, contents(folder, config)))
    return folder.report


def is_current(folder: RunFolder) -> bool:
    """Whether the page of a run is there and newer than all that it is made of."""
    if not folder.report.is_file():
        return False
    written = folder.report.stat().st_mtime
    sources = (
        folder.config_path,
        folder.metrics_path,
        folder.summary_path,
        words.interventions_path(folder),
        *evaluation_files(folder.evaluation).values(),
    )
    return all(path.stat().st_mtime <= written for path in sources if path.is_file())


def page(name: str, inside: dict[str, Any]) -> str:
    """Fill the template: the page of a run called ``name``."""
    # In a script element only `<` can end it; JSON may write it as an escape.
    data = json.dumps(inside, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
    scripts = "".join(_asset(f"{script}.js") for script in _SCRIPTS)
    parts = {"TITLE": html.escape(plain(name)), "STYLE": _asset("explorer.css"), "DATA": data, "SCRIPT": scripts}
    pieces = _asset("explorer.html").split("%%")
    # Filled in one pass, so that nothing in the data is taken for a place to fill.
    return "".join(parts[piece] if index % 2 else piece for index, piece in enumerate(pieces))


def _asset(name: str) -> str:
    return resources.files("topogrid.reports.explorer").joinpath("assets", name).read_text(encoding="utf-8")


def contents(folder: RunFolder, config: TrainConfig) -> dict[str, Any]:
    """Gather everything the page shows, as JSON takes it.

    Raises
    ------
    ValueError
        See `write_report`.
    """
    paths = list(evaluation_files(folder.evaluation).values())
    if not paths:
        raise ValueError(f"{folder.path} has no evaluation yet, which the page is made of; train it or `analyze` it")
    last = ShownEvaluation(paths[-1])
    if last.tau.size != config.n_grid_cells:
        raise ValueError(f"{paths[-1]} has {last.tau.size} units and its run {config.n_grid_cells}; `analyze` it again")
    damage: list[str] = []
    rows = read_rows(folder.metrics_path, damage) if folder.metrics_path.exists() else []
    found = words.findings(folder, config, rows, last.step)
    each = _size(_packed(last, exactly=False))
    earlier, left_out = shown_evaluations(_spread(paths[:-1], max(1, _EARLIER_BYTES // each)), config.n_grid_cells)
    inside = {
        "run": _run(folder, config, last),
        "facts": words.facts(found.row, config),
        "findings": words.gathered(found.sentences),
        "notes": [*found.notes, *damage, *left_out],
        "charts": words.charts(rows, chance_loss=chance_loss(config)),
        "long_walks": {name: words.finite(values) for name, values in last.long_walks().items()},
        "bands": {view: _band(last, view, config) for view in last.views},
        "interventions": words.interventions(folder),
        "settings": words.settings(config),
        "versions": words.versions(folder),
        "commands": words.commands(folder, config),
        "colours": _colour_tables(),
    }
    return inside | {"evaluations": _evaluations(earlier, last, config, MOST_BYTES - _size(inside))}


def _run(folder: RunFolder, config: TrainConfig, last: ShownEvaluation) -> dict[str, Any]:
    return {
        "name": folder.name,
        "kind": config.describe(),
        "tau": config.tau,
        "side": config.sheet_side,
        "modules": config.modules_per_side,
        "units": config.n_grid_cells,
        "box": config.box_size,
        "dt": config.dt,
        "tau_limits": [config.tau_min, config.tau_max],
        "steps": config.steps,
        "step": last.step,
        "seq_length": config.seq_length,
        "long_seconds": config.long_seconds,
        "theory": theory_line(config),
        "ring_inner": RING_INNER,
        "preset": config.preset,
        "seed": config.seed,
    }


def _band(last: ShownEvaluation, view: str, config: TrainConfig) -> dict[str, Any] | None:
    """Return medians of spacing along tau beside those of shifted maps."""
    side = (config.sheet_side, config.sheet_side)
    rng = numpy_generator(config.seed, "curves shown")
    band = shift_band(last.tau.reshape(side), last.measures(view)["spacing"].reshape(side), rng=rng)
    return None if band is None else {name: words.finite(values) for name, values in band._asdict().items()}


def _evaluations(
    earlier: list[ShownEvaluation], last: ShownEvaluation, config: TrainConfig, room: int
) -> list[dict[str, Any]]:
    """Pack evaluations, oldest first: the last in full, then what there is room for."""
    packed = [_packed(last, exactly=True)]
    _add_maps(packed[0], last, "settled", config, MOST_LEVELS, math.inf)
    packed += [_packed(one, exactly=False) for one in earlier]
    room -= _size(packed)
    room -= _add_maps(packed[0], last, "start", config, FEWER_LEVELS, room)
    for place in _coarse_to_fine(len(earlier)):
        evaluation = earlier[place]
        for view in evaluation.views:
            if evaluation.maps(view) is None:
                continue
            taken = _add_maps(packed[1 + place], evaluation, view, config, FEWEST_LEVELS, room)
            if not taken:  # the next ones would be as large
                return _in_order(packed)
            room -= taken
    return _in_order(packed)


def _in_order(packed: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(packed, key=lambda evaluation: int(evaluation["step"]))


def _packed(evaluation: ShownEvaluation, *, exactly: bool) -> dict[str, Any]:
    """Pack the numbers of an evaluation: all of them, or those that colour the sheet, in fewer bits."""
    pack = exact if exactly else coarse

    def view(name: str) -> dict[str, Any]:
        measures = evaluation.measures(name)
        return {key: pack(values) for key, values in measures.items() if exactly or key in _EARLIER}

    return {
        "step": evaluation.step,
        "burn_in": evaluation.burn_in,
        "tau": pack(evaluation.tau),
        "negative_share": None if evaluation.negative_share is None else pack(evaluation.negative_share),
        "views": {name: {"measures": view(name), "maps": None} for name in evaluation.views},
    }


def _add_maps(
    packed: dict[str, Any], evaluation: ShownEvaluation, view: str, config: TrainConfig, levels: int, room: float
) -> int:
    """Add the rate maps of a view with their peaks if they fit in ``room``; returns the bytes they take."""
    rates = evaluation.maps(view) if view in evaluation.views else None
    if rates is None:
        return 0
    maps = sprite(quantise(rates, levels))
    peaks = evaluation.peaks(view, config.box_size)
    # The middle axis is the sum of the other two.
    maps["axes"] = [coarse(peaks.axes[:, axis, side]) for axis in (0, 2) for side in (0, 1)]
    maps["ring"] = coarse(peaks.ring)
    taken = _size(maps)
    if taken > room:
        return 0
    packed["views"][view]["maps"] = maps
    return taken


def _spread(paths: list[Path], most: int) -> list[Path]:
    """Return at most ``most`` of the paths, evenly spread, the first among them."""
    if len(paths) <= most:
        return paths
    return [paths[index * len(paths) // most] for index in range(most)]


def _coarse_to_fine(count: int) -> Iterator[int]:
    """Yield all places below ``count``, the middle one first, then those of the halves: the first few are far apart."""
    spans = [(0, count)]
    while spans:
        low, high = spans.pop(0)
        if low < high:
            middle = (low + high) // 2
            yield middle
            spans += [(low, middle), (middle + 1, high)]


def _size(part: object) -> int:
    return len(json.dumps(part))


def _colour_tables() -> dict[str, str]:
    """Return colour maps as 256 times six hexadecimal digits."""
    maps = {name: colormaps[name] for name in ("viridis", "cividis", "magma")} | {"circular": CIRCULAR_MAP}
    tables = {name: np.rint(255 * colour_map(np.linspace(0, 1, 256))[:, :3]) for name, colour_map in maps.items()}
    return {name: table.astype(np.uint8).tobytes().hex() for name, table in tables.items()}
