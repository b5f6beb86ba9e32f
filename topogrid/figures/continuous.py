"""A continuous sheet: what its bumps and its grids do along a gradient of tau."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter
from numpy.typing import ArrayLike

from topogrid.figures.style import NULL_COLOUR, PAGE, PALETTE, finite, headline, new_figure, styled

_ROW_IN = 1.75


class GradientPanel(NamedTuple):
    """A quantity along the gradient, on sheets of one size.

    Attributes
    ----------
    title, label : str
        Above it, and on its y axis.
    tau : array_like, ``(place,)``
        Steps, up over the first half and down again over the second.
    lines : sequence of array_like, ``(place,)``
        One a sheet; NaN where there is no value.
    own : array_like, ``(place,)``
        The value that each tau would have if no other were near.
    """

    title: str
    label: str
    tau: ArrayLike
    lines: Sequence[ArrayLike]
    own: ArrayLike


@styled
def gradient_panels(rows: Sequence[Sequence[GradientPanel]], *, detail: str = "") -> Figure:
    """Draw a quantity against tau, a line a half of a sheet; dashed is what each tau would do by itself.

    Parameters
    ----------
    rows : sequence of sequence of GradientPanel
        Panels of one row share their y axis.
    detail : str
        On what was measured.

    Raises
    ------
    ValueError
        If there is no panel.
    """
    if not rows or not all(rows):
        raise ValueError("a gradient is drawn of one panel or more in every row, got none")
    across = max(map(len, rows))
    fig = new_figure(PAGE, 0.7 + _ROW_IN * len(rows))
    headline(fig, "A continuous sheet with a smooth gradient of tau", detail)
    axes = fig.subplots(len(rows), across, squeeze=False, sharey="row")
    for line, panels in zip(axes, rows, strict=True):
        for ax, panel in zip(line, panels, strict=False):
            _panel(ax, panel)
        line[0].set_ylabel(panels[0].label)
        for ax in line[len(panels) :]:
            ax.set_axis_off()
    return fig


def _panel(ax: Axes, panel: GradientPanel) -> None:
    tau, own = np.asarray(panel.tau, dtype=np.float64), np.asarray(panel.own, dtype=np.float64)
    half = tau.size // 2
    for values in panel.lines:
        line = np.asarray(values, dtype=np.float64)
        for part in (slice(None, half), slice(half, None)):
            there = np.isfinite(line[part])
            ax.plot(tau[part][there], line[part][there], color=PALETTE["blue"], lw=0.9, alpha=0.6)
    ax.plot(tau[:half], own[:half], color=NULL_COLOUR, ls="--", lw=1.0)
    for scale, values in ((ax.set_xscale, tau), (ax.set_yscale, finite(own))):
        if values.size and values.min() > 0:
            scale("log")
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(LogLocator(subs=(1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0)))
        axis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axis.set_minor_formatter(NullFormatter())
    ax.set_title(panel.title, loc="left", fontsize=7)
    ax.set_xlabel("tau (steps)")
