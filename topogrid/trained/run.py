"""A trained network out of the folder of its run."""

from __future__ import annotations

from pathlib import Path

from topogrid.runs.checkpoints import find_checkpoint, load_checkpoint
from topogrid.runs.folder import RunFolder
from topogrid.settings.carried import check_carried, read_carried
from topogrid.settings.machine import check_memory_to_open
from topogrid.settings.saved import read_settings
from topogrid.trained.trained import Trained
from topogrid.trained.weights import build, checked_step, checked_weights


def open_run(path: str | Path, checkpoint: str | Path | None = None) -> Trained:
    """Open a run with nothing but its folder.

    Parameters
    ----------
    path : str or Path
        Folder of the run.
    checkpoint : str or Path, optional
        The newest good one by default.

    Returns
    -------
    Trained
        On the CPU, in single precision.

    Raises
    ------
    ValueError
        If ``path`` is no run.
    CheckpointError
        If no checkpoint can be read, or it does not fit the settings.
    SettingsError
        If it was trained with other settings than the run has now.
    """
    # Where pictures go is for whoever opens a run to say, not for its files: the default folder here.
    folder = RunFolder.open(path)
    config = read_settings(folder.config_path).config
    check_memory_to_open(config)
    notes: list[str] = []
    if checkpoint is None:
        _folder, checkpoint, state, notes = find_checkpoint(path, set_aside=False)
    else:
        state = load_checkpoint(checkpoint)
    where = str(checkpoint)
    check_carried(read_carried(state, where), config, where)
    network, place_cells = build(
        checked_weights(state.get("network"), where), state.get("place_centres"), config, where
    )
    step = checked_step(state, where)
    return Trained(network, place_cells, config, step, f"{path}, step {step}", folder, notes=tuple(notes))
