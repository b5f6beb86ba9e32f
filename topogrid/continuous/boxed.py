"""Spacing of the units of a sheet while animals forage in a box, all from one place."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from topogrid.analysis import RateMapAccumulator, grid_scores, measure_lattice
from topogrid.continuous.flow import WIDTH
from topogrid.continuous.sheet import ROW_APART, SPEED_PER_DRIVE, Sheet
from topogrid.world.walks import simulate_walks

Float = NDArray[np.float64]

BOX_M = 2.2
DT_S = 0.0025
SPEED = 0.5
"""Of the animals of training: bumps would not keep up with faster ones at this many steps a second."""
MIDDLE_SPACING_M = 0.7
"""Spacing that a unit of the middle tau would have by itself."""
GRID_LIKE = 0.3
"""Grid score above which a unit's spacing counts."""
_BINS = 22
_PART = (4, 2)  # rows and columns from one measured unit to the next: neighbours have the same map, shifted
_EVERY = 4  # steps from sample to sample


class BoxSpacing(NamedTuple):
    """Units of a sheet, measured in a box."""

    spacing: Float
    """``(place,)``, metres, median over the grid-like units of a place of the gradient; NaN where few are."""
    grid_like: Float
    """``(place,)``, share of units with a grid score above `GRID_LIKE`."""


def own_spacing(tau: ArrayLike, middle: float) -> Float:
    """Return the spacing that each tau would have if no other were near, metres.

    Parameters
    ----------
    tau : array_like
        Steps.
    middle : float
        The tau that has a spacing of `MIDDLE_SPACING_M`.
    """
    return MIDDLE_SPACING_M * np.asarray(tau, dtype=np.float64) / middle


def drive_per_metre(middle: float) -> float:
    """Return the drive by which movement enters, so that the middle tau has a spacing of `MIDDLE_SPACING_M`."""
    bump_apart = ROW_APART * 2 / math.sqrt(3)
    return bump_apart * middle / (SPEED_PER_DRIVE * MIDDLE_SPACING_M)


def spacing_in_a_box(
    sheet: Sheet, tau: ArrayLike, middle: float, *, seed: int, n_walks: int = 40, seconds: float = 5.0
) -> BoxSpacing:
    """Let animals forage from the middle of a box, and measure the spacing of units along the gradient.

    Parameters
    ----------
    sheet : Sheet
    tau : array_like, ``(column,)``
        Steps.
    middle : float
        As for `drive_per_metre`.
    seed : int
        Of the walks, and of the noise from which bumps grow.
    n_walks : int
        Walks, all of which start at one place with the same bumps.
    seconds : float
        Of each walk.
    """
    n_steps = round(seconds / DT_S)
    walks = simulate_walks(
        n_walks,
        n_steps,
        box_size=(BOX_M, BOX_M),
        dt=DT_S,
        generator=torch.Generator().manual_seed(seed),
        speed_factor=SPEED,
        start_box=(0.002, 0.002),
    )
    drives = walks.displacement.numpy() * drive_per_metre(middle)
    places = walks.position.double().numpy()
    activity = sheet.settled(tau, np.random.default_rng(seed)).repeat(n_walks, axis=0)
    rows, columns = sheet.shape
    column_of = np.tile(np.arange(0, columns, _PART[1]), -(-rows // _PART[0]))
    collected = RateMapAccumulator(column_of.size, BOX_M, _BINS)
    for number in range(n_steps):
        activity = sheet.step(activity, drives[number], tau)
        if number % _EVERY == _EVERY - 1:
            collected.add(places[number], activity[:, :: _PART[0], :: _PART[1]].reshape(n_walks, -1))
    maps = collected.rate_maps().maps
    score = np.nan_to_num(grid_scores(maps).score_60, nan=-2.0)
    spacing = measure_lattice(maps, BOX_M).spacing
    return _along(column_of, score, spacing, columns)


def _along(column_of: NDArray[np.intp], score: Float, spacing: Float, columns: int) -> BoxSpacing:
    """Pool units of each place of `WIDTH` columns."""
    counts = (score > GRID_LIKE) & np.isfinite(spacing)
    place = column_of // WIDTH
    middle, share = np.full(-(-columns // WIDTH), np.nan), np.zeros(-(-columns // WIDTH))
    for one in range(middle.size):
        here = place == one
        share[one] = counts[here].mean()
        if 2 * counts[here].sum() >= here.sum():
            middle[one] = np.median(spacing[here & counts])
    return BoxSpacing(middle, share)
