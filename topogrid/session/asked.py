"""What a person asked a run to be, resolved: defaults, a preset, a saved run and what was given, in rising order.

The command line and Python both come through here. Nothing is taken without having an effect: what the resolved
settings would ignore is refused.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from topogrid.runs.resume import AUTO, RunToContinue, run_to_continue
from topogrid.settings.config import KINDS, TrainConfig, resume_conflicts
from topogrid.settings.errors import SettingsError, did_you_mean, show
from topogrid.settings.fields import ABOVE_ZERO, meets
from topogrid.settings.machine import check_machine
from topogrid.settings.presets import PRESETS, settings_of
from topogrid.settings.saved import read_settings

MEANT = {
    "learning_rate": "lr",
    "epochs": "steps",
    "iterations": "steps",
    "n_steps": "steps",
    "max_steps": "steps",
    "hidden_size": "n_grid_cells",
    "n_units": "n_grid_cells",
    "units": "n_grid_cells",
    "ng": "n_grid_cells",
    "np": "n_place_cells",
    "sequence_length": "seq_length",
    "gpu": "device",
    "cuda": "device",
    "out": "save_dir",
    "output": "save_dir",
    "output_dir": "save_dir",
    "run_dir": "save_dir",
    "run_name": "name",
    "run_id": "name",
    "arena_size": "box_size",
    "box_width": "box_size",
    "place_cell_rf": "pc_width",
    "config": "preset",
    "checkpoint": "resume",
    "continue": "resume",
    "workers": "threads",
    "project": "wandb_project",
    "entity": "wandb_entity",
    "no_wandb": "wandb",
    "l2": "weight_decay",
    "clip": "grad_clip",
}
"""Words that other programs have for settings; for hints only."""


class Given(NamedTuple):
    """A setting that was asked for."""

    value: Any
    flag: str
    """What it was called."""
    switched_off: bool
    """Whether it was spelled out that this feature is off; its other settings are then let pass, as sweeps give
    them."""


def as_given(settings: Mapping[str, Any]) -> dict[str, Given]:
    """Return settings by name as they were asked for in Python.

    Raises
    ------
    SettingsError
        If there is no setting of a name.
    """
    for name in settings:
        if name not in KINDS:
            raise SettingsError(f"there is no setting {show(name)}{near_miss(name)}")
    return {name: Given(value, name, is_off(name, value)) for name, value in settings.items()}


def is_off(name: str, value: Any) -> bool:
    """Whether a value spells out that a feature is off."""
    return value is False or (name == "wandb" and value == "disabled")


def near_miss(word: str, others: tuple[str, ...] = (), mark: str = "") -> str:
    """Hint at the setting, or other known word, that was meant, as an ending of a message; empty if none is near."""
    if word in MEANT:
        return f"; did you mean {mark}{MEANT[word]}?"
    return did_you_mean(word, [*KINDS, *others], mark=mark)


def resolve(given: Mapping[str, Given]) -> TrainConfig:
    """Return checked settings. Writes no file.

    Parameters
    ----------
    given : mapping
        What was asked for, by setting.

    Returns
    -------
    TrainConfig
        With ``resume``, the saved settings of that run with the given ones on top; ``config.resume`` is then the run
        folder or checkpoint to continue. If ``auto`` found none it is empty, or still ``auto`` where a run of the given
        name is to be made and no other.

    Raises
    ------
    SettingsError
        If anything that was asked for, in a resumed run or about this machine does not let the run start.
    """
    run = _run_to_continue(given)
    config = _fresh_config(given) if run is None else _continued_config(run, given)
    if run is None and "resume" in given and config.name:
        config = dataclasses.replace(config, resume=AUTO)
    _refuse_idle(config, given)
    check_machine(config)
    return config


def _refuse_idle(config: TrainConfig, given: Mapping[str, Given]) -> None:
    needs = {field.name: field.metadata["needs"] for field in dataclasses.fields(TrainConfig)}
    for name, one in given.items():
        for switch, wanted in needs[name].items():
            if switch in given and given[switch].switched_off:
                break
            value = getattr(config, switch)
            if not meets(value, wanted):
                raise SettingsError(f"--{one.flag} has no effect {_remedy(switch, wanted, given.get(switch))}")
    if config.wiring == "attractor":
        # What is wired rests unless it may learn.
        for name, learns in (("movement_lr_scale", "learn_movement"), ("weight_decay", "learn_recurrent")):
            if name in given and not getattr(config, learns):
                raise SettingsError(f"--{name} has no effect without --{learns}; add that or leave it out")


def _remedy(switch: str, wanted: Any, standing: Given | None) -> str:
    if standing is not None:
        value = standing.value
        against = standing.flag if isinstance(value, bool) or standing.flag != switch else f"{switch} {value}"
        return f"with --{against}; leave one of them out"
    needed = f"a --{switch} above 0" if wanted is ABOVE_ZERO else f"--{switch}"
    words = "" if wanted is ABOVE_ZERO or wanted == (True,) else f" {wanted[0]}"
    return f"without {needed}{words}; add that or leave it out"


def _fresh_config(given: Mapping[str, Given]) -> TrainConfig:
    asked = {field: one.value for field, one in given.items() if field != "resume"}
    if asked.get("preset") == "":
        raise SettingsError(f"preset must be one of {', '.join(PRESETS)}, got ''")
    return TrainConfig(**settings_of(asked.get("preset", ""), asked))


def _run_to_continue(given: Mapping[str, Given]) -> RunToContinue | None:
    """Run that ``--resume`` names; ``None`` without the flag, or if ``auto`` found none."""
    if "resume" not in given:
        return None
    save_dir, name = (given[key].value if key in given else getattr(TrainConfig, key) for key in ("save_dir", "name"))
    try:
        return run_to_continue(given["resume"].value, save_dir, name)
    except ValueError as error:
        raise SettingsError(f"--resume {error}") from error


def _continued_config(run: RunToContinue, given: Mapping[str, Given]) -> TrainConfig:
    """Take the settings of a saved run with the given ones on top."""
    for field, belongs in (("save_dir", run.folder.parent), ("name", Path(run.folder.name))):
        if field in given and os.path.abspath(given[field].value) != os.path.abspath(belongs):
            other = show(given[field].value)
            raise SettingsError(f"--resume continues {run.folder}, but {field} is {other}; leave --{field} out")
    saved = read_settings(run.folder / "config.json").config
    place = {"save_dir": str(run.folder.parent), "name": run.folder.name, "resume": str(run.start)}
    # A folder may come from somebody else, who does not decide where files of this machine go.
    here = {"gallery_dir": TrainConfig.gallery_dir}
    new = dataclasses.replace(saved, **here | {field: one.value for field, one in given.items()} | place)
    conflicts = resume_conflicts(saved, new)
    if conflicts:
        raise SettingsError(
            f"{run.folder} cannot continue with other settings: {'; '.join(conflicts)}; "
            "leave these flags out or start a new run without --resume"
        )
    return new
