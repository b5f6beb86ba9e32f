"""A network trained from Python."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from tqdm import tqdm

from topogrid.api.run import Run, open_trained
from topogrid.session.asked import as_given, resolve
from topogrid.session.run import DONE, run_training

_INTERRUPTED = 130


class TrainingError(RuntimeError):
    """Training did not get to its end; the message is what the command line says.

    Attributes
    ----------
    code : int
        What the command would exit with: 1 could not be saved, 2 could not start, 3 a loss that is not finite, 143
        stopped by a signal after saving.
    path : Path or None
        Folder of the run, if it has one.
    """

    def __init__(self, message: str, code: int, path: Path | None) -> None:
        super().__init__(message)
        self.code, self.path = code, path


def train(**settings: Any) -> Run:
    """Train a network, as ``topogrid train`` does with the same settings as flags.

    Parameters
    ----------
    **settings
        Any of ``topogrid train --help``, such as ``preset="laptop"``, ``tau=True``, ``name="mine"``, ``resume="auto"``.

    Returns
    -------
    Run
        The finished run. Progress is told on stderr, as in a terminal.

    Raises
    ------
    SettingsError
        If a setting is not known, cannot be used, or would have no effect.
    TrainingError
        If training did not get to its end.
    KeyboardInterrupt
        If it was interrupted; what was trained is saved.
    """
    config = resolve(as_given(settings))
    told: list[str] = []
    folders: list[Path] = []

    def say(line: str) -> None:
        told.append(line)
        tqdm.write(line, file=sys.stderr)

    code = run_training(config, say, began=folders.append)
    path = folders[0] if folders else None
    if code == DONE and path is not None:
        return open_trained(path)
    message = told[-1].removeprefix("topogrid: ") if told else f"training ended with exit code {code}"
    if code == _INTERRUPTED:
        raise KeyboardInterrupt(message)
    raise TrainingError(message, code, path)
