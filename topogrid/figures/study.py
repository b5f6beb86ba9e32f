"""What the study found: of every arm, how many grid cells there are and what their spacing goes with."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from topogrid.figures.style import (
    FEEDBACK_COLOUR,
    NULL_COLOUR,
    PAGE,
    PALETTE,
    Float,
    finite,
    headline,
    new_figure,
    styled,
)

_ROW_IN = 0.26
_ACROSS = 4  # panels side by side


class StudyPanel(NamedTuple):
    """One figure of all arms.

    Attributes
    ----------
    title : str
    values : mapping of str to array_like, ``(network,)``
        By arm; NaN where a network has no value.
    expected : tuple of float
        Where vertical lines are drawn: what is predicted, or a guess.
    limits : (float, float), optional
    """

    title: str
    values: Mapping[str, ArrayLike]
    expected: tuple[float, ...] = ()
    limits: tuple[float, float] | None = None


@styled
def study_overview(arms: Mapping[str, str], panels: Sequence[StudyPanel], *, detail: str = "") -> Figure:
    """Draw a row an arm and a column a figure; a dot is a network, a bar the mean over networks.

    Parameters
    ----------
    arms : mapping of str to str
        What each arm is called, in the order of the rows.
    panels : sequence of StudyPanel
    detail : str
        On how much was measured.

    Raises
    ------
    ValueError
        If there is no arm or no panel.
    """
    if not arms or not panels:
        raise ValueError(f"the study needs arms and panels to draw, got {len(arms)} and {len(panels)}")
    fig = new_figure(PAGE, 0.95 + _ROW_IN * len(arms))
    headline(fig, "What the spacing of grid cells goes with, by network", detail)
    axes = fig.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for ax, panel in zip(axes, panels, strict=True):
        _draw(ax, list(arms), panel)
    axes[0].set_yticks(range(len(arms)), list(arms.values()))
    axes[0].set_ylim(len(arms) - 0.5, -0.5)
    return fig


class StudyCourse(NamedTuple):
    """How errors of an arm grow over long walks.

    Attributes
    ----------
    title : str
    seconds : array_like, ``(time,)``
    without, fed : array_like, ``(network, time)``
        Mean error without and with feedback, cm.
    guess : array_like, ``(time,)``
        Error of the better of two decoders that do not integrate, cm.
    """

    title: str
    seconds: ArrayLike
    without: ArrayLike
    fed: ArrayLike
    guess: ArrayLike


@styled
def study_courses(courses: Sequence[StudyCourse], *, detail: str = "") -> Figure:
    """Draw error against time for every arm; a thin line is a network, a thick one the mean.

    Parameters
    ----------
    courses : sequence of StudyCourse
    detail : str
        On how much was measured.

    Raises
    ------
    ValueError
        If there is no course.
    """
    if not courses:
        raise ValueError("errors over time need one arm or more, got none")
    across = min(_ACROSS, len(courses))
    rows = -(-len(courses) // across)
    fig = new_figure(PAGE, 1.0 + 1.45 * rows)
    headline(fig, "How long the place is known by movement alone", detail)
    axes = fig.subplots(rows, across, sharex=True, sharey=True, squeeze=False)
    for ax, course in zip(axes.flat, courses, strict=False):
        time = np.asarray(course.seconds, dtype=np.float64)
        ax.plot(time, np.asarray(course.guess), color=NULL_COLOUR, linestyle=(0, (3, 2)), label="best guess")
        for values, colour, name in (
            (course.without, PALETTE["blue"], "network"),
            (course.fed, FEEDBACK_COLOUR, "with feedback"),
        ):
            each = np.atleast_2d(np.asarray(values, dtype=np.float64))
            if np.isfinite(each).any():
                ax.plot(time, each.T, color=colour, linewidth=0.5, alpha=0.5)
                ax.plot(time, each.mean(axis=0), color=colour, linewidth=1.6, label=name)
        ax.set_title(course.title, loc="left", fontsize=6.5)
        ax.set_xscale("log")
        ax.set_yscale("log")
    for ax in axes.flat[len(courses) :]:
        ax.set_axis_off()
    _label(axes, len(courses))
    handles = {text: handle for ax in axes.flat for handle, text in zip(*ax.get_legend_handles_labels(), strict=True)}
    fig.legend(list(handles.values()), list(handles), loc="outside lower left", ncols=3)
    return fig


def _label(axes: NDArray[np.object_], count: int) -> None:
    """Name and number the axes at the left and under every column's last panel."""
    for place, ax in enumerate(axes.flat[:count]):
        if place + axes.shape[1] >= count:
            ax.set_xlabel("time (s)")
            ax.tick_params(labelbottom=True)
            ax.set_xticks([0.1, 1, 10, 60], ["0.1", "1", "10", "60"])
    for ax in axes[:, 0]:
        ax.set_ylabel("error (cm)")
        ax.set_yticks([3, 10, 30, 100], ["3", "10", "30", "100"])


def _draw(ax: Axes, arms: Sequence[str], panel: StudyPanel) -> None:
    for line in panel.expected:
        ax.axvline(line, color=NULL_COLOUR, linewidth=0.8, linestyle=(0, (3, 2)), zorder=0)
    for place, arm in enumerate(arms):
        values = finite(panel.values.get(arm, ()))
        if values.size:
            ax.plot(values, _beside(values, place), "o", markersize=3, color=PALETTE["blue"], alpha=0.7, mew=0)
            ax.plot([values.mean()] * 2, [place - 0.3, place + 0.3], color="black", linewidth=1.4)
        else:
            ax.text(0.02, place, "-", transform=ax.get_yaxis_transform(), va="center", color=NULL_COLOUR)
    if panel.limits is not None:
        ax.set_xlim(panel.limits)
    ax.set_title(panel.title, loc="left")
    ax.tick_params(axis="y", length=0)


def _beside(values: Float, place: int) -> Float:
    """Spread dots of one arm a little, so that equal ones are told apart."""
    return place + 0.16 * np.linspace(-1, 1, values.size) if values.size > 1 else np.full(1, float(place))
