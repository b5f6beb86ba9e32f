"""The words and numbers of a page beside its units: findings, learning curves, settings, versions, commands."""

from __future__ import annotations

import base64
import dataclasses
import math
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from topogrid.evaluation.claims import claims
from topogrid.measures.decoding import ERROR, LONG_ERROR, PREDICTED_SPACING, STILL_LONG, STILL_SHORT
from topogrid.measures.maps import ABOVE_03, ABOVE_08, GRID_CELLS, NULL_03, NULL_08, SPACING
from topogrid.measures.shown import CHARTS, CROSS_ENTROPY_LINE, Line
from topogrid.measures.training import STEPS_DONE
from topogrid.reading import UnreadableError, number, read_bytes
from topogrid.reports.run_files import read_headline, read_summary, read_versions
from topogrid.runs.folder import RunFolder
from topogrid.settings.config import TrainConfig
from topogrid.settings.fields import GROUPS

Row = Mapping[str, float]

_MOST_POINTS = 400  # of a curve: finer than a screen shows
_MOST_PICTURE_BYTES = 2_000_000  # of interventions; a page stays below three times that


def charts(rows: Sequence[Row], *, chance_loss: float | None = None) -> list[dict[str, Any]]:
    """Return the learning curves, thinned to what a screen shows; charts without a number are left out."""
    drawn = []
    for chart in CHARTS:
        series = [_series(rows, line) for line in chart.lines]
        there = [line for line in series if line["steps"]]
        if there:
            level = _level(there, chance_loss) if chart.of_loss else None
            drawn.append(
                {"title": chart.title, "unit": chart.unit, "log": chart.logarithmic, "level": level, "series": there}
            )
    return drawn


def _level(there: Sequence[Mapping[str, Any]], chance_loss: float | None) -> dict[str, float] | None:
    """Return the loss of a network that has learned nothing, and from which step on there is a loss like it."""
    begins = [line["steps"][0] for line in there if line["label"] == CROSS_ENTROPY_LINE.label]
    return {"value": chance_loss, "first": begins[0]} if begins and chance_loss is not None else None


def _series(rows: Sequence[Row], line: Line) -> dict[str, Any]:
    """Return one line; of two rows of one step, as after a resume, the later counts."""
    found = ((int(row["step"]), line.measure.of(row)) for row in rows)
    values = {step: value for step, value in found if math.isfinite(value)}
    steps = _thinned(sorted(values))
    return {
        "label": line.label,
        "look": line.look,
        "steps": steps,
        "values": [float(f"{values[step]:.6g}") for step in steps],
    }


def _thinned(steps: list[int]) -> list[int]:
    """Return at most `_MOST_POINTS` of the steps, the first and the last among them."""
    if len(steps) <= _MOST_POINTS:
        return steps
    stride = (len(steps) - 1) / (_MOST_POINTS - 1)
    return [steps[round(index * stride)] for index in range(_MOST_POINTS)]


def facts(row: Row, config: TrainConfig) -> list[tuple[str, str]]:
    """Return the main numbers of a run as they are shown: each with its unit, and a few words; those there are."""
    theory = PREDICTED_SPACING.of(row)
    told = (
        (ERROR, "cm", f"error over {config.seq_length} steps (sitting still {STILL_SHORT.told(row)} cm)"),
        (LONG_ERROR, "cm", f"error over {config.long_seconds:g} s (sitting still {STILL_LONG.told(row)} cm)"),
        (ABOVE_03, "%", f"of units score above 0.3 (noise {NULL_03.told(row)} %)"),
        (ABOVE_08, "%", f"of units score above 0.8 (noise {NULL_08.told(row)} %)"),
        (GRID_CELLS, "%", "are grid cells, beyond the null"),
        (SPACING, "m", "median spacing" + (f" (theory {theory:.3f} m)" if math.isfinite(theory) else "")),
    )
    return [(f"{measure.told(row)} {unit}", words) for measure, unit, words in told if measure.told(row) != "-"]


def gathered(sentences: Sequence[str]) -> list[str]:
    """Say once why several things cannot be said, in place of the first of them."""
    reasons: dict[str, list[str]] = {}
    for one in filter(None, map(_CANNOT.fullmatch, sentences)):
        reasons.setdefault(one[2], []).append(one[1])
    told = []
    for sentence in sentences:
        found = _CANNOT.fullmatch(sentence)
        if found is None or len(reasons[found[2]]) == 1:
            told.append(sentence)
        elif reasons[found[2]][0] == found[1]:
            told.append(f"{', '.join(reasons[found[2]])}: cannot be said, {found[2]}")
    return told


_CANNOT = re.compile(r"([^:]+): cannot be said[^,]*, (.+)")


class Findings(NamedTuple):
    """What was measured at a step, and what it lets a person say."""

    row: dict[str, float]
    sentences: list[str]
    notes: list[str]


def findings(folder: RunFolder, config: TrainConfig, rows: Sequence[Row], step: int) -> Findings:
    """Find the measures of a step where the run wrote them: a later analysis, its summary, else its metrics.

    Parameters
    ----------
    folder : RunFolder
    config : TrainConfig
        Of the network; the sentences are made with it.
    rows : sequence of mapping
        Of ``metrics.jsonl``.
    step : int
        The evaluation that the page is about.
    """
    notes: list[str] = []
    summary = read_summary(folder.summary_path, notes)
    analysis = summary.analysis
    if analysis is not None and analysis.step == step and analysis.claims:
        return Findings(summary.numbers, analysis.claims, [*analysis.notes, *notes])
    if STEPS_DONE.of(summary.numbers) == step and ERROR.key in summary.numbers:
        return Findings(summary.numbers, claims(summary.numbers, config), notes)
    measured = [row for row in rows if row["step"] == step and ERROR.key in row]
    row = dict(measured[-1]) if measured else {}
    return Findings(row, claims(row, config) if row else [], notes)


def settings(config: TrainConfig) -> list[dict[str, Any]]:
    """Return all settings with what they mean, and whether they differ from the defaults."""
    return [
        {
            "group": GROUPS[field.metadata["group"]],
            "name": field.name,
            "value": _words(getattr(config, field.name)),
            "unit": field.metadata["unit"],
            "help": field.metadata["help"],
            "changed": getattr(config, field.name) != field.default,
        }
        for field in dataclasses.fields(config)
    ]


def _words(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return " ".join(map(_words, value)) or "-"
    return str(value) or "-"


def versions(folder: RunFolder) -> dict[str, str]:
    """Return what the run wrote down about the machine and its software, but for the command."""
    found = read_versions(folder.versions_path, [])
    return {name: value for name, value in found.items() if name != "command"}


def commands(folder: RunFolder, config: TrainConfig) -> list[tuple[str, str]]:
    """Return what made the run, and what can be done with it: a few words and a command line each."""
    if not folder.config_path.is_file():
        return []
    script, *arguments = read_versions(folder.versions_path, []).get("command", "").split(" ")
    script = Path(script).name.replace("__main__.py", "topogrid")
    program = [script] if script == "topogrid" else ["python", script]
    made = [("made by", " ".join([*program, *arguments]))] if script else []
    path = shlex.quote((Path(config.save_dir) / folder.name).as_posix())
    return [
        *made,
        ("measure it again", f"topogrid analyze {path}"),
        ("change one thing at a time", f"topogrid intervene {path}"),
        ("follow a recorded walk", f"topogrid follow {path} sargolini"),
        ("train it for longer", f"topogrid train --resume {path} --steps {2 * config.steps}"),
        ("open this page", f"topogrid open {path}"),
    ]


def interventions_path(folder: RunFolder) -> Path:
    """Return the file that tells, module by module, what interventions predicted and what was measured."""
    return folder.path / "interventions" / "headline.json"


def interventions(folder: RunFolder) -> dict[str, Any] | None:
    """Return what interventions did, with their picture as a data URI; ``None`` where there are none to read."""
    told, picture = read_headline(interventions_path(folder))
    outcomes = [_outcome(one) for one in told]
    return {"outcomes": outcomes, "picture": _picture(folder, picture)} if outcomes else None


def _outcome(one: Mapping[str, Any]) -> dict[str, Any]:
    words = {name: one.get(name, "") for name in ("name", "about", "note")}
    numbers = {name: finite([number(one.get(name))])[0] for name in ("median_deviation", "score_above_0.8")}
    lists = {name: finite(map(number, one.get(name, []))) for name in ("before_m", "predicted_m", "measured_m")}
    return {**words, **numbers, **lists}


def _picture(folder: RunFolder, name: str) -> str | None:
    """Return a PNG of the run folder as a data URI; ``None`` for one that is missing or lies elsewhere."""
    path = folder.path / name
    if path.suffix != ".png" or not path.resolve().is_relative_to(folder.path.resolve()):
        return None
    try:
        content = read_bytes(path, _MOST_PICTURE_BYTES)
    except UnreadableError:
        return None
    return f"data:image/png;base64,{base64.b64encode(content).decode('ascii')}"


def finite(values: Iterable[float]) -> list[float | None]:
    """Return numbers for JSON, which has no NaN: null stands for it."""
    return [float(f"{value:.6g}") if math.isfinite(value) else None for value in values]
