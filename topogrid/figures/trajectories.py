"""Where the animal was, and where the network thinks it was."""

import sys

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from topogrid.analysis.inputs import box_sides
from topogrid.figures.style import (
    NULL_COLOUR,
    PAGE,
    UNNAMED,
    Float,
    Network,
    counted,
    headline,
    new_figure,
    styled,
)

FEWEST_POSITIONS = 10
"""Positions that a path is drawn through, at least."""

LONGEST_DRAWN = 10.0
"""Seconds of a walk that are drawn, at most: more is a ball of lines."""

_TRUE_COLOUR = "black"
_COLUMNS = 4


@styled
def decoded_trajectories(
    true: ArrayLike,
    decoded: ArrayLike,
    box_size: float | tuple[float, float],
    *,
    n_walks: int = 4,
    seconds: ArrayLike | None = None,
    first_seconds: float | None = None,
    network: Network = UNNAMED,
) -> Figure:
    """Draw several walks with the path that was decoded: their beginning above, and more of them below.

    Parameters
    ----------
    true, decoded : array_like, ``(walk, time, 2)``
        Positions in metres from the centre of the box. The first ``n_walks`` are drawn, unpicked.
    box_size : float or (float, float)
        Side of the box, or its width and height, metres. Short walks are drawn enlarged, all of a row to one scale.
    n_walks : int
        How many walks to draw, at most.
    seconds : array_like, ``(time,)``, optional
        When each position was taken, from the start of the walk; they need not be evenly spaced. Of walks longer than
        `LONGEST_DRAWN` seconds so much is drawn, and only the mean error is of the whole.
    first_seconds : float, optional
        How long the walks were that the network was trained on: where these are longer, so much of them, and at least
        `FEWEST_POSITIONS` positions, have a row of their own.
    network : Network
        What it is called, and its colour.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        If the paths are not both ``(walk, time, 2)`` or there is none, or moments are not one for each position.
    """
    truth, guess = _paths(true, decoded, ndim=3)
    when = None if seconds is None else np.asarray(seconds, dtype=np.float64)
    if when is not None and when.shape != truth.shape[1:2]:
        raise ValueError(f"seconds must be one for each of {truth.shape[1]} positions, got shape {when.shape}")
    box = np.array(box_sides(box_size))
    shown, length = min(n_walks, len(truth)), truth.shape[1]
    first, drawn = _first_positions(when, first_seconds), _first_positions(when, LONGEST_DRAWN)
    lengths = sorted({min(one, length) for one in (first, drawn)})
    windows = [_window(truth[:shown, :end], guess[:shown, :end], box) for end in lengths]
    panel = PAGE / _COLUMNS
    height = sum(panel * window[1] / window[0] + 0.35 for window in windows) + 0.7
    fig = new_figure(max(shown, 3) * panel, height, "compressed")
    axes = fig.subplots(len(lengths), shown, squeeze=False)
    for line, end, window in zip(axes, lengths, windows, strict=True):
        for ax, path, other in zip(line, truth[:shown, :end], guess[:shown, :end], strict=True):
            _draw_walk(ax, path, other, network.colour)
            frame_path(ax, np.concatenate([path, other]), window, box)
            ax.set_title(f"mean error {_mean_cm(path, other)} cm", loc="left")
        line[0].set_ylabel(f"{_duration(end, when)}\ny (m)")
    for ax in axes[-1]:
        ax.set_xlabel("x (m)")
    axes[0, 0].plot([], [], color=NULL_COLOUR, linewidth=2.5, label="wall")
    fig.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower left", ncols=4)
    ends = sorted({*lengths, length})
    means = ", ".join(f"{_mean_cm(truth[:, :end], guess[:, :end])} cm over {_duration(end, when)}" for end in ends)
    detail = f"mean error of {'all ' if shown < len(truth) else ''}{counted(len(truth), 'walk')}: {means}"
    headline(fig, f"True and decoded paths of {counted(shown, 'held-out walk')}, {network} network", detail)
    return fig


def _first_positions(when: Float | None, first_seconds: float | None) -> int:
    """Return how many positions the first row has; more than there are where it is left out."""
    if when is None or first_seconds is None:
        return sys.maxsize
    return max(FEWEST_POSITIONS, int(np.searchsorted(when, first_seconds * (1 + 1e-9), side="right")))


def _duration(count: int, when: Float | None) -> str:
    """Return how long the first positions of a walk last."""
    return counted(count, "step") if when is None else f"{when[count - 1]:.3g} s"


def _paths(true: ArrayLike, decoded: ArrayLike, ndim: int) -> tuple[Float, Float]:
    """Return both paths as float arrays, or say what is wrong with them."""
    truth, guess = (np.asarray(path, dtype=np.float64) for path in (true, decoded))
    if truth.ndim != ndim or truth.shape[-1] != 2 or truth.shape != guess.shape or truth.size == 0:
        axes = "(walk, time, 2)" if ndim == 3 else "(time, 2)"
        raise ValueError(f"true and decoded must both be {axes} and not empty, got {truth.shape} and {guess.shape}")
    return truth, guess


def _mean_cm(truth: Float, guess: Float) -> str:
    """Return the mean distance in centimetres over samples that were decoded at all."""
    error = 100 * np.hypot(*np.moveaxis(guess - truth, -1, 0))
    return f"{error[np.isfinite(error)].mean():.1f}" if np.isfinite(error).any() else "unknown"


def _window(truth: Float, guess: Float, box: Float) -> Float:
    """Return width and height of what each panel shows: the box, or less of it where every walk is short."""
    paths = np.concatenate([truth, guess], axis=1)
    low, high = (np.min(paths, axis=1, initial=np.inf, where=np.isfinite(paths)) for paths in (paths, -paths))
    extent = float(np.max(-high - low, initial=0.0, where=np.isfinite(high + low)))
    side = max(1.3 * extent, 0.1 * float(box.min()))
    return box * 1.08 if side > 0.6 * box.min() else np.array([side, side])


def frame_path(ax: Axes, path: Float, window: Float, box: Float) -> None:
    """Draw the wall and look at the part of the box around the path."""
    seen = path[np.isfinite(path).all(axis=1)]
    middle = (seen.min(axis=0) + seen.max(axis=0)) / 2 if seen.size else np.zeros(2)
    centre = np.where(window >= box, 0.0, middle)
    ax.add_patch(Rectangle((-box[0] / 2, -box[1] / 2), *box, fill=False, edgecolor=NULL_COLOUR, linewidth=2.5))
    ax.set(xlim=centre[0] + window[0] * np.array([-0.5, 0.5]), ylim=centre[1] + window[1] * np.array([-0.5, 0.5]))
    ax.set_aspect("equal")
    ax.spines[:].set(visible=True, color="#d0d0d0", linewidth=0.5)
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(MaxNLocator(3))


def _draw_walk(ax: Axes, path: Float, other: Float, colour: str) -> None:
    """Draw one walk and its decoded path, each with a dot at its start."""
    for line, line_colour, label, dot in ((path, _TRUE_COLOUR, "true", 5.5), (other, colour, "decoded", 3)):
        ax.plot(*line.T, color=line_colour, linewidth=1.2, label=label)
        ax.plot(*line[0], "o", color=line_colour, markersize=dot)
    ax.plot([], [], "o", color=_TRUE_COLOUR, markersize=5.5, label="start")
