"""Follow a recorded walk with a trained network, told again and again where the animal is, and count its errors."""

from __future__ import annotations

import math
import warnings
from typing import Any, NamedTuple

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray

from topogrid import figures
from topogrid.evaluation.decoding import follow
from topogrid.evaluation.gallery import network_of
from topogrid.evaluation.held_out import STEPS_AT_ONCE
from topogrid.model.network import Feedback, PathIntegrator
from topogrid.settings.config import TrainConfig
from topogrid.settings.cost import WALKS_AT_ONCE
from topogrid.world.place_cells import PlaceCells
from topogrid.world.walks import Walks

Float = NDArray[np.float64]


class Followed(NamedTuple):
    """A walk in pieces, each begun from the true place; NaN where the last piece has ended.

    Attributes
    ----------
    seconds : ndarray, ``(time,)``
        Time since the start of a piece.
    true, decoded : ndarray, ``(piece, time, 2)``
        Positions, metres from the middle of the recorded area.
    error_cm, still_cm, middle_cm : ndarray, ``(piece, time)``
        Decoding error; error of an animal that believes it never left where the piece began; error of always guessing
        the middle of the recorded area.
    feedback_decoded, feedback_error_cm : ndarray or None
        The same as ``decoded`` and ``error_cm`` with the loop from place code to units closed, where there is one.
    """

    seconds: Float
    true: Float
    decoded: Float
    error_cm: Float
    still_cm: Float
    middle_cm: Float
    feedback_decoded: Float | None = None
    feedback_error_cm: Float | None = None

    def errors(self) -> figures.Errors:
        """Return errors over pieces at each time since their start."""
        looped = self.feedback_error_cm
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Mean of empty slice|All-NaN slice", RuntimeWarning)
            return figures.Errors(
                mean=np.nanmean(self.error_cm, axis=0),
                median=np.nanmedian(self.error_cm, axis=0),
                band=np.nanquantile(self.error_cm, (0.25, 0.75), axis=0),
                feedback_mean=None if looped is None else np.nanmean(looped, axis=0),
                feedback_median=None if looped is None else np.nanmedian(looped, axis=0),
                still=np.nanmean(self.still_cm, axis=0),
                middle=np.nanmean(self.middle_cm, axis=0),
            )

    def summary(self) -> dict[str, float]:
        """Return mean and median errors in centimetres, over all steps and at the ends of whole pieces."""
        found: dict[str, float] = {}
        kinds = {"": self.error_cm, "feedback_": self.feedback_error_cm}
        for name, error in (kinds | {"hold_still_": self.still_cm, "middle_": self.middle_cm}).items():
            if error is not None:
                found |= {
                    f"{name}mean_error_cm": float(np.nanmean(error)),
                    f"{name}median_error_cm": float(np.nanmedian(error)),
                    f"{name}mean_error_at_end_cm": float(np.nanmean(error[:, -1])),
                    f"{name}median_error_at_end_cm": float(np.nanmedian(error[:, -1])),
                }
        return found

    def record(self) -> dict[str, Any]:
        """Return the summary with the size of the pieces, as JSON takes it."""
        return {"pieces": len(self.true), "piece_seconds": float(self.seconds[-1]), **self.summary()}


def told(followed: Followed, walk: str, seconds: float) -> list[str]:
    """Say in lines how far off the network was, and what nobody needs a network for."""
    found, each = followed.summary(), float(followed.seconds[-1])
    once = len(followed.true) == 1
    lines = [
        f"Followed {walk} for {seconds:.0f} s, told the place {'once' if once else f'every {each:g} s'}.",
        "Errors in cm, mean (median):",
    ]
    names = {"": "network", "feedback_": "network, with feedback", "hold_still_": "sitting still"}
    for name, who in (names | {"middle_": "always guessing the middle"}).items():
        if f"{name}mean_error_cm" in found:
            over, end = (
                f"{found[f'{name}mean_error{when}_cm']:.1f} ({found[f'{name}median_error{when}_cm']:.1f})"
                for when in ("", "_at_end")
            )
            lines.append(f"  {who + ':':<28}{over} over {'all' if once else f'the {each:g} s'}, {end} at the end")
    return lines


def draw_followed(followed: Followed, config: TrainConfig, name: str) -> Figure:
    """Draw pieces of the walk called ``name`` and the error since they began, or the one piece that it is whole."""
    if len(followed.true) == 1:
        return figures.followed_walk(
            followed.true[0],
            followed.decoded[0],
            followed.seconds,
            config.box_size,
            name=f"{name}, told where it began",
            network=network_of(config),
        )
    return figures.followed_pieces(
        followed.true,
        followed.decoded,
        followed.seconds,
        followed.errors(),
        config.box_size,
        rng=np.random.default_rng([config.seed, 26]),
        feedback=followed.feedback_decoded,
        name=name,
        network=network_of(config),
    )


def feedback_of(config: TrainConfig, place_cells: PlaceCells) -> Feedback | None:
    """Return the loop from place code to units that the settings ask for, ``None`` where they ask for none."""
    if not config.place_feedback:
        return None
    return Feedback(config.place_feedback, config.place_feedback_every, place_cells.softmax)


def follow_in_pieces(
    network: PathIntegrator,
    place_cells: PlaceCells,
    walk: Walks,
    *,
    dt: float,
    restart_s: float = 0.0,
    feedback: Feedback | None = None,
) -> Followed:
    """Decode a recorded walk in pieces, all of them at once.

    Parameters
    ----------
    network, place_cells
        What was trained.
    walk : Walks
        One walk, ``batch`` = 1.
    dt : float
        Length of a step, seconds.
    restart_s : float
        Length of a piece, seconds; 0: the whole walk is one.
    feedback : Feedback, optional
        With it the walk is followed both without and with it.

    Returns
    -------
    Followed
    """
    n_steps = len(walk.displacement)
    every = min(n_steps, max(1, round(restart_s / dt))) if restart_s else n_steps
    pieces = _cut(walk, every)
    there = n_steps > torch.arange(every * len(pieces.start)).reshape(-1, every).T  # the last piece may be shorter

    def in_cm(believed: torch.Tensor) -> Float:
        error = place_cells.error(believed, pieces.position).where(there.to(believed.device), math.nan)
        return 100 * _numpy(error).T

    at_once = max(1, min(100, STEPS_AT_ONCE * WALKS_AT_ONCE // len(pieces.start)))
    plain = follow(network, place_cells, pieces, steps_at_once=at_once)
    looped = (
        None if feedback is None else follow(network, place_cells, pieces, feedback=feedback, steps_at_once=at_once)
    )

    def path(position: torch.Tensor) -> Float:
        return _numpy(position.where(there[..., None].to(position.device), math.nan)).swapaxes(0, 1)

    return Followed(
        seconds=dt * np.arange(1, every + 1, dtype=np.float64),
        true=path(pieces.position),
        decoded=path(plain),
        error_cm=in_cm(plain),
        still_cm=in_cm(pieces.start.expand_as(pieces.position)),
        middle_cm=in_cm(torch.zeros_like(pieces.position)),
        feedback_decoded=None if looped is None else path(looped),
        feedback_error_cm=None if looped is None else in_cm(looped),
    )


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
