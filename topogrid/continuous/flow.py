"""How fast bumps of activity flow over a sheet, column by column."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from topogrid.continuous.sheet import Sheet

Float = NDArray[np.float64]

WIDTH = 4
"""Columns of one place along the gradient, over which speeds are pooled."""
_SMOOTHED = 2.0  # units; hides the blocks of preferred directions
_FAINT = 0.3  # of the highest bump: what is lower is none
_FURTHEST = 3.0  # units from one look to the next; what is further is another bump
_FEWEST = 20  # bumps seen, for a place to have a speed
_EVERY = 8  # steps from look to look


def bumps_of(activity: ArrayLike) -> Float:
    """Return where the bumps of a sheet are, ``(bump, 2)``: column and row, units, between units too.

    Parameters
    ----------
    activity : array_like, ``(row, column)``
        On a torus.
    """
    smooth = ndimage.gaussian_filter(np.asarray(activity, dtype=np.float64), _SMOOTHED, mode="wrap")
    tops = (smooth == ndimage.maximum_filter(smooth, 5, mode="wrap")) & (smooth > _FAINT * smooth.max())
    row, column = np.nonzero(tops)
    rows, columns = smooth.shape
    middle = smooth[row, column]
    along = _beside(smooth[row, column - 1], middle, smooth[row, (column + 1) % columns])
    across = _beside(smooth[row - 1, column], middle, smooth[(row + 1) % rows, column])
    return np.stack([column + along, row + across], axis=1)


def _beside(before: Float, top: Float, after: Float) -> Float:
    """Return how far the top of the parabola through three neighbours lies from the middle one, the highest."""
    bend = before - 2 * top + after
    return np.clip(np.divide(0.5 * (before - after), bend, out=np.zeros_like(top), where=bend != 0), -0.5, 0.5)


def moved(before: Float, after: Float, shape: tuple[int, int]) -> tuple[Float, Float]:
    """Return the bumps that are found again, and how far they moved, both ``(bump, 2)``.

    Parameters
    ----------
    before, after : ndarray, ``(bump, 2)``
        As `bumps_of` returns them, a few steps apart; one that jumped is left out.
    shape : (int, int)
        Rows and columns of the torus.
    """
    if not len(before) or not len(after):
        return np.zeros((0, 2)), np.zeros((0, 2))
    sides = np.array(shape[::-1], dtype=np.float64)
    way = (after[None] - before[:, None] + sides / 2) % sides - sides / 2
    nearest = np.hypot(way[..., 0], way[..., 1]).argmin(axis=1)
    gone = way[np.arange(len(before)), nearest]
    found = np.hypot(gone[:, 0], gone[:, 1]) < _FURTHEST
    return before[found], gone[found]


def by_column(where: Float, speed: Float, columns: int) -> Float:
    """Return the median speed of each place of `WIDTH` columns; NaN where few bumps came by.

    The median, because at a border bumps are born and die, and their last steps say nothing of how the rest flow.
    """
    place = (where[:, 0] % columns / WIDTH).astype(np.intp)
    flow = np.full(-(-columns // WIDTH), np.nan)
    for one in range(flow.size):
        there = speed[place == one]
        if there.size >= _FEWEST:
            flow[one] = np.median(there)
    return flow


def straight_flow(
    sheet: Sheet,
    tau: ArrayLike,
    direction: tuple[float, float],
    *,
    rng: np.random.Generator,
    drive: float = 0.1,
    n_steps: int = 12_000,
    skipped: int = 4000,
) -> Float:
    """Return the flow of bumps by column while an animal runs straight on, by drive.

    Parameters
    ----------
    sheet : Sheet
    tau : array_like, ``(column,)``
        Steps.
    direction : (float, float)
        Of the movement, along columns and along rows; of norm 1.
    rng : numpy.random.Generator
        Draws the noise from which bumps grow.
    drive : float
        Speed of the animal; flow is proportional to it below about 0.2.
    n_steps, skipped : int
        Steps in all, and at the start those that are not looked at.

    Returns
    -------
    ndarray, ``(place,)``
        Units a step along ``direction``, divided by the drive.
    """
    heading = np.array(direction, dtype=np.float64)
    activity = sheet.settled(tau, rng)
    found, ways = [np.zeros((0, 2))], [np.zeros((0, 2))]
    last = None
    for number in range(n_steps):
        activity = sheet.step(activity, drive * heading[None], tau)
        if number < skipped or number % _EVERY:
            continue
        bumps = bumps_of(activity[0])
        if last is not None:
            where, way = moved(last, bumps, sheet.shape)
            found.append(where)
            ways.append(way)
        last = bumps
    speed = np.concatenate(ways) @ heading / (_EVERY * drive)
    return by_column(np.concatenate(found), speed, sheet.shape[1])
