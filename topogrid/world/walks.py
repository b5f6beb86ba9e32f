"""Walks of an animal in a box: simulated in batches on the device, or read from a recording.

Shapes: T time, B batch. Positions are metres with the origin at the centre of the box.
"""

from __future__ import annotations

import array
import csv
import importlib.metadata
import math
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

# The motion model of Sorscher et al. (2019): speed is Rayleigh distributed, turning is normal.
SPEED_SCALE = 0.13 * 2 * math.pi  # m/s, the Rayleigh parameter
TURN_SD = 11.52  # rad/s
WALL_DISTANCE = 0.03  # m; nearer than this the walker turns along the wall ...
WALL_SLOWING = 0.25  # ... and slows to this share of its speed

# Root of x^4 = x + 1: steps of 1/r, 1/r^2 and 1/r^3 spread points most evenly in three dimensions (Roberts 2018).
_THREE_DIMENSIONS = 1.2207440846057596

LARGEST_RECORDING = 4 * 10**9  # bytes in memory: days at the highest sampling rates
_WANTED_NPZ = "wanted an .npz archive with arrays `t` (seconds) and `pos` (sample, 2) in metres"
_WANTED_CSV = "wanted a table with the header t,x,y: seconds, metres, metres"
RECORDING_GAP = 1.0  # s; a hole this long is not interpolated but refused (and `t` may be sample numbers, not seconds)


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
    displacement = torch.empty(n_steps, n_walks, 2, device=device)
    position = torch.empty(n_steps, n_walks, 2, device=device)
    here = start
    for step in range(n_steps):
        heading = heading + turn[step]
        length = distance[step]
        if not periodic:
            along_wall, near = _turn_along_wall(here, heading, half)
            heading = heading + along_wall
            length = torch.where(near, WALL_SLOWING * length, length)
        move = torch.stack((length * heading.cos(), length * heading.sin()), dim=-1)
        if periodic:
            there = torch.remainder(here + move + half, 2 * half) - half
        else:
            move = torch.clamp(here + move, -half, half) - here
            there = torch.clamp(here + move, -half, half)
        displacement[step] = move
        position[step] = there
        here = there
    return Walks(start, displacement, position)


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
    parallel = torch.where(towards >= 0, 1.0, -1.0) * (math.pi / 2) - towards
    return torch.where(near, parallel, torch.zeros_like(parallel)), near


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


def load_walks(path: str | Path, *, dt: float, box_size: tuple[float, float] | None = None) -> Walks:
    """Read one recorded walk and resample it to the network's time step.

    Parameters
    ----------
    path : path of an ``.npz`` or ``.csv`` file
        Arrays ``t`` ``(sample,)`` in seconds and ``pos`` ``(sample, 2)`` in metres; in a table, a header ``t,x,y`` and
        one sample a line. The recording is moved so that the middle of the area it covers is the origin.
    dt : float
        Step to resample to by linear interpolation, seconds.
    box_size : (float, float), optional
        Width and height of the box the walk has to fit, metres.

    Returns
    -------
    Walks
        One walk, ``batch`` = 1.

    Raises
    ------
    ValueError
        If the file is not of such a kind, holds object arrays (they could run code), too few samples, values that are
        not finite, time that does not increase, a gap of a second or more, or a path larger than ``box_size``. The
        message names the fault and the remedy.
    """
    times, positions = _read_recording(Path(path))
    _check_recording(path, times, positions)
    positions = positions - (positions.min(axis=0) + positions.max(axis=0)) / 2
    if box_size is not None:
        _check_fits(path, positions, box_size)
    n_steps = int((times[-1] - times[0]) / dt + 1e-6)
    if n_steps < 1:
        raise ValueError(
            f"{path}: lasts {times[-1] - times[0]:.3g} s, at least one step of {dt} s is needed; give a longer walk"
        )
    grid = times[0] + dt * np.arange(n_steps + 1)
    resampled = np.stack([np.interp(grid, times, positions[:, axis]) for axis in (0, 1)], axis=-1)
    path_points = torch.from_numpy(resampled).float()[:, None, :]
    return Walks(path_points[0], path_points[1:] - path_points[:-1], path_points[1:])


def shipped_walk() -> Path:
    """File of the Sargolini foraging walk (50 Hz, 10 minutes, 1 m box) inside the installed package ``ratinabox``.

    The package is not imported: the walk is data, its dependencies are many.

    Raises
    ------
    ValueError
        If the package is not installed.

    References
    ----------
    Sargolini et al., Science 2006 (the recording); George et al., eLife 2024 (RatInABox, which ships it).
    """
    try:
        path = importlib.metadata.distribution("ratinabox").locate_file("ratinabox/data/sargolini.npz")
    except importlib.metadata.PackageNotFoundError as error:
        raise ValueError(
            "the Sargolini walk comes with the package ratinabox, which is not installed; "
            "run: pip install --no-deps ratinabox"
        ) from error
    return Path(str(path))


def _read_recording(path: Path) -> tuple[np.ndarray, np.ndarray]:
    wanted = _WANTED_CSV if path.suffix.lower() == ".csv" else _WANTED_NPZ
    if not path.is_file():
        raise ValueError(f"{path}: no such file; {wanted}")
    try:
        return _read_csv(path) if path.suffix.lower() == ".csv" else _read_npz(path)
    # On damaged files zipfile, zlib and NumPy's parser of headers raise a dozen unrelated types.
    except Exception as error:
        fault = (" ".join(str(error).split()) or type(error).__name__)[:200]
        raise ValueError(f"{path}: {fault}; {wanted}") from error


def _read_npz(path: Path) -> tuple[np.ndarray, np.ndarray]:
    # Opened here, because np.load leaves the file open when the archive in it is damaged.
    with path.open("rb") as file:
        archive = np.load(file, allow_pickle=False)
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise ValueError("holds a single array without a name")
        missing = [name for name in ("t", "pos") if name not in archive]
        if missing:
            raise ValueError(f"has arrays {sorted(archive)[:6]}, not {' and '.join(missing)}")
        with zipfile.ZipFile(path) as packed:
            # A small packed file could unfold to more than any memory.
            if sum(entry.file_size for entry in packed.infolist()) > LARGEST_RECORDING:
                raise ValueError(f"unfolds to more than {LARGEST_RECORDING / 1e9:g} GB")
        return _numbers(archive, "t"), _numbers(archive, "pos")


def _read_csv(path: Path) -> tuple[np.ndarray, np.ndarray]:
    if path.stat().st_size > LARGEST_RECORDING:
        raise ValueError(f"is larger than {LARGEST_RECORDING / 1e9:g} GB")
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.reader(file)
        header = [name.strip().lower() for name in next(rows, [])]
        if sorted(header) != ["t", "x", "y"]:
            raise ValueError(f"begins with {', '.join(header)[:60]!r}")
        values = array.array("d")
        for row in rows:
            if row:
                values.extend(_csv_numbers(row, rows.line_num))
    table = np.array(values, dtype=np.float64).reshape(-1, 3)[:, [header.index(name) for name in "txy"]]
    return table[:, 0], table[:, 1:]


def _csv_numbers(row: list[str], line: int) -> list[float]:
    if len(row) != 3:
        raise ValueError(f"line {line} has {len(row)} values")
    try:
        # An empty field is a sample that was not seen; _check_recording counts those.
        return [float(text) if text.strip() else math.nan for text in row]
    except ValueError:
        raise ValueError(f"line {line} is not numbers: {','.join(row)[:60]!r}") from None


def _numbers(archive: np.lib.npyio.NpzFile, name: str) -> np.ndarray:
    array = archive[name]
    if array.dtype.kind not in "iuf":
        raise ValueError(f"`{name}` holds {array.dtype}, not numbers")
    return array.astype(np.float64)


def _check_recording(path: str | Path, times: np.ndarray, positions: np.ndarray) -> None:
    if times.ndim != 1 or positions.ndim != 2 or positions.shape != (len(times), 2):
        raise ValueError(
            f"{path}: wanted `t` (sample,) and `pos` (sample, 2), got {times.shape} and {positions.shape}; "
            "save one row of `pos` per element of `t`"
        )
    if len(times) < 2:
        raise ValueError(f"{path}: has {len(times)} sample(s), at least 2 are needed; give a longer walk")
    if not (np.isfinite(times).all() and np.isfinite(positions).all()):
        bad = int((~np.isfinite(times) | ~np.isfinite(positions).all(axis=1)).sum())
        raise ValueError(f"{path}: {bad} samples are NaN or infinite; cut or interpolate them first")
    gaps = np.diff(times)
    if (gaps <= 0).any():
        where = int(np.argmax(gaps <= 0))
        raise ValueError(
            f"{path}: `t` must increase, but sample {where + 1} is not after sample {where}; sort it by time"
        )
    if gaps.max() >= RECORDING_GAP:
        raise ValueError(
            f"{path}: a gap of {gaps.max():.3g} s, less than {RECORDING_GAP:g} s is allowed; is `t` in seconds? "
            "cut the walk at the gap"
        )


def _check_fits(path: str | Path, positions: np.ndarray, box_size: tuple[float, float]) -> None:
    extent = positions.max(axis=0) - positions.min(axis=0)
    if (extent > np.asarray(box_size) * (1 + 1e-6)).any():
        raise ValueError(
            f"{path}: covers {extent[0]:.3g} x {extent[1]:.3g} m, the box is {box_size[0]:g} x {box_size[1]:g} m; "
            "is `pos` in metres? otherwise train with a larger --box_size"
        )
