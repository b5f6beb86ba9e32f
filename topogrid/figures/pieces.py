"""A recorded walk that a network followed: whole, or in pieces in each of which it was given only its start."""

from typing import NamedTuple

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
SHOWN_S = 10.0  # of a walk that was followed whole, in each panel


class FollowedPaths(NamedTuple):
    """A recorded walk that a network followed: whole, or in pieces.

    Attributes
    ----------
    true, decoded : array_like, ``(time, 2)`` or ``(piece, time, 2)``
        Positions in metres from the centre of the box; NaN where a piece has ended.
    seconds : array_like, ``(time,)``
        Time since the network was told the place.
    errors : Errors
        ``(time,)`` each, over pieces where there are some, centimetres.
    box_size : float or (float, float)
        Side of the box, or its width and height, metres.
    feedback : array_like, as ``decoded``, optional
        Positions decoded with the loop from place code to units closed.
    name : str
        Whose walk, for the title.
    detail : str
        What to say of the error, for the line below the title.
    """

    true: ArrayLike
    decoded: ArrayLike
    seconds: ArrayLike
    errors: Errors
    box_size: float | tuple[float, float]
    feedback: ArrayLike | None = None
    name: str = "a recorded walk"
    detail: str = ""

    def arrays(self) -> tuple[Float, Float, Float | None, Float]:
        """Return true, decoded and fed-back paths, and seconds, as arrays of doubles."""
        truth, guess, time = (np.asarray(path, dtype=np.float64) for path in (self.true, self.decoded, self.seconds))
        return truth, guess, None if self.feedback is None else np.asarray(self.feedback, dtype=np.float64), time


@styled
def followed_pieces(walk: FollowedPaths, *, rng: np.random.Generator, network: Network = UNNAMED) -> Figure:
    """Draw pieces of a walk with the paths decoded along them, and the error against the time since a piece began.

    Parameters
    ----------
    walk : FollowedPaths
        In pieces.
    rng : numpy.random.Generator
        Picks the pieces that are shown beside the best, the median and the worst one.
    network : Network
        What it is called, and its colour.

    Raises
    ------
    ValueError
        If the paths are not all ``(piece, time, 2)`` or empty, or ``seconds`` does not match.
    """
    truth, guess, other, time = walk.arrays()
    if truth.ndim != 3 or truth.shape[-1] != 2 or truth.size == 0 or guess.shape != truth.shape:
        raise ValueError(
            f"true and decoded must both be (piece, time, 2) and not empty, got {truth.shape} and {guess.shape}"
        )
    if time.shape != truth.shape[1:2] or (other is not None and other.shape != truth.shape):
        raise ValueError(f"seconds must be ({truth.shape[1]},) and feedback {truth.shape}, as the paths are")
    mean_cm = 100 * _means(np.hypot(*np.moveaxis(guess - truth, -1, 0)))
    chosen = choose_pieces(mean_cm, rng)
    picked = [index for index, _why in chosen]
    names = [f"{why}\n{mean_cm[index]:.1f} cm" for index, why in chosen]
    pieces = counted(len(truth), "piece")
    fig = _draw(
        ((truth[picked], guess[picked], None if other is None else other[picked]), names),
        time,
        walk.errors,
        np.array(box_sides(walk.box_size)),
        network,
        words=("time since the start of a piece (s)", "middle half of pieces", pieces),
    )
    headline(
        fig,
        f"The {network} network follows {walk.name}",
        f"{pieces} of {time[-1]:.4g} s, each given only its start{_and(walk.detail)}",
    )
    return fig


@styled
def followed_whole(walk: FollowedPaths, *, network: Network = UNNAMED) -> Figure:
    """Draw parts of a walk that was followed whole, the paths decoded along them, and the error against time.

    Parameters
    ----------
    walk : FollowedPaths
        As one path.
    network : Network
        What it is called, and its colour.

    Raises
    ------
    ValueError
        If the paths are not all ``(time, 2)`` or empty, or ``seconds`` does not match.
    """
    truth, guess, other, time = walk.arrays()
    if truth.ndim != 2 or truth.shape[-1] != 2 or truth.size == 0 or guess.shape != truth.shape:
        raise ValueError(f"true and decoded must both be (time, 2) and not empty, got {truth.shape} and {guess.shape}")
    if time.shape != truth.shape[:1] or (other is not None and other.shape != truth.shape):
        raise ValueError(f"seconds must be ({len(truth)},) and feedback {truth.shape}, as the paths are")
    cuts, errors = _windows(time), walk.errors

    def parts(path: Float) -> Float:
        return np.stack([path[cut] for cut in cuts])

    mean_cm = 100 * _means(np.hypot(*np.moveaxis(parts(guess - truth), -1, 0)))
    names = [f"from {time[cut.start]:.3g} s\n{value:.1f} cm" for cut, value in zip(cuts, mean_cm, strict=True)]
    fig = _draw(
        ((parts(truth), parts(guess), None if other is None else parts(other)), names),
        time,
        Errors(errors.mean, None, None, errors.feedback_mean, None, errors.still, errors.middle),
        np.array(box_sides(walk.box_size)),
        network,
        words=("time since the network was told the place (s)", "", ""),
    )
    told = f"{time[-1]:.4g} s, given only its start{_and(walk.detail)}"
    headline(fig, f"The {network} network follows {walk.name}", told)
    return fig


def _windows(time: Float) -> list[slice]:
    """Cut up to `SHOWN_PIECES` parts of `SHOWN_S` seconds out of a walk, evenly from its start to its end."""
    # A tenth of a step early, so that rounding adds no step.
    step = (time[-1] - time[0]) / max(1, len(time) - 1)
    steps = min(len(time), max(1, int(np.searchsorted(time, time[0] + SHOWN_S - 0.1 * step))))
    number = min(SHOWN_PIECES, max(1, len(time) // steps))
    starts = np.linspace(0, len(time) - steps, number).astype(int) if number > 1 else np.zeros(1, dtype=int)
    return [slice(int(start), int(start) + steps) for start in starts]


def _and(detail: str) -> str:
    return f"; {detail}" if detail else ""


def _draw(
    shown: tuple[tuple[Float, Float, Float | None], list[str]],
    time: Float,
    errors: Errors,
    box: Float,
    network: Network,
    *,
    words: tuple[str, str, str],
) -> Figure:
    """Draw paths ``(panel, time, 2)`` in a row of panels with their names, and below it the error against time."""
    (truth, guess, other), names = shown
    # One window for all: the recorded area, and whatever is decoded outside it within the network's box.
    drawn = np.concatenate((truth, guess)).reshape(-1, 2)
    reach = np.clip(np.nanmax(np.abs(drawn), axis=0, initial=0.05), None, box / 2)
    window = 2.12 * np.full(2, reach.max())
    columns = max(3, len(names))
    fig = new_figure(PAGE, PAGE / columns + 3.3)
    grid = fig.add_gridspec(2, columns, height_ratios=(PAGE / columns, 2.1))
    beside = max(1, columns // 3)  # columns of the legend
    for place, title in enumerate(names):
        ax = fig.add_subplot(grid[0, place])
        # The true path lies on top, and what was decoded is wider: neither hides the other where they agree.
        lines = [(guess, network.colour, 2.6, "decoded path")]
        lines += [(other, FEEDBACK_COLOUR, 1.7, "decoded with feedback")] if other is not None else []
        for paths, colour, width, label in (*lines, (truth, THEORY_COLOUR, 0.9, "true path")):
            ax.plot(*paths[place].T, color=colour, linewidth=width, label=label)
        ax.plot(*truth[place, 0], "o", color=THEORY_COLOUR, markersize=3.5, label="start")
        frame_path(ax, np.zeros((1, 2)), window, box)
        ax.set_title(title, loc="left", parse_math=False)
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
    about_time, band_name, of = words
    draw_errors(ax, time, errors, network, band_name=band_name, of=of)
    ax.set(xlabel=about_time, ylabel="decoding error (cm)")
    from_zero(ax)
    ax.set_xlim(0, time[-1])
    key = fig.add_subplot(grid[1, -beside:])
    key.set_axis_off()
    key.legend(*ax.get_legend_handles_labels(), loc="center left", borderpad=0)
    fig.legend(*handles, loc="outside lower left", ncols=5)
    return fig


def choose_pieces(mean_cm: Float, rng: np.random.Generator) -> list[tuple[int, str]]:
    """Return numbers of the best, the median and the worst piece and of others drawn at random, each with its name."""
    ranked = np.argsort(mean_cm, kind="stable")  # NaN comes last
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
