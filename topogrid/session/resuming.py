"""A run gone on with: found, checked whole, and its folder put back to how it was at the checkpoint."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from topogrid.files import one_line, read_json
from topogrid.measures.training import STEPS_DONE
from topogrid.runs.checkpoints import Resumable, check_nothing_is_lost, find_checkpoint, never_saved, set_aside_later
from topogrid.runs.content import checked_step
from topogrid.runs.errors import CheckpointError
from topogrid.runs.folder import RunFolder
from topogrid.runs.metrics_log import truncate_metrics
from topogrid.settings.carried import read_carried
from topogrid.settings.config import TrainConfig
from topogrid.settings.saved import read_settings
from topogrid.training.optimiser import over_after
from topogrid.training.state import TrainState


def reopen(config: TrainConfig, held: ExitStack) -> tuple[RunFolder, Resumable | None]:
    """Lock the run to go on with and find its newest good checkpoint; none if it was stopped before it saved one.

    Raises
    ------
    CheckpointError, ValueError, OSError
        If there is no such run, another process has it, a folder in it is a link, or no checkpoint is good.
    """
    start = Path(config.resume)
    folder = RunFolder.open(start.parent.parent if start.is_file() else start, config.gallery_dir)
    folder.check_own()
    folder.lock.acquire()
    held.callback(folder.lock.release)
    if never_saved(folder):
        check_nothing_is_lost(folder)
        return folder, None
    return folder, find_checkpoint(config.resume, config.save_dir, config.gallery_dir)


def put_back(resumed: Resumable, state: TrainState, config: TrainConfig) -> list[str]:
    """Put a fresh state back to a checkpoint, and the folder of its run to how it was then.

    Nothing is written before all of the checkpoint is known to be good, and that there is something left to do.

    Returns
    -------
    list of str
        What a person has to know, a sentence each.

    Raises
    ------
    CheckpointError, ValueError
        If the checkpoint is not of this run, or nothing is left to do.
    """
    where, folder, saved = str(resumed.path), resumed.folder, resumed.state
    step = checked_step(saved, where)
    if step > config.steps or (step == config.steps and _is_finished(folder, saved)):
        raise CheckpointError(
            f"{resumed.path} was saved after step {step}, and --steps is {config.steps}: nothing is left to do; "
            "give more --steps"
        )
    best_of(saved, where)
    evaluated_of(saved, config, where)
    if step:
        _refuse_what_is_over(step, saved, folder, config, where)
    try:
        state.load_state_dict(saved, where)
    except (CheckpointError, ValueError):
        raise
    except Exception as error:  # what nobody thought of is no reason to lose the folder
        raise CheckpointError(f"{where} does not fit the settings of its run: {one_line(error)}") from error
    notes = [*resumed.notes, *set_aside_later(folder, step)]
    truncate_metrics(folder.metrics_path, step, evaluated=evaluated_of(saved, config, where) == step)
    for turn in state.turns[len(saved.get("turns", ())) :]:
        notes.append(
            f"from step {turn.step} on it learns in another way than before ({', '.join(turn.changes)}): it is not the "
            "same as a run that was trained like this from the start, and `compare` sets it apart"
        )
    return notes


def _refuse_what_is_over(
    step: int, saved: Mapping[str, Any], folder: RunFolder, config: TrainConfig, where: str
) -> None:
    trained = read_carried(saved, where)
    over = {} if trained is None else over_after(step, trained, config)
    if read_settings(folder.config_path).config.eval_at_start != config.eval_at_start:
        over["eval_at_start"] = "the untrained network is gone"
    for name, why in over.items():
        raise CheckpointError(f"--{name} has no effect after step {step:,}: {why}; leave it out")


def best_of(saved: Mapping[str, Any], where: str = "the checkpoint") -> tuple[int, float] | None:
    """Return step and error, cm, of the best evaluation before a checkpoint was saved; ``None`` before the first.

    Raises
    ------
    CheckpointError
        If what the checkpoint holds is neither.
    """
    match saved.get("best"):
        case None:
            return None
        case [int() as step, float() as error] if 0 <= step <= checked_step(saved, where) and 0 <= error < math.inf:
            return step, error
    raise CheckpointError(f"best in {where} must be a step and an error, got {str(saved.get('best'))[:60]!r}")


def evaluated_of(saved: Mapping[str, Any], config: TrainConfig, where: str = "the checkpoint") -> int | None:
    """Return the step of the last evaluation before a checkpoint was saved; the last of a run is taken again.

    Its files are written at the end, and may be missing.

    Raises
    ------
    CheckpointError
        If what the checkpoint holds is no step.
    """
    step = saved.get("evaluated")
    if step is not None and not (type(step) is int and 0 <= step <= checked_step(saved, where)):
        raise CheckpointError(f"evaluated in {where} must be a step, got {str(step)[:60]!r}")
    return step if saved.get("step") != config.steps else None


def _is_finished(folder: RunFolder, saved: Mapping[str, Any]) -> bool:
    """Whether a run that trained all its steps also evaluated the last and wrote what it writes at its end."""
    try:
        summary = read_json(folder.summary_path)
    except (OSError, ValueError):
        return False
    written = isinstance(summary, dict) and summary.get(STEPS_DONE.key) == saved["step"]
    return written and folder.units_csv.is_file() and saved.get("evaluated") == saved["step"]
