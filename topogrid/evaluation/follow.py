"""Follow a recorded walk with a trained network, told again and again where the animal is, and count its errors."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray

from topogrid import figures
from topogrid.evaluation.decoding import feedback_of, follow
from topogrid.evaluation.followed import Followed, draw_followed, told
from topogrid.evaluation.held_out import STEPS_AT_ONCE
from topogrid.files import write_json_atomic
from topogrid.model.network import Feedback, PathIntegrator
from topogrid.runs.folder import RunFolder
from topogrid.settings.config import TrainConfig
from topogrid.settings.cost import WALKS_AT_ONCE
from topogrid.settings.fields import FEEDBACK_SETTINGS
from topogrid.tables import plain
from topogrid.trained.trained import Trained
from topogrid.world.layout import SHIPPED, Layout
from topogrid.world.place_cells import PlaceCells
from topogrid.world.recordings import as_walk, read_recording, shipped_walk
from topogrid.world.walks import Walks

Float = NDArray[np.float64]


Progress = Callable[[str, int, int], None]
"""Told what was done, how many steps of it, and how many there are."""


PIECES_AT_ONCE = STEPS_AT_ONCE * WALKS_AT_ONCE  # bound memory: a long recording told the place at every step


LONGEST_RESTART = 1e6  # s; eleven days


_LONGEST_NAME = 100  # characters of a file's name that go into the names of results


@dataclass(frozen=True)
class FollowedRecording:
    """A recorded walk that a network has followed: what came of it, as numbers, lines and a picture."""

    walk: str
    """Name of its file."""
    seconds: float
    """How long it was followed."""
    restart_s: float
    """After how many seconds the network was told the place again; 0: it was told once."""
    followed: Followed
    config: TrainConfig
    step: int
    """Steps that the network was trained for."""
    top_speed: float
    """Of the fastest step between two samples, m/s."""
    notes: tuple[str, ...] = ()
    """What was left out of the recording, and what to look at."""

    @property
    def stem(self) -> str:
        """Name of the walk without its ending, as it goes into names of files: no control characters, not too long."""
        stem = Path(self.walk).stem
        return "".join(letter if letter.isprintable() else "_" for letter in stem)[:_LONGEST_NAME]

    def record(self) -> dict[str, Any]:
        """Return everything in numbers, as JSON takes it."""
        found = {
            "walk": self.walk,
            "step": self.step,
            "seconds": self.seconds,
            "restart_seconds": self.restart_s,
            "top_speed_m_s": self.top_speed,
            "notes": list(self.notes),
            **self.followed.record(),
        }
        fed = FEEDBACK_SETTINGS if self.config.place_feedback else ()
        return found | {name: getattr(self.config, name) for name in fed}

    def told(self) -> list[str]:
        """Say in lines how far off the network was."""
        lines = told(self.followed, plain(self.walk), self.seconds)
        return lines + [f"Note: {note}." for note in self.notes]

    def figure(self) -> Figure:
        """Draw pieces of the walk and the error since they began, or the one piece that it is whole."""
        return draw_followed(self.followed, self.config, plain(Path(self.walk).stem))

    def save(self, results: RunFolder) -> Path:
        """Write ``follow_<walk>.json`` and the picture, twice: with the figures and in the gallery.

        Returns
        -------
        Path
            The picture in the gallery.

        Raises
        ------
        OSError
            If the disk does not take it.
        """
        figure = self.figure()
        for folder in (results.figures, results.gallery):
            folder.mkdir(parents=True, exist_ok=True)
            figures.save_figure(figure, folder / f"follow_{self.stem}.png")
        write_json_atomic(results.path / f"follow_{self.stem}.json", self.record())
        return results.gallery / f"follow_{self.stem}.png"


def follow_recording(
    trained: Trained,
    walk: str | Path,
    *,
    restart_s: float = 10.0,
    layout: Layout | None = None,
    progress: Progress | None = None,
) -> FollowedRecording:
    """Let a trained network follow a recorded walk, told again and again where the animal is.

    Parameters
    ----------
    trained : Trained
    walk : str or Path
        File of a recorded walk, see `read_recording`; or ``sargolini`` or ``tanni``, the walks in the package
        ratinabox.
    restart_s : float
        Time after which the network is told the place again, seconds, taken to the nearest whole step of the network.
        0: only at the start, as where the walk is no longer than that.
    layout : Layout, optional
        Columns, units and rate of the file; by default seconds and metres under their usual names.
    progress : callable, optional
        Called as ``progress(what, steps done, steps in all)``.

    Returns
    -------
    FollowedRecording

    Raises
    ------
    ValueError
        If the walk cannot be read or does not fit the box of the network, or the restart is shorter than a step.
    """
    config = trained.config
    every = steps_of(restart_s, config.dt)
    path = shipped_walk(str(walk)) if str(walk) in SHIPPED else Path(walk)
    recording = read_recording(path, box_size=config.box_size, layout=layout)
    steps = as_walk(recording, config.dt, str(path))
    followed = follow_in_pieces(
        trained.network,
        trained.place_cells,
        steps,
        dt=config.dt,
        restart_s=restart_s,
        feedback=feedback_of(config, trained.place_cells),
        progress=progress,
    )
    n_steps = len(steps.displacement)
    restarted = config.dt * every if every < n_steps else 0.0
    rounded = f"told the place every {restarted:.6g} s, the whole steps of {config.dt:g} s nearest to {restart_s:g} s"
    notes = recording.notes if not restarted or math.isclose(restarted, restart_s) else (*recording.notes, rounded)
    return FollowedRecording(
        path.name, config.dt * n_steps, restarted, followed, config, trained.step, recording.top_speed, notes
    )


def steps_of(restart_s: float, dt: float) -> int:
    """Return the steps between two restarts, the nearest whole number of them; 0 for none.

    Whoever tells an error tells it with the time that these steps last, not with the one that was asked for.

    Raises
    ------
    ValueError
        If it is no number of seconds from 0 on, absurdly long, or shorter than a step.
    """
    if isinstance(restart_s, bool) or not isinstance(restart_s, Real) or not 0 <= float(restart_s) <= LONGEST_RESTART:
        raise ValueError(
            f"restart must be 0 (only at the start) to {LONGEST_RESTART:.0f} seconds, got {plain(repr(restart_s))[:60]}"
        )
    if 0 < restart_s < dt * (1 - 1e-9):
        raise ValueError(
            f"restart must be 0 (only at the start) or at least one step of {dt:g} s, got {restart_s:g} s; "
            f"give {dt:g} or more"
        )
    return round(restart_s / dt)


def follow_in_pieces(
    network: PathIntegrator,
    place_cells: PlaceCells,
    walk: Walks,
    *,
    dt: float,
    restart_s: float = 0.0,
    feedback: Feedback | None = None,
    progress: Progress | None = None,
) -> Followed:
    """Decode a recorded walk in pieces, thousands of them at once.

    Parameters
    ----------
    network, place_cells
        What was trained.
    walk : Walks
        One walk, ``batch`` = 1.
    dt : float
        Length of a step, seconds.
    restart_s : float
        Length of a piece, seconds, taken to the nearest whole step; 0: the whole walk is one.
    feedback : Feedback, optional
        With it the walk is followed both without and with it.
    progress : callable, optional
        Called as ``progress(what, steps done, steps in all)``.

    Returns
    -------
    Followed

    Raises
    ------
    ValueError
        If ``restart_s`` is shorter than a step.
    """
    n_steps = len(walk.displacement)
    every = min(n_steps, steps_of(restart_s, dt) or n_steps)
    pieces = _cut(walk, every)
    there = n_steps > torch.arange(every * len(pieces.start)).reshape(-1, every).T  # the last piece may be shorter

    def in_cm(believed: torch.Tensor) -> Float:
        error = place_cells.error(believed, pieces.position).where(there.to(believed.device), math.nan)
        return 100 * _numpy(error).T

    report = _Steps(progress, n_steps * (1 if feedback is None else 2))
    plain_path = _follow_all(network, place_cells, pieces, None, report)
    looped = None if feedback is None else _follow_all(network, place_cells, pieces, feedback, report)

    def path(position: torch.Tensor) -> Float:
        return _numpy(position.where(there[..., None].to(position.device), math.nan)).swapaxes(0, 1)

    return Followed(
        seconds=dt * np.arange(1, every + 1, dtype=np.float64),
        true=path(pieces.position),
        decoded=path(plain_path),
        error_cm=in_cm(plain_path),
        still_cm=in_cm(pieces.start.expand_as(pieces.position)),
        middle_cm=in_cm(torch.zeros_like(pieces.position)),
        feedback_decoded=None if looped is None else path(looped),
        feedback_error_cm=None if looped is None else in_cm(looped),
    )


class _Steps:
    """Counts decoded steps for whoever wants to know."""

    def __init__(self, progress: Progress | None, total: int) -> None:
        self._progress, self._total, self._done = progress, total, 0

    def add(self, steps: int) -> None:
        """Count some more; steps after the end of the walk, which fill its last piece, are none."""
        self._done = min(self._total, self._done + steps)
        if self._progress is not None:
            self._progress("steps", self._done, self._total)


def _follow_all(
    network: PathIntegrator, place_cells: PlaceCells, pieces: Walks, feedback: Feedback | None, report: _Steps
) -> torch.Tensor:
    """Decode pieces ``(time, piece, 2)``, as many at once as memory is kept for."""
    decoded = []
    for first in range(0, len(pieces.start), PIECES_AT_ONCE):
        some = slice(first, first + PIECES_AT_ONCE)
        part = Walks(pieces.start[some], pieces.displacement[:, some], pieces.position[:, some])
        at_once = max(1, min(100, PIECES_AT_ONCE // len(part.start)))
        decoded.append(follow(network, place_cells, part, feedback=feedback, steps_at_once=at_once, done=report.add))
    return torch.cat(decoded, dim=1)


def _cut(walk: Walks, every: int) -> Walks:
    """Cut a walk into pieces of ``every`` steps, a batch of them; the last one stands still once it has ended."""
    n_steps = len(walk.displacement)
    n_pieces = -(-n_steps // every)
    missing = n_pieces * every - n_steps
    displacement = torch.cat((walk.displacement[:, 0], walk.displacement.new_zeros(missing, 2)))
    position = torch.cat((walk.position[:, 0], walk.position[-1].expand(missing, 2)))
    start = torch.cat((walk.start, walk.position[every - 1 : n_steps - 1 : every, 0]))
    moves, places = (
        steps.reshape(n_pieces, every, 2).transpose(0, 1).contiguous() for steps in (displacement, position)
    )
    return Walks(start, moves, places)


def _numpy(values: torch.Tensor) -> Float:
    array: Float = values.double().cpu().numpy()
    return array
