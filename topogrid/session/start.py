"""From settings to a run that may begin: lock, build or reload, name, first files."""

from __future__ import annotations

import dataclasses
import datetime
import json
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from topogrid.files import one_line, write_json_atomic
from topogrid.runs.checkpoints import Resumable, find_checkpoint, never_saved, set_aside_later
from topogrid.runs.folder import RunFolder, default_name
from topogrid.runs.metrics_log import truncate_metrics
from topogrid.session.companions import build_state
from topogrid.session.pace import announcement
from topogrid.session.progress import Log, Say
from topogrid.session.tracking import Tracker
from topogrid.session.wandb_mode import choose_mode
from topogrid.settings.config import TrainConfig
from topogrid.settings.saved import write_settings
from topogrid.streams import versions
from topogrid.trained.weights import check_fits, checked_step, checked_weights
from topogrid.training.cuda_graph import GraphedStep, uses_graph
from topogrid.training.processes import Processes
from topogrid.training.state import TrainState


class CannotStartError(Exception):
    """The run cannot begin; nothing was written."""


@dataclass
class Start:
    """What a run begins with."""

    config: TrainConfig
    state: TrainState
    folder: RunFolder
    tracker: Tracker
    log: Log
    best: tuple[int, float] | None = None
    """Step, and error over walks of training length in cm, of the best evaluation so far."""
    evaluated: int | None = None
    """Step of the last evaluation."""
    began_from: str = ""
    """Checkpoint that the run goes on from, if any."""
    graph: GraphedStep | None = None
    """What takes the steps where they are recorded."""


def prepare(config: TrainConfig, processes: Processes, held: ExitStack, say: Say) -> Start:
    """Build or reload everything a run needs; files are made only once nothing can go wrong any more.

    Parameters
    ----------
    config : TrainConfig
    processes : Processes
    held : ExitStack
        Takes what has to be closed when the run is over.
    say : callable
        Takes each line meant for a person.

    Raises
    ------
    CannotStartError, CheckpointError, TrackingError, OSError, ValueError
        If the run cannot begin.
    """
    mode = None if config.wandb == "auto" else config.wandb
    choose_mode(mode)
    folder, resumed = _reopen(config, held) if config.resume else (None, None)
    state = build_state(config, processes, fitted=False)
    device, precision = state.network.encoder.device, state.network.units.precision
    graph = uses_graph(config.cuda_graph, device, processes, config)
    if folder is None:
        name = config.name or default_name(
            config.describe(), config.n_grid_cells, config.seed, datetime.datetime.now(datetime.UTC)
        )
        folder = RunFolder.create(config.save_dir, name, config.gallery_dir)
        held.callback(folder.lock.release)
    elif resumed is not None:
        _continue(resumed, state, config, say)
    else:
        say(f"{folder.path} was stopped before its first checkpoint: it starts from the beginning")
        truncate_metrics(folder.metrics_path, -1)
    config = dataclasses.replace(config, name=folder.name)
    write_settings(config, folder.config_path)
    how = {"device": str(device), "precision": precision, "processes": str(processes.count)}
    write_json_atomic(folder.versions_path, versions() | how)
    saved = resumed.state if resumed else {}
    tracker = Tracker(
        folder,
        dataclasses.asdict(config) | {"mode": config.describe()},
        mode=mode,
        project=config.wandb_project,
        entity=config.wandb_entity,
        name=config.wandb_name,
        group=config.wandb_group,
        tags=config.wandb_tags,
        run_id=saved.get("run_id"),
        resumed=config.resume != "",
        log_artifact=config.wandb_artifact,
        figure_format=config.figure_format,
        say=say,
    )
    held.callback(tracker.close)
    start = Start(
        config, state, folder, tracker, Log(folder, say), best=_best(saved), evaluated=_evaluated(saved, config)
    )
    start.began_from = str(resumed.path) if resumed else ""
    start.graph = GraphedStep(state, config, insist=config.cuda_graph == "on") if graph else None
    start.log(
        f"{folder.name}: {config.describe()} network, {config.sheet_side}x{config.sheet_side} units, "
        f"{config.n_place_cells} place cells, steps {state.step + 1} to {config.steps} on {device} ({precision})"
        + ("" if processes.alone else f", by {processes.count} processes")
    )
    if folder.lock.note:
        start.log(folder.lock.note)
    if state.step < config.steps:
        start.log(announcement(state, config, folder.path))
    if state.step == 0:
        state.fit(config)
    return start


def _reopen(config: TrainConfig, held: ExitStack) -> tuple[RunFolder, Resumable | None]:
    """Lock the run to go on with and find its newest good checkpoint; none if it was stopped before it saved one."""
    start = Path(config.resume)
    folder = RunFolder.open(start.parent.parent if start.is_file() else start, config.gallery_dir)
    folder.lock.acquire()
    held.callback(folder.lock.release)
    if never_saved(folder):
        return folder, None
    found = find_checkpoint(config.resume, config.save_dir, config.gallery_dir)
    return folder, found


def _best(saved: Mapping[str, Any]) -> tuple[int, float] | None:
    """Step and error of the best evaluation before a checkpoint was saved; one that makes no sense is forgotten."""
    match saved.get("best"):
        case [int() as step, float() as error]:
            return step, error
    return None


def _evaluated(saved: Mapping[str, Any], config: TrainConfig) -> int | None:
    """Step of the last evaluation before a checkpoint was saved; the last of a run is taken again, for its files."""
    step = saved.get("evaluated")
    return step if isinstance(step, int) and saved.get("step") != config.steps else None


def _continue(resumed: Resumable, state: TrainState, config: TrainConfig, say: Say) -> None:
    """Put a fresh state back to a checkpoint, and its folder to how it was then."""
    where, folder = str(resumed.path), resumed.folder
    saved_step = checked_step(resumed.state, where)
    check_fits(checked_weights(resumed.state.get("network"), where), config, where)
    try:
        state.load_state_dict(resumed.state)
    except Exception as error:  # a file that only looks like a checkpoint can fail in any way
        raise CannotStartError(f"{where} does not fit the settings of its run: {one_line(error)}") from error
    if saved_step > config.steps or (saved_step == config.steps and _is_finished(folder, resumed.state)):
        raise CannotStartError(
            f"{resumed.path} was saved after step {saved_step}, and --steps is {config.steps}: nothing is left to do; "
            "give more --steps"
        )
    for note in (*resumed.notes, *set_aside_later(folder, state.step)):
        say(note)
    truncate_metrics(folder.metrics_path, state.step, evaluated=_evaluated(resumed.state, config) == state.step)


def _is_finished(folder: RunFolder, saved: Mapping[str, Any]) -> bool:
    """Whether a run that trained all its steps also evaluated the last and wrote what it writes at its end."""
    try:
        summary = json.loads(folder.summary_path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    written = isinstance(summary, dict) and summary.get("train/steps_done") == saved["step"]
    return written and folder.units_csv.is_file() and saved.get("evaluated") == saved["step"]
