"""The steps of simulated walks on a CPU: thirty operations on a few numbers each, which NumPy begins much sooner.

To the bit what `topogrid.world.walks` computes on a device: cosines and sines are PyTorch's, all else is exact.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Floats = NDArray[np.floating]


class Steps(NamedTuple):
    """The steps of a batch of walks, drawn and about to be taken."""

    start: Tensor
    """``(batch, 2)``, metres."""
    heading: Tensor
    """``(batch,)``, before the first step, radians."""
    turns: Tensor
    """``(time, batch)``, radians."""
    lengths: Tensor
    """``(time, batch)``, metres."""
    slowed: Tensor
    """``(time, batch)``, metres where a wall slows the step."""
    half: Tensor
    """``(2,)``, half the sides of the box, metres."""
    displacement: Tensor
    """``(time, batch, 2)``; receives how animals moved in each step, metres."""
    position: Tensor
    """``(time, batch, 2)``; receives where they are after it, metres."""


def walk_on_cpu(steps: Steps, *, wall_distance: float, periodic: bool) -> None:
    """Let animals take all their steps.

    Parameters
    ----------
    steps : Steps
    wall_distance : float
        Metres; nearer than this animals turn along a wall.
    periodic : bool
        Whether walls wrap around.
    """
    start, heading, half = steps.start, steps.heading, steps.half
    # Coordinates are rows, so that each operation runs over neighbours.
    sides, here = half.numpy()[:, None], np.ascontiguousarray(start.numpy().T)
    angle, wave = heading.clone(), heading.new_empty(2, len(heading))
    facing, direction, cosine, sine = angle.numpy(), wave.numpy(), *wave.unbind()
    to_walls = np.empty((4, len(facing)), facing.dtype)
    rows = (steps.turns, steps.lengths, steps.slowed, steps.displacement, steps.position)
    for turn, length, slowed, moved, there in zip(*(row.numpy() for row in rows), strict=True):
        np.add(facing, turn, out=facing)
        far = length
        if not periodic:
            np.subtract(sides, here, out=to_walls[:2])
            np.add(sides, here, out=to_walls[2:])
            met, parallel = _met_walls(to_walls, facing, wall_distance)
            facing[met] += parallel
            far = length.copy()
            far[met] = slowed[met]
        torch.cos(angle, out=cosine)
        torch.sin(angle, out=sine)
        move = far * direction
        if periodic:
            step, here = move, np.remainder(here + move + sides, 2 * sides) - sides
        else:
            step = _inside(here + move, sides) - here
            here = _inside(here + step, sides)
        moved[...], there[...] = step.T, here.T


def _met_walls(to_walls: Floats, heading: Floats, wall_distance: float) -> tuple[NDArray[np.intp], Floats]:
    """Return the animals that run towards a wall near them, and the turn that makes each run along it.

    ``to_walls``, ``(4, batch)``, are the distances to walls whose outward normals point to 0, 90, 180 and 270 degrees.
    """
    near = np.flatnonzero(to_walls.min(axis=0) < wall_distance)
    normal = to_walls[:, near].argmin(axis=0).astype(heading.dtype) * (math.pi / 2)
    towards = np.remainder(heading[near] - normal + math.pi, 2 * math.pi) - math.pi
    forward = np.abs(towards) < math.pi / 2
    towards = towards[forward]
    return near[forward], np.copysign(heading.dtype.type(math.pi / 2), towards) - towards


def _inside(place: Floats, sides: Floats) -> Floats:
    return np.minimum(np.maximum(place, -sides), sides)
