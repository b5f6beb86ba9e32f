"""How long a network knows the place, by the strength of the feedback from its place code; all on the same walks."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from topogrid.evaluation.decoding import follow
from topogrid.evaluation.held_out import walk_in_parts
from topogrid.evaluation.maps import error_inside
from topogrid.evaluation.probe import AS_TRAINED
from topogrid.model.network import Feedback
from topogrid.streams import make_generators
from topogrid.trained.trained import Trained
from topogrid.world.walks import Walks

Float = NDArray[np.float64]


class FeedbackSweep(NamedTuple):
    """Errors at some moments of the same walks, by strength."""

    strength: tuple[float, ...]
    seconds: tuple[float, ...]
    mean_cm: Float
    """``(strength, time)``, over walks."""
    median_cm: Float
    """``(strength, time)``."""


def sweep_feedback(
    trained: Trained,
    code: str,
    strengths: Sequence[float],
    seconds: Sequence[float],
    *,
    n_walks: int = 20,
    speed_factor: float = 1.0,
) -> FeedbackSweep:
    """Follow held-out walks with feedback of several strengths at once.

    Parameters
    ----------
    trained : Trained
    code : {"predicted", "decoded"}
        What is fed back, see `topogrid.world.place_cells.PlaceCells.fed_back`.
    strengths : sequence of float
        As ``place_feedback``; 0 is no feedback.
    seconds : sequence of float
        Moments at which errors are taken, in rising order; walks end at the last.
    n_walks : int
        Walks at each strength.
    speed_factor : float
        How much faster than in training animals walk.

    Returns
    -------
    FeedbackSweep

    Raises
    ------
    ValueError
        If there is no strength or moment, one is out of range, or moments do not rise.
    """
    if not strengths or not all(0 <= one <= 1 for one in strengths):
        raise ValueError(f"strengths must be one or more numbers of 0 to 1, got {list(strengths)}")
    config, place_cells = trained.config, trained.place_cells
    steps = [round(moment / config.dt) for moment in seconds]
    if not steps or steps[0] < 1 or any(after <= before for before, after in pairwise(steps)):
        raise ValueError(f"moments must rise from a step of {config.dt:g} s on, got {list(seconds)}")
    probe = dataclasses.replace(AS_TRAINED, speed_factor=speed_factor)
    device = trained.network.encoder.device
    generator = make_generators(config.seed, device, ("held_out_long_walks",))["held_out_long_walks"]
    walks = walk_in_parts(config, probe, n_walks, steps[-1], generator, config.box_size)
    count = len(strengths)
    many = Walks(*(part.repeat_interleave(count, dim=part.ndim - 2) for part in walks))
    strength = torch.tensor(strengths, dtype=torch.float32, device=device).repeat(n_walks)[:, None]
    feedback = Feedback(strength, config.place_feedback_every, place_cells.fed_back(code))
    at = np.array(steps) - 1
    decoded = follow(trained.network, place_cells, many, feedback=feedback, at=at)
    position = many.position[torch.from_numpy(at).to(device)]
    error = 100 * error_inside(place_cells, decoded, position).double().cpu().numpy().reshape(len(at), n_walks, count)
    return FeedbackSweep(tuple(strengths), tuple(seconds), np.nanmean(error, axis=1).T, np.nanmedian(error, axis=1).T)
