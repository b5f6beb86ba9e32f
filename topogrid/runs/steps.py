"""Files that are named after the step they are of: checkpoints and evaluations."""

from __future__ import annotations

import re
import stat
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

_NAME = re.compile(r"step_(\d{1,15})(\.pt|\.npz)", re.ASCII)


class OfStep(NamedTuple):
    """A file and its step."""

    step: int
    path: Path


def step_of(path: Path) -> int | None:
    """Return the step that a file is named after, ``step_00005000.pt`` or ``.npz``; ``None`` for any other name."""
    match = _NAME.fullmatch(path.name)
    return int(match[1]) if match else None


def by_step(folder: Path, suffix: str) -> list[OfStep]:
    """Return the files of a folder that are named after a step, the newest step first.

    Parameters
    ----------
    folder : Path
        May not be there.
    suffix : {".pt", ".npz"}

    Returns
    -------
    list of OfStep
        Regular files and what is unreadable in their place, but no folders: whoever opens one says what is wrong.
    """
    found = []
    for path in folder.glob(f"step_*{suffix}"):
        step = step_of(path)
        if step is not None and not path.is_dir():
            found.append(OfStep(step, path))
    return sorted(found, reverse=True)


def saved_steps(folder: Path) -> list[int]:
    """Return the steps of the checkpoints in the folder of a run that are regular files, the newest first."""
    steps = []
    for one in by_step(folder / "checkpoints", ".pt"):
        with suppress(OSError):
            if stat.S_ISREG(one.path.stat().st_mode):
                steps.append(one.step)
    return steps
