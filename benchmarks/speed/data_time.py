"""How long a batch of walks with its place code takes, beside a NumPy rendering of the same."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import special

from benchmarks.speed.timing import interleaved
from topogrid.settings.config import TrainConfig
from topogrid.streams import make_generators
from topogrid.training.batch import make_batch
from topogrid.world.place_cells import PlaceCells
from topogrid.world.walks import SPEED_SCALE, TURN_SD, WALL_DISTANCE, WALL_SLOWING

Float = NDArray[np.float64]


def numpy_batch(config: TrainConfig, centres: Float, rng: np.random.Generator) -> tuple[Float, Float, Float]:
    """Make walks and place codes in double precision, in the style of the Ganguli lab's generator.

    All walkers step together; the surround, its minimum and its sum are further passes over ``(batch, time, place)``.

    Returns
    -------
    tuple
        Start code ``(batch, place)``, displacement ``(batch, time, 2)`` and code ``(batch, time, place)``.
    """
    paths = _numpy_paths(config, rng)
    code = _numpy_code(paths, centres, config)
    return code[:, 0], np.diff(paths, axis=1), code[:, 1:]


def _numpy_paths(config: TrainConfig, rng: np.random.Generator) -> Float:
    half = np.array(config.box_size) / 2
    paths = np.empty((config.batch_size, config.seq_length + 1, 2))
    paths[:, 0] = rng.uniform(-half, half, (config.batch_size, 2))
    heading = rng.uniform(0, 2 * math.pi, config.batch_size)
    turns = rng.normal(0, TURN_SD * config.dt, (config.seq_length, config.batch_size))
    lengths = rng.rayleigh(SPEED_SCALE * config.dt, (config.seq_length, config.batch_size))
    for step in range(config.seq_length):
        here = paths[:, step]
        distances = np.concatenate([half - here, half + here], axis=1)
        wall = distances.argmin(axis=1)
        towards = np.mod(heading - wall * math.pi / 2 + math.pi, 2 * math.pi) - math.pi
        near = (distances.min(axis=1) < WALL_DISTANCE) & (np.abs(towards) < math.pi / 2)
        heading = heading + turns[step]
        heading[near] += np.sign(towards[near]) * (math.pi / 2 - np.abs(towards[near]))
        length = np.where(near, WALL_SLOWING, 1.0) * lengths[step]
        move = length[:, None] * np.stack([np.cos(heading), np.sin(heading)], axis=1)
        paths[:, step + 1] = np.clip(here + move, -half, half)
    return paths


def _numpy_code(positions: Float, centres: Float, config: TrainConfig) -> Float:
    distance = ((positions[:, :, None, :] - centres[None, None]) ** 2).sum(axis=-1)
    closeness = -distance / (2 * config.pc_width[0] ** 2)
    code: Float = np.exp(closeness - special.logsumexp(closeness, axis=2, keepdims=True))
    surround = closeness / config.surround_scale
    code -= np.exp(surround - special.logsumexp(surround, axis=2, keepdims=True))
    code += np.abs(code.min(axis=-1, keepdims=True))
    code /= code.sum(axis=-1, keepdims=True)
    return code


def batch_times(config: TrainConfig, rounds: int) -> dict[str, float]:
    """Time one batch of both in turns: median seconds of ``topogrid`` and of ``numpy``."""
    generators = make_generators(config.seed, "cpu", ("place_cells", "walks"))
    cells = PlaceCells.from_config(config, generators["place_cells"])
    centres = cells.centres.double().numpy()
    rng = np.random.default_rng(0)
    return interleaved(
        {
            "topogrid": lambda: make_batch(config, cells, generators["walks"]),
            "numpy": lambda: numpy_batch(config, centres, rng),
        },
        rounds,
        warm_up=3,
    )
