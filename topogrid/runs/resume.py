"""Which run a person means who wants to go on with one."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import NamedTuple

from topogrid.runs.folder import RunFolder, folder_name
from topogrid.runs.steps import by_step

AUTO = "auto"
"""Stands for the run of the given name, or else the newest."""


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
    if wanted == AUTO:
        folder = _run_called(name, Path(save_dir)) if name else newest_run(Path(save_dir))
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


def newest_run(save_dir: Path) -> Path | None:
    """Return the run in a folder that saved last; ``None`` if none has saved."""
    times: dict[Path, float] = {}
    for folder in sorted(save_dir.glob("*")):
        if (folder / "config.json").is_file():
            for one in by_step(folder / "checkpoints", ".pt"):
                if one.path.is_file():
                    times[folder] = max(times.get(folder, -math.inf), one.path.stat().st_mtime_ns)
    return max(times, key=times.__getitem__, default=None)


def _run_called(name: str, save_dir: Path) -> Path | None:
    """Return the run of a name; ``None`` if there is nothing of that name yet, so that it may be made.

    What a process leaves that was killed before it wrote its settings is nothing yet. Anything else is refused: a job
    that starts itself again would begin a new run beside it each time.
    """
    folder = save_dir / folder_name(name)
    if (folder / "config.json").is_file():
        return folder
    if os.path.lexists(folder) and not RunFolder(folder, folder).is_unborn():
        kind = "a link that leads to no run" if folder.is_symlink() else "a file" if folder.is_file() else "no run"
        raise ValueError(
            f"auto looked for the run {_shown(name)}, and {folder} is {kind}: it has no config.json; move it away, or "
            "give another --name"
        )
    return None


def _checkpoints(folder: Path) -> list[Path]:
    return [one.path for one in by_step(folder / "checkpoints", ".pt")]


def _shown(text: str) -> str:
    shown = repr(text)
    return shown if len(shown) <= 120 else shown[:100] + "..."
