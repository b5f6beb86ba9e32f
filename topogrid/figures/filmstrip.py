"""The sheet at several moments of training, side by side: time constants above, grid spacing below."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.colorbar import Colorbar
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from topogrid.analysis.sheets import Sheet
from topogrid.figures.sheet_maps import LEAST_SPAN_STEPS, colour_limits, show_sheet
from topogrid.figures.style import (
    PAGE,
    SHEET_MAP,
    UNMEASURED,
    Float,
    counted,
    empty_note,
    finite,
    headline,
    new_figure,
    styled,
)

MOST_MOMENTS = 5
_LEFT_IN, _RIGHT_IN, _TOP_IN, _GAP_IN = 0.35, 0.75, 0.72, 0.08
_BETWEEN_ROWS_IN = 0.12


class Moment(NamedTuple):
    """The sheet at one step of training.

    Attributes
    ----------
    step : int
        Training steps done.
    tau : array_like, ``(unit,)``
        Time constants, steps.
    spacing : array_like, ``(unit,)``
        Grid spacing, metres; NaN where a unit has no lattice, empty where none was measured.
    """

    step: int
    tau: ArrayLike
    spacing: ArrayLike


@styled
def filmstrip(
    moments: Sequence[Moment], dt_s: float, *, modules: int = 1, limits: tuple[float, float] | None = None
) -> Figure:
    """Draw tau (above) and grid spacing (below) on the sheet at moments of training, a column each.

    Parameters
    ----------
    moments : sequence of Moment
        In the order of their steps. Of more than five, the first, the last and three evenly spread ones are drawn.
    dt_s : float
        Length of a step, seconds.
    modules : int
        Modules along each side of the sheet.
    limits : (float, float), optional
        Ends of the colour scale of tau in steps; the range of all moments if left out.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        If there is no moment, or they are not of one square sheet.
    """
    if not moments:
        raise ValueError("a filmstrip needs at least one moment, got none")
    shown = [moments[index] for index in chosen_moments(len(moments))]
    sheet = Sheet.of_units(np.size(shown[0].tau), modules)
    taus = [_laid_out(moment.tau, sheet) for moment in shown]
    spacings = [_laid_out(moment.spacing, sheet) for moment in shown]
    columns = max(3, len(shown))  # a single sheet is not blown up
    side = (PAGE - _LEFT_IN - _RIGHT_IN - (columns - 1) * _GAP_IN) / columns
    bottom = 0.12 if all(np.isfinite(one).all() for one in spacings) else 0.34
    height = bottom + 2 * side + _BETWEEN_ROWS_IN + _TOP_IN
    fig = new_figure(PAGE, height, layout=None)
    ms = 1e3 * dt_s
    every = finite(np.concatenate([one.ravel() for one in taus]))
    if limits is None:
        low, high = (float(every.min()), float(every.max())) if every.size else (1.0, 1.0)
        limits = (low, max(high, low + LEAST_SPAN_STEPS))
    rows = (
        ("tau (ms)", [ms * one for one in taus], (ms * limits[0], ms * limits[1]), bottom + side + _BETWEEN_ROWS_IN),
        # The last sheet sets the scale: early lattices are noise, whose outliers would flatten it.
        ("spacing (m)", spacings, colour_limits(_last_measured(spacings)), bottom),
    )
    for label, sheets, (low, high), y in rows:
        for column, values in enumerate(sheets):
            x = _LEFT_IN + column * (side + _GAP_IN)
            ax = fig.add_axes((x / PAGE, y / height, side / PAGE, side / height))
            image = show_sheet(ax, values, SHEET_MAP, (low, high), modules)
            ax.set(xticks=[], yticks=[])
            ax.spines[:].set_visible(True)
            if label.startswith("tau"):
                ax.set_title(f"step {shown[column].step:,}", pad=4)
            elif not np.isfinite(values).any():
                empty_note(ax, "no lattice")
        bar = _bar(fig, image, x + side, y, side, height, sheets)
        bar.set_label(label)
        fig.text(0.12 / PAGE, (y + side / 2) / height, label.split(" (")[0], rotation=90, ha="center", va="center")
    if bottom > 0.2:
        fig.legend(
            handles=[_grey()], loc="lower left", bbox_to_anchor=((_LEFT_IN - 0.06) / PAGE, 0.06 / height), borderpad=0
        )
    squares = f", {counted(sheet.n_modules, 'module')}" if modules > 1 else ""
    left_out = f"; {len(shown)} of {len(moments)} moments" if len(shown) < len(moments) else ""
    span = f"tau from {every.min():.3g} to {every.max():.3g} steps of {ms:.3g} ms" if every.size else "no tau"
    headline(
        fig,
        f"Time constants and grid spacing of {counted(sheet.n_units, 'unit')}{squares}, in training",
        span + left_out,
    )
    return fig


def chosen_moments(count: int, most: int = MOST_MOMENTS) -> list[int]:
    """Return at most ``most`` of ``count`` places, evenly spread, the first and the last among them."""
    return [round(place) for place in np.linspace(0, count - 1, min(count, most))]


def _laid_out(numbers: ArrayLike, sheet: Sheet) -> Float:
    values = np.asarray(numbers, dtype=np.float64)
    return np.asarray(sheet.map(values if values.size else np.full(sheet.n_units, np.nan)), dtype=np.float64)


def _last_measured(spacings: Sequence[Float]) -> Float:
    there = [one for one in spacings if np.isfinite(one).any()]
    return there[-1] if there else spacings[-1]


def _bar(
    fig: Figure, image: AxesImage, x: float, y: float, side: float, height: float, sheets: list[Float]
) -> Colorbar:
    """Draw a colour bar right of a row, ``x`` and ``y`` in inches, pointed where values lie outside the scale."""
    data = finite(np.concatenate([one.ravel() for one in sheets]))
    low, high = image.norm.vmin, image.norm.vmax
    below = low is not None and bool((data < low).any())
    above = high is not None and bool((data > high).any())
    extend = {(True, True): "both", (True, False): "min", (False, True): "max", (False, False): "neither"}
    cax = fig.add_axes(((x + 0.08) / PAGE, y / height, 0.09 / PAGE, side / height))
    return fig.colorbar(image, cax=cax, extend=extend[below, above], ticks=MaxNLocator(5))


def _grey() -> Patch:
    return Patch(label="grey: no lattice", **UNMEASURED)
