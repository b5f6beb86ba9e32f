"""Walks of an animal in a box: simulated in batches on the device, or read from a recording.

Shapes: T time, B batch. Positions are metres with the origin at the centre of the box.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from topogrid.world.cpu_walks import Steps, walk_on_cpu

# The motion model of Sorscher et al. (2019): speed is Rayleigh distributed, turning is normal.
SPEED_SCALE = 0.13 * 2 * math.pi  # m/s, the Rayleigh parameter


TURN_SD = 11.52  # rad/s


WALL_DISTANCE = 0.03  # m; nearer than this the walker turns along the wall ...


WALL_SLOWING = 0.25  # ... and slows to this share of its speed


# Root of x^4 = x + 1: steps of 1/r, 1/r^2 and 1/r^3 spread points most evenly in three dimensions (Roberts 2018).
_THREE_DIMENSIONS = 1.2207440846057596


class Walks(NamedTuple):
    """A batch of walks. ``position[t] = position[t - 1] + displacement[t]``, with ``start`` before the first."""

    start: Tensor
    """``(batch, 2)``, metres."""
    displacement: Tensor
    """``(time, batch, 2)``, metres moved during each step: the field's "velocity" times dt."""
    position: Tensor
    """``(time, batch, 2)``, metres, after each step."""


def simulate_walks(
    n_walks: int,
    n_steps: int,
    *,
    box_size: tuple[float, float],
    dt: float,
    generator: torch.Generator,
    periodic: bool = False,
    speed_factor: float = 1.0,
    start_box: tuple[float, float] | None = None,
    even_starts: bool = False,
    compiled: bool = False,
) -> Walks:
    """Let ``n_walks`` animals forage, all at once, on the device of ``generator``.

    Each starts uniformly in the box with a uniform heading. A step turns it by a normal angle, moves it by a Rayleigh
    distance, and near a wall it was running towards turns it parallel to that wall and slows it down. A step that would
    still leave the box ends at its wall.

    Parameters
    ----------
    n_walks, n_steps : int
        Number of walks and of steps in each.
    box_size : (float, float)
        Width and height, metres.
    dt : float
        Duration of a step, seconds.
    generator : torch.Generator
        Source of all randomness; its device is where the walks are made.
    periodic : bool
        Walls wrap around (a torus) instead of stopping the animal. ``displacement`` is then the movement itself, so
        positions are its running sum modulo the box.
    speed_factor : float
        Multiplies all speeds, for probing a network outside what it was trained on.
    start_box : (float, float), optional
        Width and height of the middle part of the box in which walks start, metres; all of it by default.
    even_starts : bool
        Spread the starts and headings of the batch evenly instead of drawing each on its own. Every single walk is
        distributed as before, but a sum over the batch, such as a gradient, varies less between batches.
    compiled : bool
        Let ``torch.compile`` make one pass of what is done in every step, which a GPU otherwise does in thirty.

    Returns
    -------
    Walks

    Raises
    ------
    ValueError
        If ``start_box`` is larger than the box.

    References
    ----------
    Sorscher et al., NeurIPS 2019; motion statistics after Raudies & Hasselmo, PLoS Comput. Biol. 2012; even starts by
    an additive recurrence, Roberts, "The unreasonable effectiveness of quasirandom sequences", 2018.
    """
    device = generator.device
    half = _constant(box_size, device) / 2
    if start_box is not None and not (start_box[0] <= box_size[0] and start_box[1] <= box_size[1]):
        raise ValueError(f"walks must start inside the box of {box_size} m, got a start_box of {start_box} m")
    start_half = half if start_box is None else _constant(start_box, device) / 2
    draw = _even_uniforms if even_starts else _uniforms
    uniforms = draw(n_walks, generator)
    start = (2 * uniforms[:, :2] - 1) * start_half
    heading = 2 * math.pi * uniforms[:, 2]
    # 1 - rand is in (0, 1], so the logarithm is finite.
    uniform = 1 - torch.rand(n_steps, n_walks, generator=generator, device=device)
    distance = torch.sqrt(-2 * torch.log(uniform)) * (SPEED_SCALE * speed_factor * dt)
    turn = torch.randn(n_steps, n_walks, generator=generator, device=device) * (TURN_SD * dt)
    displacement, position = (torch.empty(n_steps, n_walks, 2, device=device) for _ in range(2))
    steps = Steps(start, heading, turn, distance, WALL_SLOWING * distance, half, displacement, position)
    if device.type == "cpu" and not compiled:
        walk_on_cpu(steps, wall_distance=WALL_DISTANCE, periodic=periodic)
    else:
        walk_on_device(steps, periodic=periodic, compiled=compiled)
    return Walks(start, displacement, position)


def walk_on_device(steps: Steps, *, periodic: bool, compiled: bool) -> None:
    """Let animals take all their steps on any device; see `walk_on_cpu`."""
    walk = _compiled_step() if compiled else _step
    here, heading = steps.start, steps.heading
    # Taken apart at once, as looking for a row in each of many steps takes as long as some of the work.
    rows = (steps.turns, steps.lengths, steps.slowed, steps.displacement, steps.position)
    for turned, length, slowed, moved, there in zip(*(row.unbind() for row in rows), strict=True):
        heading = walk(here, heading, turned, length, slowed, steps.half, moved, there, periodic)
        here = there


def _step(
    here: Tensor,
    heading: Tensor,
    turn: Tensor,
    length: Tensor,
    slowed: Tensor,
    half: Tensor,
    moved: Tensor,
    there: Tensor,
    periodic: bool,
) -> Tensor:
    """Let every animal take a step; returns its new heading, writes how it ``moved`` and where it is into ``there``."""
    heading = heading + turn
    if not periodic:
        along_wall, near = _turn_along_wall(here, heading, half)
        heading = heading + along_wall
        length = torch.where(near, slowed, length)
    move = torch.stack((length * heading.cos(), length * heading.sin()), dim=-1)
    if periodic:
        moved.copy_(move)
        torch.sub(torch.remainder(here + move + half, 2 * half), half, out=there)
    else:
        torch.sub(torch.clamp(here + move, -half, half), here, out=moved)
        torch.clamp(here + moved, -half, half, out=there)
    return heading


@functools.cache
def _compiled_step() -> Callable[..., Tensor]:
    return torch.compile(_step)


def _uniforms(count: int, generator: torch.Generator) -> Tensor:
    """Independent points in the unit cube, ``(count, 3)``."""
    device = generator.device
    drawn = (torch.rand(count, axes, generator=generator, device=device) for axes in (2, 1))
    return torch.cat(tuple(drawn), dim=1)


def _even_uniforms(count: int, generator: torch.Generator) -> Tensor:
    """Points of an additive recurrence in the unit cube, ``(count, 3)``, each of them uniformly distributed.

    The whole set is shifted at random (Cranley & Patterson, SIAM J. Numer. Anal. 1976), and every point is jittered by
    about the distance to the next, so that no spatial frequency is missed by all batches alike.
    """
    device = generator.device
    strides = _constant([_THREE_DIMENSIONS**-axis for axis in (1, 2, 3)], device)
    shift = torch.rand(1, 3, generator=generator, device=device)
    jitter = (torch.rand(count, 3, generator=generator, device=device) - 0.5) / math.sqrt(count)
    return torch.remainder(shift + jitter + torch.arange(count, device=device)[:, None] * strides, 1.0)


def _constant(values: Sequence[float], device: torch.device) -> Tensor:
    """Vector made on the device: one copied from the host would stall a GPU, and cannot be recorded in a CUDA graph."""
    return torch.stack([torch.full((), value, device=device) for value in values])


def _turn_along_wall(position: Tensor, heading: Tensor, half: Tensor) -> tuple[Tensor, Tensor]:
    """Turn (radians) that makes walkers near a wall run parallel to it, and which walkers that concerns."""
    # Distances to the walls whose outward normals point to 0, 90, 180 and 270 degrees.
    distances = torch.cat((half - position, half + position), dim=-1)
    nearest, wall = distances.min(dim=-1)
    towards = torch.remainder(heading - wall * (math.pi / 2) + math.pi, 2 * math.pi) - math.pi
    near = (nearest < WALL_DISTANCE) & (towards.abs() < math.pi / 2)
    parallel = torch.where(towards >= 0, math.pi / 2, -math.pi / 2) - towards
    return torch.where(near, parallel, 0.0), near


def split_steps(walks: Walks, parts: int, *, box_size: tuple[float, float], periodic: bool = False) -> Walks:
    """Sample the same paths more often: every step becomes ``parts`` equal ones along the straight line.

    Parameters
    ----------
    walks : Walks
    parts : int
        New steps per old one, at least 1.
    box_size : (float, float)
        Width and height, metres; only used when ``periodic``.
    periodic : bool
        Whether the walls wrap around.

    Returns
    -------
    Walks
        ``parts`` times as many steps; every ``parts``-th position is one of ``walks``.
    """
    before = torch.cat((walks.start[None], walks.position[:-1]))
    share = torch.arange(1, parts, device=walks.start.device) / parts
    between = before[:, None] + share[:, None, None] * walks.displacement[:, None]
    if periodic:
        box = torch.tensor(box_size, device=walks.start.device)
        between = torch.remainder(between + box / 2, box) - box / 2
    position = torch.cat((between, walks.position[:, None]), dim=1).flatten(0, 1)
    return Walks(walks.start, walks.displacement.repeat_interleave(parts, dim=0) / parts, position)


def join_steps(walks: Walks, parts: int) -> Walks:
    """Sample the same paths less often: every ``parts`` steps become one; a rest at the end is cut off.

    Parameters
    ----------
    walks : Walks
        At least ``parts`` steps long.
    parts : int
        Old steps per new one, at least 1.

    Returns
    -------
    Walks
    """
    n_steps = len(walks.displacement) // parts
    displacement = walks.displacement[: n_steps * parts].reshape(n_steps, parts, -1, 2).sum(dim=1)
    return Walks(walks.start, displacement, walks.position[parts - 1 :: parts][:n_steps])
