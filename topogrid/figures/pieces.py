"""A recorded walk in pieces, in each of which the network was told only where it began."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from topogrid.analysis.inputs import box_sides
from topogrid.figures.curves import Errors, draw_errors
from topogrid.figures.style import (
    FEEDBACK_COLOUR,
    NULL_COLOUR,
    PAGE,
    THEORY_COLOUR,
    UNNAMED,
    Float,
    Network,
    counted,
    from_zero,
    headline,
    new_figure,
    styled,
)
from topogrid.figures.trajectories import frame_path

SHOWN_PIECES = 6


@styled
def followed_pieces(
    true: ArrayLike,
    decoded: ArrayLike,
    seconds: ArrayLike,
    errors: Errors,
    box_size: float | tuple[float, float],
    *,
    rng: np.random.Generator,
    feedback: ArrayLike | None = None,
    name: str = "a recorded walk",
    network: Network = UNNAMED,
) -> Figure:
    """Draw pieces of a walk with the paths decoded along them, and the error against the time since a piece began.

    Parameters
    ----------
    true, decoded : array_like, ``(piece, time, 2)``
        Positions in metres from the centre of the box; NaN where a piece has ended.
    seconds : array_like, ``(time,)``
        Time since the start of a piece.
    errors : Errors
        Over pieces, ``(time,)`` each, centimetres.
    box_size : float or (float, float)
        Side of the box, or its width and height, metres.
    rng : numpy.random.Generator
        Picks the pieces that are shown beside the best, the median and the worst one.
    feedback : array_like, ``(piece, time, 2)``, optional
        Positions decoded with the loop from place code to units closed.
    name : str
        Whose walk, for the title.
    network : Network
        What it is called, and its colour.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        If the paths are not all ``(piece, time, 2)`` or empty, or ``seconds`` does not match.
    """
    truth, guess = (np.asarray(path, dtype=np.float64) for path in (true, decoded))
    other = None if feedback is None else np.asarray(feedback, dtype=np.float64)
    time = np.asarray(seconds, dtype=np.float64)
    if truth.ndim != 3 or truth.shape[-1] != 2 or truth.size == 0 or guess.shape != truth.shape:
        raise ValueError(
            f"true and decoded must both be (piece, time, 2) and not empty, got {truth.shape} and {guess.shape}"
        )
    if time.shape != truth.shape[1:2] or (other is not None and other.shape != truth.shape):
        raise ValueError(f"seconds must be ({truth.shape[1]},) and feedback {truth.shape}, as the paths are")
    box = np.array(box_sides(box_size))
    mean_cm = 100 * _means(np.hypot(*np.moveaxis(guess - truth, -1, 0)))
    chosen = choose_pieces(mean_cm, rng)
    # One window for all: the recorded area, and whatever is decoded outside it within the network's box.
    drawn = np.concatenate([path[[index for index, _name in chosen]] for path in (truth, guess)]).reshape(-1, 2)
    reach = np.clip(np.nanmax(np.abs(drawn), axis=0, initial=0.05), None, box / 2)
    window = 2.12 * np.full(2, reach.max())
    columns = max(3, len(chosen))
    fig = new_figure(PAGE, PAGE / columns + 3.3)
    grid = fig.add_gridspec(2, columns, height_ratios=(PAGE / columns, 2.1))
    beside = max(1, columns // 3)  # columns of the legend
    for place, (index, why) in enumerate(chosen):
        ax = fig.add_subplot(grid[0, place])
        lines = [(truth, THEORY_COLOUR, "true path"), (guess, network.colour, "decoded")]
        lines += [(other, FEEDBACK_COLOUR, "decoded with feedback")] if other is not None else []
        for paths, colour, label in lines:
            ax.plot(*paths[index].T, color=colour, linewidth=0.9, label=label)
        ax.plot(*truth[index, 0], "o", color=THEORY_COLOUR, markersize=3, label="start")
        frame_path(ax, np.zeros((1, 2)), window, box)
        ax.set_title(f"{why}\n{mean_cm[index]:.1f} cm", loc="left")
        ax.set_xlabel("x (m)")
        ax.tick_params(labelleft=place == 0)
        for axis in (ax.xaxis, ax.yaxis):
            axis.set_major_locator(MaxNLocator(2, symmetric=True))
        if place == 0:
            ax.set_ylabel("y (m)")
            if (window > box).any():
                ax.plot([], [], color=NULL_COLOUR, linewidth=2.5, label="wall")
            handles = ax.get_legend_handles_labels()
    ax = fig.add_subplot(grid[1, :-beside])
    pieces = counted(len(truth), "piece")
    draw_errors(ax, time, errors, network, band_name="middle half of pieces", of=pieces)
    ax.set(xlabel="time since the start of a piece (s)", ylabel="decoding error (cm)")
    from_zero(ax)
    ax.set_xlim(0, time[-1])
    key = fig.add_subplot(grid[1, -beside:])
    key.set_axis_off()
    key.legend(*ax.get_legend_handles_labels(), loc="center left", borderpad=0)
    fig.legend(*handles, loc="outside lower left", ncols=5)
    headline(
        fig,
        f"The {network} network follows {name}",
        f"{pieces} of {time[-1]:.4g} s, told only where each began; above: mean error of the piece",
    )
    return fig


def choose_pieces(mean_cm: Float, rng: np.random.Generator) -> list[tuple[int, str]]:
    """Return numbers of the best, the median and the worst piece and of others drawn at random, each with its name."""
    ranked = np.argsort(mean_cm)  # NaN comes last
    measured = ranked[: max(1, int(np.isfinite(mean_cm).sum()))]
    special = {int(measured[len(measured) // 2]): "median", int(measured[-1]): "worst", int(measured[0]): "best"}
    first = {index: why for why in ("best", "median", "worst") for index, name in special.items() if name == why}
    rest = [index for index in range(len(mean_cm)) if index not in first]
    drawn = sorted(rng.permutation(rest)[: SHOWN_PIECES - len(first)].tolist())
    return [*first.items(), *((int(index), "random") for index in drawn)]


def _means(error: Float) -> Float:
    there = np.isfinite(error)
    count = there.sum(axis=1)
    means: Float = np.where(count > 0, np.where(there, error, 0.0).sum(axis=1) / np.maximum(count, 1), np.nan)
    return means
