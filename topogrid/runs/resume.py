"""Which run a person means who wants to go on with one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple


class RunToContinue(NamedTuple):
    """A run, and where in it to go on."""

    folder: Path
    start: Path
    """What to continue from: the folder, or one checkpoint in it."""


def run_to_continue(wanted: str, save_dir: str | Path, name: str) -> RunToContinue | None:
    """Return the run to go on with.

    Parameters
    ----------
    wanted : str
        Its folder, one of its checkpoints, or ``auto``: the run called ``name``, or without a name the one in
        ``save_dir`` that saved last.
    save_dir : str or Path
    name : str
        Empty for none.

    Returns
    -------
    RunToContinue or None
        ``None`` if ``auto`` found none.

    Raises
    ------
    ValueError
        If there is no such run; the message goes on after the name of the flag.
    """
    if wanted == "auto":
        folder = _newest_run(Path(save_dir), name)
        return None if folder is None else RunToContinue(folder, folder)
    path = Path(os.path.abspath(wanted)) if Path(wanted).name in ("", "..") else Path(wanted)
    if not wanted or not os.path.exists(path):
        inside = Path(save_dir) / wanted
        is_inside = bool(wanted) and os.path.isdir(inside)
        hint = f"did you mean {inside}?" if is_inside else "give a run folder, a checkpoint or auto"
        raise ValueError(f"found nothing at {_shown(wanted)}; {hint}")
    folder = path if path.is_dir() else path.parent.parent
    if not (folder / "config.json").is_file() or not (path.is_dir() or path.parent.name == "checkpoints"):
        raise ValueError(f"must be a run folder or a checkpoint inside one, but {_shown(wanted)} is neither")
    # One without any file was stopped before its first checkpoint, and begins again.
    if not _checkpoints(folder) and any((folder / "checkpoints").glob("[!.]*")):
        raise ValueError(f"found no good checkpoint in {_shown(wanted)}; start that run anew without --resume")
    return RunToContinue(folder, path)


def _newest_run(save_dir: Path, name: str) -> Path | None:
    if name and (save_dir / name / "config.json").is_file():
        return save_dir / name
    folders = [] if name else sorted(save_dir.glob("*"))
    saved = {folder: _checkpoints(folder) for folder in folders if (folder / "config.json").is_file()}
    times = {folder: max(path.stat().st_mtime for path in paths) for folder, paths in saved.items() if paths}
    return max(times, key=times.__getitem__, default=None)


def _checkpoints(folder: Path) -> list[Path]:
    return list((folder / "checkpoints").glob("*.pt"))


def _shown(text: str) -> str:
    shown = repr(text)
    return shown if len(shown) <= 120 else shown[:100] + "..."
