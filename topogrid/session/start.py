"""From settings to a run that may begin: lock, build or reload, name, first files."""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from topogrid.files import write_json_atomic
from topogrid.runs.folder import RunFolder, default_name
from topogrid.runs.metrics_log import truncate_metrics
from topogrid.runs.resume import AUTO
from topogrid.session.companions import build_state
from topogrid.session.log import kept, tell
from topogrid.session.moments import evaluates_start
from topogrid.session.pace import Forecast
from topogrid.session.rehearsal import rehearse
from topogrid.session.resuming import best_of, evaluated_of, put_back, reopen
from topogrid.session.tracking import Tracker
from topogrid.session.wandb_mode import choose_mode
from topogrid.settings.config import TrainConfig
from topogrid.settings.saved import write_settings
from topogrid.streams import versions
from topogrid.training.cuda_graph import GraphedStep, uses_graph
from topogrid.training.objective import capped
from topogrid.training.processes import Processes
from topogrid.training.state import TrainState

# Settings that say which run it is, where it is kept and on what it is computed.
_NO_RECIPE = {
    "seed", "name", "save_dir", "gallery_dir", "resume", "device", "precision", "threads", "compile", "cuda_graph",
    "print_every", "save_every", "save_minutes", "keep_checkpoints", "figure_format", "pictures", "eval_every",
    "eval_at_start",
}  # fmt: skip


@dataclass
class Start:
    """What a run begins with."""

    config: TrainConfig
    state: TrainState
    folder: RunFolder
    tracker: Tracker
    forecast: Forecast
    best: tuple[int, float] | None = None
    """Step, and error over walks of training length in cm, of the best evaluation so far."""
    evaluated: int | None = None
    """Step of the last evaluation."""
    began_from: str = ""
    """Checkpoint that the run goes on from, if any."""
    graph: GraphedStep | None = None
    """What takes the steps where they are recorded."""


def prepare(config: TrainConfig, processes: Processes, held: ExitStack) -> Start:
    """Build or reload everything a run needs; files are made only once nothing can go wrong any more.

    Parameters
    ----------
    config : TrainConfig
    processes : Processes
    held : ExitStack
        Takes what has to be closed when the run is over.

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
        if config.name and folder.name != config.name:
            notes = [f"there is a {config.name} already: this run is {folder.name}"]
        config = dataclasses.replace(config, resume="")
    elif resumed is not None:
        notes = put_back(resumed, state, config)
    else:
        notes = [f"{folder.path} was stopped before its first checkpoint: it starts from the beginning"]
        truncate_metrics(folder.metrics_path, -1)
    held.enter_context(kept(folder.log_path))
    config = dataclasses.replace(config, name=folder.name)
    write_settings(config, folder.config_path)
    how = {"device": str(device), "precision": precision, "processes": str(processes.count)}
    write_json_atomic(folder.versions_path, versions() | how)
    connected = " all to all" if config.wiring == "dense" and config.network == "leaky" else ""
    tell(
        f"{folder.name}: {config.describe()} network, {config.sheet_side}x{config.sheet_side} units{connected}, "
        f"{config.n_place_cells} place cells, steps {state.step + 1} to {config.steps} on {device} ({precision})"
        + ("" if processes.alone else f", by {processes.count} processes")
    )
    for note in (*notes, *capped(config)):
        tell(note)
    if folder.lock.note:
        tell(folder.lock.note)
    forecast = Forecast(config, rehearse(state, config, recorded=graph), state.step)
    if state.step < config.steps:
        at_start = state.step == 0 and evaluates_start(config)
        tell(forecast.announcement(folder.path, at_start=at_start, recorded=graph))
    saved = resumed.state if resumed else {}
    tracker = _tracker(config, folder, saved, how, mode)
    held.callback(tracker.close)
    start = Start(config, state, folder, tracker, forecast, best_of(saved), evaluated_of(saved, config))
    start.began_from = str(resumed.path) if resumed else ""
    start.graph = GraphedStep(state, config, insist=config.cuda_graph == "on") if graph else None
    if state.step == 0:
        state.fit(config)
    return start


def _tracker(
    config: TrainConfig, folder: RunFolder, saved: Mapping[str, Any], how: Mapping[str, str], mode: str | None
) -> Tracker:
    """Open what a run reports to; its settings go there as they were resolved on this machine."""
    told = dataclasses.asdict(config) | {"mode": config.describe(), "torch": versions()["torch"]}
    return Tracker(
        folder,
        told | {"device": how["device"], "precision": how["precision"], "processes": int(how["processes"])},
        mode=mode,
        project=config.wandb_project,
        entity=config.wandb_entity,
        name=config.wandb_name,
        # What the environment says W&B reads by itself.
        group=config.wandb_group or ("" if os.environ.get("WANDB_RUN_GROUP") else recipe_of(config)),
        tags=config.wandb_tags or (() if os.environ.get("WANDB_TAGS") else (config.describe(), f"seed{config.seed}")),
        run_id=saved.get("run_id"),
        resumed=config.resume != "",
        log_artifact=config.wandb_artifact,
        figure_format=config.figure_format,
    )


def recipe_of(config: TrainConfig) -> str:
    """Return what runs share that are seeds of one recipe: the preset or the size of the sheet, and a digest.

    The digest is of all settings but the seed and those that say where a run is kept, computed and told: two runs of
    one group differ in their seed alone.
    """
    settings = {
        field.name: getattr(config, field.name)
        for field in dataclasses.fields(config)
        if field.name not in _NO_RECIPE and field.metadata["group"] not in ("tracking", "evaluation")
    }
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:6]
    return f"{config.describe()}-{config.preset or config.n_grid_cells}-{digest}"
