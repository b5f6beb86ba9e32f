"""Open a trained network with nothing but the folder of its run."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import torch

from topogrid.checkpoints import CheckpointError, find_checkpoint, load_checkpoint
from topogrid.config import TrainConfig
from topogrid.files import one_line
from topogrid.network import PathIntegrator
from topogrid.place_cells import PlaceCells
from topogrid.runs import RunFolder


class LoadedRun(NamedTuple):
    """A trained network with what belongs to it."""

    folder: RunFolder
    config: TrainConfig
    network: PathIntegrator
    place_cells: PlaceCells
    step: int


def load_run(path: str | Path, checkpoint: str | Path | None = None) -> LoadedRun:
    """Open a run with nothing but its folder.

    Parameters
    ----------
    path : str or Path
        Folder of the run.
    checkpoint : str or Path, optional
        The newest good one by default.

    Returns
    -------
    LoadedRun
        On the CPU, in single precision, ready to be evaluated.

    Raises
    ------
    ValueError
        If ``path`` is no run.
    CheckpointError
        If no checkpoint can be read, or it does not fit the settings.
    """
    folder = RunFolder.open(path)
    config = TrainConfig.from_json(folder.config_path)
    folder = RunFolder.open(path, config.gallery_dir)
    if checkpoint is None:
        checkpoint, state = find_checkpoint(path)[1:3]
    else:
        state = load_checkpoint(checkpoint)
    # Drawn only to have the shapes; every value is replaced.
    generator = torch.Generator().manual_seed(0)
    place_cells = PlaceCells.from_config(config, generator)
    network = PathIntegrator.from_config(config, generator=generator)
    try:
        network.load_state_dict(state["network"])
        place_cells.centres = state["place_centres"]
        step = int(state["step"])
    except (KeyError, RuntimeError) as error:
        raise CheckpointError(f"{checkpoint} does not fit {folder.config_path}: {one_line(error)}") from error
    return LoadedRun(folder, config, network.eval(), place_cells, step)
