"""Any trained network opened: the folder of a run, a checkpoint, safetensors, a file of the original project."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from topogrid.settings.errors import SettingsError
from topogrid.settings.fields import LEFT_OUT_SETTINGS
from topogrid.trained.original import open_bare
from topogrid.trained.run import open_run
from topogrid.trained.safetensors import SUFFIX, import_weights
from topogrid.trained.trained import Trained

PUBLISHED = "weights.safetensors"
"""File of the weights in the folder of a published network."""


def open_trained(
    path: str | Path,
    *,
    checkpoint: str | Path | None = None,
    settings: Mapping[str, Any] | None = None,
    place_cells: str | Path | None = None,
) -> Trained:
    """Open the folder of a run, one of its checkpoints, an exported file, or a bare checkpoint, ours or the original's.

    Parameters
    ----------
    path : str or Path
        What to open; of a folder that is no run, the file `PUBLISHED` in it.
    checkpoint : str or Path, optional
        One checkpoint of the run at ``path``; its newest by default.
    settings : mapping, optional
        Settings of the evaluation, and for a bare checkpoint `LEFT_OUT_SETTINGS`.
    place_cells : str or Path, optional
        Centres of an original checkpoint; see `topogrid.trained.original.read_centres`.

    Returns
    -------
    Trained
        On the CPU, in single precision.

    Raises
    ------
    SettingsError
        If a setting cannot be used, or contradicts what the run knows itself.
    CheckpointError, ValueError
        If there is nothing to open; see `open_run` and `open_bare`.
    """
    path, settings = weights_in(Path(path)), dict(settings or {})
    if checkpoint is not None and path.is_file():
        raise SettingsError(f"{path} is a checkpoint itself; leave --checkpoint out")
    run = _run_of(path)
    if run is not None:
        _refuse_known(run, settings, place_cells)
        return open_run(run, path if path.is_file() else checkpoint).with_settings(settings)
    if path.suffix == SUFFIX:
        _refuse_known(path, settings, place_cells)
        return import_weights(path).with_settings(settings)
    return open_bare(path, settings, place_cells=place_cells)


def weights_in(path: Path) -> Path:
    """Return the exported weights in a folder that is no run, such as that of a published network; else the path."""
    inside = path / PUBLISHED
    return inside if inside.is_file() and not (path / "config.json").exists() else path


def _refuse_known(path: Path, settings: Mapping[str, Any], place_cells: str | Path | None) -> None:
    foreign = [name for name in LEFT_OUT_SETTINGS if name in settings] + ["place_cells"] * (place_cells is not None)
    if foreign:
        raise SettingsError(f"{path} knows its own {', '.join(foreign)}; leave --{' --'.join(foreign)} out")


def _run_of(path: Path) -> Path | None:
    """Return the folder of the run that a path belongs to; ``None`` for a bare checkpoint."""
    if not path.is_file():
        return path
    inside = path.parent.name == "checkpoints" and (path.parent.parent / "config.json").is_file()
    return path.parent.parent if inside else None
