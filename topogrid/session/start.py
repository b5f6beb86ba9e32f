"""From settings to a run that may begin: lock, build or reload, name, first files."""

from __future__ import annotations

import dataclasses
import datetime
from contextlib import ExitStack
from dataclasses import dataclass

from topogrid.files import write_json_atomic
from topogrid.runs.folder import RunFolder, default_name
from topogrid.runs.metrics_log import truncate_metrics
from topogrid.runs.resume import AUTO
from topogrid.session.companions import build_state
from topogrid.session.pace import announcement
from topogrid.session.progress import Log, Say
from topogrid.session.resuming import best_of, evaluated_of, put_back, reopen
from topogrid.session.tracking import Tracker
from topogrid.session.wandb_mode import choose_mode
from topogrid.settings.config import TrainConfig
from topogrid.settings.saved import write_settings
from topogrid.streams import versions
from topogrid.training.cuda_graph import GraphedStep, uses_graph
from topogrid.training.processes import Processes
from topogrid.training.state import TrainState


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
    CheckpointError, TrackingError, OSError, ValueError
        If the run cannot begin.
    """
    notes: list[str] = []
    mode = None if config.wandb == "auto" else config.wandb
    choose_mode(mode)
    folder, resumed = reopen(config, held) if config.resume not in ("", AUTO) else (None, None)
    state = build_state(config, processes, fitted=False)
    device, precision = state.network.encoder.device, state.network.units.precision
    graph = uses_graph(config.cuda_graph, device, processes, config)
    if folder is None:
        name = config.name or default_name(
            config.describe(), config.n_grid_cells, config.seed, datetime.datetime.now(datetime.UTC)
        )
        folder = RunFolder.create(config.save_dir, name, config.gallery_dir, only_this=config.resume == AUTO)
        held.callback(folder.lock.release)
        config = dataclasses.replace(config, resume="")
    elif resumed is not None:
        notes = put_back(resumed, state, config)
    else:
        notes = [f"{folder.path} was stopped before its first checkpoint: it starts from the beginning"]
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
        config, state, folder, tracker, Log(folder, say), best=best_of(saved), evaluated=evaluated_of(saved, config)
    )
    start.began_from = str(resumed.path) if resumed else ""
    start.graph = GraphedStep(state, config, insist=config.cuda_graph == "on") if graph else None
    start.log(
        f"{folder.name}: {config.describe()} network, {config.sheet_side}x{config.sheet_side} units, "
        f"{config.n_place_cells} place cells, steps {state.step + 1} to {config.steps} on {device} ({precision})"
        + ("" if processes.alone else f", by {processes.count} processes")
    )
    for note in notes:
        start.log(note)
    if folder.lock.note:
        start.log(folder.lock.note)
    if state.step < config.steps:
        start.log(announcement(state, config, folder.path))
    if state.step == 0:
        state.fit(config)
    return start
