"""Quantities against time: decoding error along a walk, and everything along training."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FormatStrFormatter, LogLocator, MaxNLocator, NullFormatter, ScalarFormatter
from numpy.typing import ArrayLike

from topogrid.analysis.networks.groups import series
from topogrid.figures.style import (
    COLUMN,
    FEEDBACK_COLOUR,
    NULL_COLOUR,
    PAGE,
    THEORY_COLOUR,
    UNNAMED,
    Float,
    Network,
    counted,
    empty_note,
    finite,
    from_zero,
    headline,
    legend_below,
    new_figure,
    styled,
)
from topogrid.measures.decoding import EVALUATED_GROUP
from topogrid.measures.shown import DRAWN_CHARTS, Chart, Line
from topogrid.measures.training import CROSS_ENTROPY

PHASE_COLOUR = "0.75"
_LONG_S = 20.0  # walks that last longer have a logarithmic time axis


class Errors(NamedTuple):
    """Errors along walks in centimetres, each a number or ``(time,)``, the band ``(2, time)``.

    Attributes
    ----------
    mean, median, band
        Over walks; the band is between two quantiles.
    feedback_mean, feedback_median
        The same walks with the loop from place code to units closed.
    still, middle
        Means of an animal that thinks it never left the start, and of one that always guesses the middle of the box.
    """

    mean: ArrayLike
    median: ArrayLike | None = None
    band: ArrayLike | None = None
    feedback_mean: ArrayLike | None = None
    feedback_median: ArrayLike | None = None
    still: ArrayLike | None = None
    middle: ArrayLike | None = None

    def finite(self) -> dict[str, ArrayLike]:
        """Return the mean, and of the others those that are given and have a finite value."""
        given = {name: values for name, values in self._asdict().items() if values is not None}
        return {name: values for name, values in given.items() if name == "mean" or finite(values).size}


def draw_errors(
    ax: Axes, time: Float, errors: Errors, network: Network, *, band_name: str = "middle half", of: str = ""
) -> None:
    """Draw errors against time ``(time,)`` in seconds; ``of`` says on what, such as ``60 walks``, in the legend."""
    colour = network.colour
    looks: dict[str, tuple[str, dict[str, Any]]] = {
        "mean": (f"{network}, mean of {of}" if of else f"{network} network, mean", {"color": colour}),
        "median": ("median", {"color": colour, "linewidth": 0.7}),
        "feedback_mean": (f"with feedback, mean of {of}" if of else "with feedback, mean", {"color": FEEDBACK_COLOUR}),
        "feedback_median": ("with feedback, median", {"color": FEEDBACK_COLOUR, "linewidth": 0.7}),
        "still": ("holding still", {"color": NULL_COLOUR, "linestyle": "--"}),
        "middle": ("guessing the middle", {"color": NULL_COLOUR, "linestyle": "-."}),
    }
    shown = errors.finite()
    if "band" in shown:
        low, high = np.asarray(shown["band"], dtype=np.float64)
        ax.fill_between(time, low, high, color=colour, alpha=0.2, linewidth=0, label=band_name)
    for name, (label, look) in looks.items():
        if name in shown:
            values = np.broadcast_to(np.asarray(shown[name], dtype=np.float64), time.shape)
            ax.plot(time, values, marker="o" if time.size == 1 else "", label=label, **look)


@styled
def error_over_time(
    seconds: ArrayLike,
    error_cm: ArrayLike,
    band_cm: ArrayLike | None = None,
    hold_still_cm: ArrayLike | None = None,
    floor_cm: float | None = None,
    *,
    band_name: str = "10 to 90 % of walks",
    n_walks: int | None = None,
    network: Network = UNNAMED,
    median_cm: ArrayLike | None = None,
    middle_cm: ArrayLike | None = None,
    feedback_error_cm: ArrayLike | None = None,
    feedback_median_cm: ArrayLike | None = None,
    log_time: bool | None = None,
) -> Figure:
    """Draw how the decoding error grows along a walk, between the floor of the code and knowing nothing.

    Parameters
    ----------
    seconds, error_cm : array_like, ``(time,)``
        Time since the start of the walk, and the mean error over walks in centimetres.
    band_cm : array_like, ``(2, time)``, optional
        Lower and upper quantile of the error over walks, centimetres, named by ``band_name``.
    hold_still_cm : float or array_like, ``(time,)``, optional
        Error of an animal that thinks it never left the start, centimetres.
    floor_cm : float, optional
        Error of decoding a perfect place code, centimetres.
    band_name : str
        What the band holds, for the legend.
    n_walks : int, optional
        Number of walks averaged, for the title and the legend.
    network : Network
        What it is called, and its colour.
    median_cm, middle_cm : float or array_like, ``(time,)``, optional
        Median of the error over walks, and the mean error of always guessing the middle of the box, centimetres.
    feedback_error_cm, feedback_median_cm : array_like, ``(time,)``, optional
        Mean and median error of the same walks with the loop from place code to units closed, centimetres.
    log_time : bool, optional
        Whether time has a logarithmic axis; where walks last longer than 20 s if left out.

    Returns
    -------
    Figure
        Without the optional curves that have no finite value.
    """
    time, error = (np.atleast_1d(np.asarray(values, dtype=np.float64)) for values in (seconds, error_cm))
    walks = counted(n_walks, "walk") if n_walks is not None else ""
    errors = Errors(error, median_cm, band_cm, feedback_error_cm, feedback_median_cm, hold_still_cm, middle_cm)
    fig = new_figure(COLUMN, 3.2)
    ax = fig.subplots()
    draw_errors(ax, time, errors, network, band_name=band_name, of=walks)
    if floor_cm is not None:
        label = f"perfect place code, {floor_cm:.1f} cm"
        ax.axhline(floor_cm, color=THEORY_COLOUR, linestyle=":", linewidth=1, label=label)
    ax.set(xlabel="time since the start of the walk (s)", ylabel="decoding error (cm)")
    from_zero(ax)
    if time.size > 1 and (log_time if log_time is not None else time[-1] > _LONG_S):
        ax.set_xscale("log")
        ax.set_xlim(max(time[time > 0].min(initial=np.inf), time[-1] / 1000), time[-1])
        ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.xaxis.set_major_formatter(FormatStrFormatter("%g"))
        ax.xaxis.set_minor_formatter(NullFormatter())
    legend_below(fig, COLUMN, 2.65)
    last = f"{error[-1]:.1f} cm after {time[-1]:.3g} s" if time.size else "no samples"
    if time.size and feedback_error_cm is not None and finite(feedback_error_cm).size:
        last += f", {np.atleast_1d(feedback_error_cm)[-1]:.1f} cm with feedback"
    over = f" over {walks}" if walks else ""
    headline(fig, f"Decoding error along held-out walks, mean{over}", last)
    return fig


_LOOKS: dict[str, dict[str, Any]] = {
    "main": {"linewidth": 1.3},
    "faint": {"linewidth": 0.9, "alpha": 0.5},
    "second": {"linewidth": 1.1, "linestyle": ":"},
    "null": {"linestyle": "--", "markersize": 2, "color": NULL_COLOUR},
    "null2": {"linestyle": ":", "markersize": 2, "color": NULL_COLOUR},
}
"""How the lines of `topogrid.measures.shown.Chart` look."""


@styled
def training_curves(
    rows: Sequence[Mapping[str, Any]],
    *,
    network: Network = UNNAMED,
    n_units: int | None = None,
    chance_loss: float | None = None,
    phases: Sequence[tuple[int, str]] = (),
) -> Figure:
    """Draw loss, decoding error, shares of grid-like units beside their null, and learning rate against the step.

    Parameters
    ----------
    rows : sequence of mappings
        Rows of ``metrics.jsonl``. Each needs ``step``; of two rows that give one quantity at one step the later counts,
        as after a resume. Missing keys and non-finite values are left out. What is drawn: `DRAWN_CHARTS`.
    network : Network
        What it is called, and its colour.
    n_units : int, optional
        Units in the network, for the title.
    chance_loss : float, optional
        Cross-entropy of a network that has learned nothing (log of the number of place cells), nats; drawn over the
        steps that have a cross-entropy.
    phases : sequence of (int, str), optional
        First step of each phase of training, and what it does; each has a loss of its own, so that no line of a loss
        goes from one to the next.

    Returns
    -------
    Figure
    """
    fig = new_figure(PAGE, 5.4)
    steps = [float(row["step"]) for row in rows if row.get("step") is not None]
    room = max(1.0, 0.03 * np.ptp(steps)) if steps else 1.0
    ends = (min(steps, default=0.0) - room, max(steps, default=0.0) + room)
    borders = [first for first, _ in phases[1:]]
    for ax, chart in zip(fig.subplots(2, 2).flat, DRAWN_CHARTS, strict=True):
        drawn = [_draw_line(ax, rows, line, network.colour, chart, borders) for line in chart.lines]
        ax.set(
            xlabel="training step",
            ylabel=f"{chart.title.lower()} ({chart.unit})" if chart.unit else chart.title.lower(),
        )
        ax.set_xlim(*ends)
        ax.xaxis.set_major_locator(MaxNLocator(5, integer=True, steps=[1, 2, 5, 10]))
        if not any(drawn):
            ax.set(xticks=[], yticks=[])
            empty_note(ax, "not recorded")
            continue
        if chart.of_loss and chance_loss is not None:
            _draw_chance(ax, rows, chance_loss)
        _draw_borders(ax, borders)
        if len(chart.lines) > 1:
            ax.legend(loc="lower left", bbox_to_anchor=(-0.02, 1.0), ncols=2)
        _scale(ax, chart)
    size = f" of {counted(n_units, 'unit')}" if n_units is not None else ""
    reached = counted(int(max(steps)), "step") if steps else "nothing logged yet"
    headline(fig, f"Training of the {network} network{size}", reached + _told_phases(phases, max(steps, default=0.0)))
    return fig


def _draw_line(
    ax: Axes, rows: Sequence[Mapping[str, Any]], line: Line, colour: str, chart: Chart, borders: Sequence[int]
) -> bool:
    """Draw one line and say whether there was anything to draw; what evaluations measured has dots."""
    steps, values = series(rows, line.measure.key)
    if chart.logarithmic:
        steps, values = steps[values > 0], values[values > 0]
    if steps.size == 0:
        return False
    evaluated = line.measure.key.startswith(EVALUATED_GROUP)
    look = {"color": colour, "marker": "o" if evaluated or steps.size == 1 else "", "markersize": 3}
    if chart.of_loss:  # a hole between phases
        places = np.unique(np.searchsorted(steps, borders))
        places = places[(places > 0) & (places < steps.size)]
        steps, values = np.insert(steps, places, steps[places - 1]), np.insert(values, places, np.nan)
    ax.plot(steps, line.measure.factor * values, label=line.label, **look | _LOOKS[line.look])
    return True


def _draw_chance(ax: Axes, rows: Sequence[Mapping[str, Any]], chance_loss: float) -> None:
    """Draw the cross-entropy of a network that has learned nothing, over the steps that have a cross-entropy."""
    steps, _ = series(rows, CROSS_ENTROPY.key)
    if steps.size:
        ends = [steps.min() if steps.min() > ax.dataLim.x0 else ax.get_xlim()[0], ax.get_xlim()[1]]
        label = f"nothing learned, {chance_loss:.3f}"
        ax.plot(ends, [chance_loss] * 2, color=NULL_COLOUR, linestyle=":", linewidth=1, label=label)


def _draw_borders(ax: Axes, borders: Sequence[int]) -> None:
    """Mark where each phase but the first begins."""
    for first in borders:
        if first <= ax.get_xlim()[1]:
            ax.axvline(first - 0.5, color=PHASE_COLOUR, linewidth=0.6, zorder=0)


def _told_phases(phases: Sequence[tuple[int, str]], reached: float) -> str:
    """Name the phases that have begun and the steps with which they do."""
    begun = [(first, name) for first, name in phases if first <= max(reached, phases[0][0])]
    if len(phases) < 2:
        return ""
    (_, name), *others = begun
    lines = f" (grey line{'s' if len(others) > 1 else ''})" if others else ""
    return "; ".join([f": {name}", *(f"from {first:,} {name}" for first, name in others)]) + lines


def _scale(ax: Axes, chart: Chart) -> None:
    """Give shares a zero and errors a logarithmic axis with plain numbers."""
    if chart.percent:
        from_zero(ax)
    if chart.logarithmic:
        ax.set_yscale("log")
        ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.yaxis.set_major_formatter(ScalarFormatter())
        ax.yaxis.set_minor_formatter(NullFormatter())
