"""Many conditions side by side, a line each, a panel for every measure."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from topogrid.figures.style import (
    NULL_COLOUR,
    PAGE,
    THEORY_COLOUR,
    UNNAMED,
    Network,
    counted,
    finite,
    headline,
    new_figure,
    styled,
)


class Panel(NamedTuple):
    """One measure of all conditions.

    Attributes
    ----------
    label : str
        What is measured, with its unit; a line break keeps it off its neighbours.
    values : sequence of float, ``(condition,)``
        NaN where it has no value.
    null : sequence of float, ``(condition,)``, optional
        What chance gives.
    line : float, optional
        A value to compare all conditions with.
    from_zero : bool
        Whether the axis begins at 0.
    """

    label: str
    values: Sequence[float]
    null: Sequence[float] | None = None
    line: float | None = None
    from_zero: bool = False


@styled
def condition_lines(
    names: Sequence[str], panels: Sequence[Panel], *, title: str, line_name: str = "theory", network: Network = UNNAMED
) -> Figure:
    """Draw conditions below each other; the first one is what the others are compared with.

    Parameters
    ----------
    names : sequence of str, ``(condition,)``
        Of the conditions, from top to bottom.
    panels : sequence of Panel
        Measures, from left to right.
    title : str
        What was done to what.
    line_name : str
        What the panels' lines are, for the legend.
    network : Network
        What it is called, and its colour.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        If there is no condition or no panel, or a panel does not have one value a condition.
    """
    for panel in panels:
        if len(panel.values) != len(names) or (panel.null is not None and len(panel.null) != len(names)):
            null = "" if panel.null is None else f" and {len(panel.null)} of its null"
            raise ValueError(
                f"{panel.label!r} needs {len(names)} values, one a condition, got {len(panel.values)}{null}"
            )
    if not names or not panels:
        raise ValueError(f"a figure of conditions needs some, and panels, got {len(names)} and {len(panels)}")
    fig = new_figure(PAGE, 1.2 + 0.19 * len(names))
    axes = fig.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for ax, panel in zip(axes, panels, strict=True):
        _draw_panel(ax, panel, network.colour)
    axes[0].set_yticks(np.arange(len(names)), names)
    axes[0].set_ylim(len(names) - 0.4, -0.6)
    handles = {label: handle for ax in axes for handle, label in zip(*ax.get_legend_handles_labels(), strict=True)}
    if any(panel.line is not None for panel in panels):
        handles[line_name] = axes[0].plot([], [], "--", color=THEORY_COLOUR, linewidth=1)[0]
    fig.legend(list(handles.values()), list(handles), loc="outside lower left", ncols=4)
    headline(fig, title, f"{counted(len(names), 'line')}, one network; dotted: {names[0]}")
    return fig


def _draw_panel(ax: Axes, panel: Panel, colour: str) -> None:
    values = np.asarray(panel.values, dtype=np.float64)
    rows = np.arange(values.size)
    if panel.null is not None:
        ax.plot(panel.null, rows, "|", color=NULL_COLOUR, markersize=7, markeredgewidth=1.5, label="null")
    ax.plot(values, rows, "o", color=colour, markersize=4, label="measured")
    unmeasured = rows[~np.isfinite(values)]
    for row in unmeasured:
        ax.text(0.5, row, "no value", transform=ax.get_yaxis_transform(), color=NULL_COLOUR, ha="center", va="center")
    if np.isfinite(values[0]):
        ax.axvline(values[0], color=NULL_COLOUR, linestyle=":", linewidth=1)
    if panel.line is not None:
        ax.axvline(panel.line, color=THEORY_COLOUR, linestyle="--", linewidth=1)
    if panel.from_zero:
        top = max([*finite(values), *finite(panel.null or ())], default=0.0) or 1.0
        ax.set_xlim(-0.04 * top, 1.08 * top)
    ax.set_xlabel(panel.label)
    ax.xaxis.set_major_locator(MaxNLocator(3))
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="y", color="#eeeeee", linewidth=0.6)
    ax.set_axisbelow(True)
