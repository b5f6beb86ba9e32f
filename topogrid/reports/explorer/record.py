"""The words and numbers of a page beside its units: findings, learning curves, settings, versions, commands."""

from __future__ import annotations

import base64
import dataclasses
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from topogrid.evaluation.claims import claims
from topogrid.runs.folder import RunFolder
from topogrid.runs.metrics_log import current_metrics, read_metrics
from topogrid.settings.config import TrainConfig
from topogrid.settings.fields import GROUPS

Row = Mapping[str, float]

_MOST_POINTS = 400  # of a curve: finer than a screen shows


class Series(NamedTuple):
    """A line of a chart: the tracked name, what to call it, and its look, a class of the style sheet."""

    key: str
    label: str
    look: str


class Chart(NamedTuple):
    """Lines that share an axis."""

    title: str
    unit: str
    series: tuple[Series, ...]
    logarithmic: bool = False
    factor: float = 1.0
    """Multiplies the tracked numbers."""


CHARTS = (
    Chart(
        "Loss",
        "nats",
        (Series("train/ce_loss", "cross-entropy", "main"), Series("train/total_loss", "total loss", "faint")),
    ),
    Chart(
        "Decoding error",
        "cm",
        (
            Series("validation/trajectory_error_cm", "held-out walks", "main"),
            Series("train/position_error_cm", "training walks", "faint"),
            Series("validation/long_error_cm", "long walks", "second"),
            Series("validation/hold_still_error_cm", "long walks, sitting still", "null"),
        ),
        logarithmic=True,
    ),
    Chart(
        "Units by grid score",
        "% of all units",
        (
            Series("validation/share_above_0.3", "above 0.3", "main"),
            Series("validation/null_share_above_0.3", "noise above 0.3", "null"),
            Series("validation/share_above_0.8", "above 0.8", "second"),
            Series("validation/null_share_above_0.8", "noise above 0.8", "null2"),
        ),
        factor=100,
    ),
    Chart(
        "Time constants",
        "steps",
        (
            Series("tau/mean", "mean", "main"),
            Series("tau/min", "smallest", "faint"),
            Series("tau/max", "largest", "faint"),
        ),
    ),
    Chart("Learning rate", "", (Series("train/lr", "learning rate", "main"),)),
)


def charts(rows: Sequence[Row], *, chance_loss: float | None = None) -> list[dict[str, Any]]:
    """Return the learning curves, thinned to what a screen shows; charts without a number are left out."""
    drawn = []
    for chart in CHARTS:
        series = [_series(rows, line, chart.factor) for line in chart.series]
        there = [line for line in series if line["steps"]]
        if there:
            level = chance_loss if chart.title == "Loss" else None
            drawn.append(
                {"title": chart.title, "unit": chart.unit, "log": chart.logarithmic, "level": level, "series": there}
            )
    return drawn


def _series(rows: Sequence[Row], line: Series, factor: float) -> dict[str, Any]:
    """Return one line; of two rows of one step, as after a resume, the later counts."""
    values = {int(row["step"]): row[line.key] for row in rows if math.isfinite(row.get(line.key, math.nan))}
    steps = _thinned(sorted(values))
    return {
        "label": line.label,
        "look": line.look,
        "steps": steps,
        "values": [float(f"{factor * values[step]:.6g}") for step in steps],
    }


def _thinned(steps: list[int]) -> list[int]:
    """Return at most `_MOST_POINTS` of the steps, the first and the last among them."""
    if len(steps) <= _MOST_POINTS:
        return steps
    stride = (len(steps) - 1) / (_MOST_POINTS - 1)
    return [steps[round(index * stride)] for index in range(_MOST_POINTS)]


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
    summary = current_metrics(_read_json(folder.summary_path))
    numbers = {name: math.nan if value is None else value for name, value in summary.items() if name != "analysis"}
    analysis = summary.get("analysis")
    if isinstance(analysis, dict) and analysis.get("step") == step:
        return Findings(numbers, list(analysis["claims"]), list(analysis["notes"]))
    if summary.get("train/steps_done") == step and "validation/trajectory_error_cm" in numbers:
        return Findings(numbers, claims(numbers, config), [])
    measured = [row for row in rows if row["step"] == step and "validation/trajectory_error_cm" in row]
    row = dict(measured[-1]) if measured else {}
    return Findings(row, claims(row, config) if row else [], [])


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
    found = _read_json(folder.versions_path)
    return {name: str(value) for name, value in found.items() if name != "command"}


def commands(folder: RunFolder, config: TrainConfig) -> list[tuple[str, str]]:
    """Return what made the run, and what can be done with it: a few words and a command line each."""
    if not folder.config_path.is_file():
        return []
    script, *arguments = _read_json(folder.versions_path).get("command", "").split(" ")
    made = [("made by", " ".join(["python", Path(script).name, *arguments]))] if script else []
    path = (Path(config.save_dir) / folder.name).as_posix()
    return [
        *made,
        ("measure it again", f"python -m topogrid analyze {path}"),
        ("change one thing at a time", f"python -m topogrid intervene {path}"),
        ("follow a recorded walk", f"python -m topogrid follow {path} sargolini"),
        ("train it for longer", f"python train_grid.py --resume {path} --steps {2 * config.steps}"),
        ("open this page", f"python -m topogrid open {path}"),
    ]


def interventions_path(folder: RunFolder) -> Path:
    """Return the file that tells, module by module, what interventions predicted and what was measured."""
    return folder.path / "interventions" / "headline.json"


def interventions(folder: RunFolder) -> dict[str, Any] | None:
    """Return what interventions did, with their picture as a data URI; ``None`` where there are none to read."""
    found = _read_json(interventions_path(folder))
    told = found.get("outcomes")
    outcomes = [_outcome(one) for one in told if isinstance(one, dict)] if isinstance(told, list) else []
    if not outcomes:
        return None
    return {"outcomes": outcomes, "picture": _picture(folder, found.get("picture"))}


def _outcome(one: Mapping[str, Any]) -> dict[str, Any]:
    words = {name: str(one.get(name) or "") for name in ("name", "about", "note")}
    numbers = {name: _number(one.get(name)) for name in ("median_deviation", "score_above_0.8")}
    metres = {name: one.get(name) for name in ("before_m", "predicted_m", "measured_m")}
    lists = {name: list(map(_number, given)) if isinstance(given, list) else [] for name, given in metres.items()}
    return {**words, **numbers, **lists}


def _number(value: object) -> float | None:
    return finite([value])[0] if isinstance(value, int | float) else None


def _picture(folder: RunFolder, name: object) -> str | None:
    """Return a PNG of the run folder as a data URI; ``None`` for one that is missing or lies elsewhere."""
    path = (folder.path / str(name or "")).resolve()
    if path.suffix != ".png" or not path.is_file() or not path.is_relative_to(folder.path.resolve()):
        return None
    return f"data:image/png;base64,{base64.b64encode(path.read_bytes()).decode('ascii')}"


def read_rows(folder: RunFolder) -> list[dict[str, float]]:
    """Return the rows of ``metrics.jsonl``, none where there is no such file."""
    return [row for row in read_metrics(folder.metrics_path) if "step" in row]


def _read_json(path: Path) -> dict[str, Any]:
    """Return the object in a file; empty where there is none that can be read."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def finite(values: Iterable[float]) -> list[float | None]:
    """Return numbers for JSON, which has no NaN: null stands for it."""
    return [float(f"{value:.6g}") if math.isfinite(value) else None for value in values]
