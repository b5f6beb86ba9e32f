"""One network of the study measured: the same measures and changes for every arm, as a record on disk.

Maps after a change are anchored: all walks start at one place, see `topogrid.interventions.modules`. A sheet without
modules counts as one. Scale is measured over units with a grid score above 0.3.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from topogrid.analysis.sheets import Sheet
from topogrid.evaluation.measured import measure
from topogrid.files import read_json, write_json_atomic
from topogrid.interventions.condition import Condition
from topogrid.interventions.modules import ModuleOutcome, measure_changes
from topogrid.settings.config import TrainConfig
from topogrid.settings.errors import SettingsError, show
from topogrid.settings.fields import SCIENCE
from topogrid.streams import versions
from topogrid.study import measurements
from topogrid.study.arms import ARMS, SEEDS, SWEPT, Arm, config_for
from topogrid.study.silencing import errors_after_silencing
from topogrid.study.values import numbers, plain, plain_all
from topogrid.trained.trained import Trained

Float = NDArray[np.float64]

FORMAT = 1

CHANGES = (
    "tau_x0.8",
    "tau_x1.25",
    "tau_x1.3",
    "tau_flat",
    "tau_permuted",
    "tau_reversed",
    "speed_x0.5",
    "speed_x2",
    "dt_x0.5",
    "dt_x2",
    "box_x2",
)
"""What is done to every network that it can be done to."""

MEASURED_WITH = {
    "eval_bins": 32,
    "eval_walks": 1000,
    "long_seconds": 60.0,
    "long_walks": 40,
    "error_seconds": (0.4, 2.0, 10.0, 60.0),
}
"""Settings of the evaluation, the same for all."""

FEEDBACK = {"learned": {"place_feedback": 0.04, "place_feedback_code": "predicted", "place_feedback_every": 4}}
"""Feedback by wiring, the same for all seeds whatever their presets have."""

OTHER_FEEDBACK = {"place_feedback": 0.03, "place_feedback_code": "decoded", "place_feedback_every": 4}
"""Feedback of all other networks: the best for attractors at the speed of training."""


def record_path(folder: Path, arm: Arm, seed: int) -> Path:
    """Return where the record of a network is kept."""
    return folder / f"{arm.name}-seed{seed}.json"


def check_trained_as(trained: Trained, arm: Arm, seed: int) -> None:
    """Refuse a network that was not trained with the settings of its arm.

    Raises
    ------
    SettingsError
        With the settings that differ.
    """
    wanted = config_for(arm, seed)
    differing = [
        f"{field.name} {getattr(trained.config, field.name)}, not {getattr(wanted, field.name)}"
        for field in dataclasses.fields(TrainConfig)
        if (field.metadata["group"] in SCIENCE or field.name == "seed")
        and wanted.has_effect(field.name)
        and getattr(trained.config, field.name) != getattr(wanted, field.name)
    ]
    if trained.step != wanted.steps:
        differing.append(f"trained for {trained.step} steps, not {wanted.steps}")
    if differing:
        raise SettingsError(
            f"{trained.origin} is no network of the arm {arm.name}: {'; '.join(differing)}; move it away, and the "
            "study trains one"
        )


def measure_network(
    trained: Trained,
    arm: Arm,
    seed: int,
    *,
    minutes: float | None = None,
    say: Callable[[str], object] = lambda _: None,
) -> dict[str, Any]:
    """Measure a trained network, and every change of `CHANGES` that can be made to it.

    Parameters
    ----------
    trained : Trained
    arm, seed
        Which network of the study it is.
    minutes : float, optional
        What training it took.
    say : callable
        Told the name of each part as it begins.

    Returns
    -------
    dict
        Plain values for JSON, ``None`` where there is no number.

    Raises
    ------
    SettingsError
        If it is no network of this arm.
    """
    check_trained_as(trained, arm, seed)
    say("evaluation")
    condition = trained.with_settings({**MEASURED_WITH, **FEEDBACK.get(trained.config.wiring, OTHER_FEEDBACK)})
    measured = measure(condition)
    evaluation, sheet = measured.evaluation, trained.config.sheet
    gain = gain_of_modules(trained, sheet)
    changes = [_change(outcome) for outcome in _told(measure_changes(Condition(condition), CHANGES), say)]
    tau = numbers(changes[0]["tau"])
    spacing = numbers(changes[0]["spacing"])
    return {
        "format": FORMAT,
        "arm": arm.name,
        "seed": seed,
        "step": trained.step,
        "minutes": minutes,
        "measures": {name: plain(value) for name, value in measured.row.items()},
        "courses": measurements.courses(evaluation.decoding),
        "patches": measurements.patches(evaluation, sheet, seed),
        "torus": measurements.torus(condition),
        "silenced": errors_after_silencing(condition, evaluation),
        "connections": measurements.connections(trained.network, sheet),
        "feedback": measurements.feedback(condition, say) if arm.name in {*SWEPT, *SWEPT.values()} else [],
        "units": measurements.units(evaluation) if seed == SEEDS[0] else {},
        "modules": {
            "tau": changes[0]["tau"],
            "gain": plain_all(gain),
            "spacing": changes[0]["spacing"],
            "spread": changes[0]["spread"],
            "slopes": slopes(spacing, tau, gain),
        },
        "changes": {one["name"]: one for one in changes},
        "versions": versions(),
    }


def _told(outcomes: Iterator[ModuleOutcome], say: Callable[[str], object]) -> Iterator[ModuleOutcome]:
    for outcome in outcomes:
        say(outcome.name)
        yield outcome


def _change(outcome: ModuleOutcome) -> dict[str, Any]:
    scales = outcome.scales
    return {
        "name": outcome.name,
        "tau": plain_all(scales.tau),
        "spacing": plain_all(scales.spacing),
        "spread": plain_all(scales.spread),
        "predicted": plain_all(outcome.predicted),
        "median_deviation": plain(outcome.median_deviation),
        "largest_deviation": plain(outcome.largest_deviation),
        "between": plain(scales.between),
        "share_above_0.8": outcome.share_above,
    }


def gain_of_modules(trained: Trained, sheet: Sheet) -> Float:
    """Return the mean length of the movement weights of every module's units, ``(module,)``, per metre."""
    with torch.no_grad():
        length = trained.network.units.w_in.norm(dim=-1).double().cpu().numpy()
    mean: Float = sheet.to_modules(length).mean(axis=1)
    return mean


def slopes(spacing: Float, tau: Float, gain: Float) -> dict[str, float | None]:
    """Return by least squares how log spacing goes with log tau and log gain over modules, each given the other.

    A cause that hardly varies has no slope.
    """
    causes = {"tau": np.log(tau), "gain": np.log(gain)}
    there = np.isfinite(spacing)
    varying = (
        {name: values for name, values in causes.items() if np.ptp(values[there]) > _SMALLEST_RANGE}
        if (there.sum() > 0)
        else {}
    )
    found: dict[str, float | None] = dict.fromkeys(causes)
    if there.sum() < len(varying) + 2 or not varying:
        return found
    design = np.column_stack([np.ones(there.sum()), *(values[there] for values in varying.values())])
    fitted = np.linalg.lstsq(design, np.log(spacing[there]), rcond=None)[0]
    return found | {name: plain(value) for name, value in zip(varying, fitted[1:], strict=True)}


_SMALLEST_RANGE = 0.05  # of a logarithm


def write_record(record: dict[str, Any], path: Path) -> None:
    """Keep a record.

    Raises
    ------
    OSError
        If the disk does not take it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json_atomic(path, record)


def read_record(path: Path) -> dict[str, Any]:
    """Return a record.

    Raises
    ------
    SettingsError
        If it is none that this version wrote.
    OSError
        If it cannot be read.
    """
    try:
        found = read_json(path)
    except ValueError as error:
        raise SettingsError(f"{path} is no record of the study: {error}; move it away") from None
    if not isinstance(found, dict) or type(found.get("format")) is not int or found["format"] != FORMAT:
        raise SettingsError(f"{path} is no record of the study of format {FORMAT}; move it away to measure again")
    problem = _problem(found, path)
    if problem:
        raise SettingsError(f"{path} is no whole record of the study: {problem}; move it away to measure again")
    return found


_PARTS: dict[str, type | tuple[type, ...]] = {
    "measures": dict, "courses": dict, "patches": dict, "connections": dict, "modules": dict, "changes": dict,
    "silenced": dict, "units": dict, "feedback": list, "torus": (dict, type(None)), "minutes": (int, float, type(None)),
}  # fmt: skip
"""What a record has, and of which kind."""


def _problem(found: Mapping[str, Any], path: Path) -> str:
    """Return what a record lacks; empty if it can be used."""
    arm, seed = found.get("arm"), found.get("seed")
    if not isinstance(arm, str) or arm not in ARMS or type(seed) is not int:
        return f"it must name one of the arms and a seed, got {show(arm)} and {show(seed)}"
    if path.stem != record_path(path.parent, ARMS[arm], seed).stem:
        return f"it is that of {arm} with seed {seed}, and its file is not named so"
    for name, kind in _PARTS.items():
        if name not in found or not isinstance(found[name], kind):
            return f"{name} is missing or of another kind"
    modules, changes = found["modules"], found["changes"]
    each = [modules.get(name) for name in ("tau", "gain", "spacing", "spread")]
    if not all(isinstance(one, list) for one in each) or not isinstance(modules.get("slopes"), dict):
        return "modules have no tau, gain, spacing, spread and slopes"
    if not all(isinstance(one, dict) and isinstance(one.get("spacing"), list) for one in changes.values()):
        return "a change has no spacing"
    if "baseline" not in changes or len({len(one["spacing"]) for one in changes.values()}) != 1:
        return "its changes have no baseline of as many modules"
    return ""
