"""Maps of the cortical sheet: one pixel per unit, row 0 at the top.

Sheets are placed by hand, in inches, with profile and colour bar as insets, so that rows line up across them.
"""

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colorbar import Colorbar
from matplotlib.colors import Colormap
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from topogrid.figures.style import (
    BORDER_COLOUR,
    CIRCULAR_MAP,
    PAGE,
    SHEET_MAP,
    THEORY_COLOUR,
    UNMEASURED,
    Float,
    counted,
    empty_note,
    finite,
    headline,
    new_figure,
    styled,
)

_LEFT_IN, _BOTTOM_IN, _LEGEND_IN, _TOP_IN = 0.6, 0.62, 0.28, 0.65
_FEWEST_FOR_A_DIRECTION = 5  # lattices below which a common direction is no more than theirs
_SHEET_IN = 3.3
_ALONE_IN = _LEFT_IN + _SHEET_IN + 0.6  # wide enough for a sheet without anything beside it, and its headline
LEAST_SPAN_STEPS = 1.0  # colour range of a tau map, at least
LEAST_SPAN_M = 0.02  # the same for spacing: finer differences are not measured


@styled
def tau_map(
    tau_sheet: ArrayLike, dt_s: float, *, limits: tuple[float, float] | None = None, modules: int = 1
) -> Figure:
    """Draw the time constants on the sheet, with medians of modules, or of rows where there are none, beside them.

    Parameters
    ----------
    tau_sheet : array_like, ``(row, col)``
        Time constants in steps; all 1 in a plain network.
    dt_s : float
        Length of a step, seconds, from which the colour bar's milliseconds follow.
    limits : (float, float), optional
        Ends of the colour bar in steps, to hold it still over a training run. The range of the data if left out.
    modules : int
        Modules along each side of the sheet: thin lines between them where there are several.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        If the sheet is not ``(row, col)``, or ``dt_s`` is not positive.
    """
    tau = _sheet(tau_sheet, "tau_sheet")
    if not dt_s > 0:
        raise ValueError(f"dt_s must be a positive number of seconds, got {dt_s}: pass the length of a step")
    values = finite(tau)
    one_value = limits is None and (values.size == 0 or np.ptp(values) == 0)
    if limits is None:
        low = float(values.min(initial=np.inf)) if values.size else 1.0
        limits = (low, max(float(values.max(initial=-np.inf)), low + LEAST_SPAN_STEPS))  # tau never goes below 1
    fig = _canvas(_ALONE_IN if one_value else PAGE, legend=values.size < tau.size)
    ax = _sheet_axes(fig)
    image = _show(ax, tau, SHEET_MAP, limits, modules)
    if not one_value:  # a bar and a profile of one value say nothing that the title does not
        profile = _profile(ax, tau, "tau (steps)", modules)
        profile.set_xlim(*(np.array(limits) + np.ptp(limits) * np.array([-0.06, 0.06])))
        bar = _colour_bar(ax, image, "time constant tau (steps)", x=1.68)
        _add_milliseconds(bar, dt_s)
    _legend(ax, "no time constant", tau.size - values.size)
    detail = "no unit has a time constant"
    if values.size:
        middle = float(np.median(values))
        text = f"from {values.min():.3g} to {values.max():.3g} steps, median {middle:.3g}"
        text = text if np.ptp(values) else f"all {middle:.3g} {'step' if middle == 1 else 'steps'}"
        detail = f"{text} ({middle * dt_s * 1e3:.3g} ms)"
    headline(fig, f"Time constants of {counted(tau.size, 'unit')} on the sheet", detail)
    return fig


@styled
def scale_map(
    spacing_sheet: ArrayLike,
    predicted: float | None = None,
    *,
    unmeasured: str = "no lattice",
    note: str = "",
    modules: int = 1,
) -> Figure:
    """Draw the grid spacing on the sheet, with medians of modules, or of rows where there are none, beside it.

    Parameters
    ----------
    spacing_sheet : array_like, ``(row, col)``
        Spacing in metres; NaN where there is none, drawn grey. Colours span all but the outermost 2 % at either end.
    predicted : float, optional
        Spacing that theory predicts from the place fields, metres: a dashed line, and a mark on the colour bar where it
        reaches that far.
    unmeasured : str
        Why units are grey, for the legend.
    note : str
        What else a reader has to know of these units, such as how many are significant: a third line of the title.
    modules : int
        Modules along each side of the sheet: thin lines between them where there are several.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        If the sheet is not ``(row, col)``.
    """
    spacing = _sheet(spacing_sheet, "spacing_sheet")
    values = finite(spacing)
    low, high = colour_limits(values)
    extra: list[Artist] = []
    fig = _canvas(6.5 if values.size else _ALONE_IN, legend=values.size < spacing.size or predicted is not None)
    ax = _sheet_axes(fig)
    image = _show(ax, spacing, SHEET_MAP, (low, high), modules)
    if values.size:
        profile = _profile(ax, spacing, "spacing (m)", modules)
        bar = _colour_bar(ax, image, "grid spacing (m)", x=1.5)
    if predicted is not None and values.size:
        label = f"theory: {predicted:.3f} m"
        extra.append(profile.axvline(predicted, color=THEORY_COLOUR, linestyle="--", linewidth=1, label=label))
        if low <= predicted <= high:
            bar.ax.plot([0], [predicted], ">", color=THEORY_COLOUR, markersize=5, clip_on=False)
    _legend(ax, unmeasured, spacing.size - values.size, extra)
    detail = f"grey everywhere: {unmeasured}"
    if values.size:
        quartiles = np.percentile(values, [25, 50, 75])
        detail = f"median {quartiles[1]:.3f} m, middle half {quartiles[0]:.3f} to {quartiles[2]:.3f} m"
    detail = f"{detail}\n{note}" if note else detail
    headline(fig, f"Grid spacing of {values.size:,} of {counted(spacing.size, 'unit')} on the sheet", detail)
    return fig


@styled
def orientation_map(orientation_sheet: ArrayLike, *, unmeasured: str = "no lattice", modules: int = 1) -> Figure:
    """Draw the lattices' orientation on the sheet, with a histogram beside it.

    Parameters
    ----------
    orientation_sheet : array_like, ``(row, col)``
        Degrees anticlockwise from x, taken mod 60; NaN where there is no lattice.
    unmeasured : str
        Why units are grey, for the legend.
    modules : int
        Modules along each side of the sheet: thin lines between them where there are several.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        If the sheet is not ``(row, col)``.
    """
    orientation = _sheet(orientation_sheet, "orientation_sheet") % 60
    values = finite(orientation)
    fig = _canvas(6.5, legend=values.size < orientation.size)
    ax = _sheet_axes(fig)
    image = _show(ax, orientation, CIRCULAR_MAP, (0, 60), modules)
    bar = _colour_bar(ax, image, "orientation (degrees, mod 60)", x=1.2, ticks=range(0, 61, 10))
    bar.ax.yaxis.set_ticks_position("left")
    bar.ax.yaxis.set_label_position("left")
    histogram = ax.inset_axes((1.27, 0, 0.42, 1))
    heights, edges = np.histogram(values, bins=np.arange(0, 61, 2.5))
    middles = (edges[:-1] + edges[1:]) / 2
    histogram.barh(middles, heights, height=2.5, color=CIRCULAR_MAP(middles / 60), edgecolor="white", linewidth=0.3)
    histogram.set(ylim=(0, 60), yticks=[], xlabel="units per 2.5°", xlim=(0, max(1, 1.05 * heights.max())))
    histogram.xaxis.set_major_locator(MaxNLocator(3, integer=True))
    _legend(ax, unmeasured, orientation.size - values.size)
    detail = f"grey everywhere: {unmeasured}"
    if values.size:
        mean = np.exp(6j * np.deg2rad(values)).mean()
        angle = np.rad2deg(np.angle(mean)) / 6 % 60
        detail = f"circular mean {angle:.1f}°"
        if values.size >= _FEWEST_FOR_A_DIRECTION:
            detail += f", mean vector {abs(mean):.2f} (1: all aligned, 0: no common direction)"
    units = counted(orientation.size, "unit")
    headline(fig, f"Lattice orientation of {values.size:,} of {units} on the sheet", detail)
    return fig


@styled
def phase_map(phase_sheet: ArrayLike, *, unmeasured: str = "no lattice", modules: int = 1) -> Figure:
    """Draw both coordinates of the lattices' phase on the sheet.

    Parameters
    ----------
    phase_sheet : array_like, ``(row, col, 2)``
        Phase in unit-cell coordinates, taken mod 1, along the lattice's first and second axis; NaN where there is none.
        Phases compare only between units that share spacing and orientation, and the figure says so.
    unmeasured : str
        Why units are grey, for the legend.
    modules : int
        Modules along each side of the sheet: thin lines between them where there are several.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        If the sheet is not ``(row, col, 2)``.
    """
    phase = np.asarray(phase_sheet, dtype=np.float64)
    if phase.ndim != 3 or phase.shape[2] != 2 or phase.size == 0:
        raise ValueError(f"phase_sheet must be (row, col, 2), got shape {phase.shape}: reshape the units to the sheet")
    units = phase.shape[0] * phase.shape[1]
    measured = np.isfinite(phase[..., 0] + phase[..., 1])
    phase = np.where(measured[..., None], phase, np.nan) % 1.0
    fig = _canvas(8.6, legend=not measured.all(), title_in=0.2)
    for which in range(2):
        ax = _sheet_axes(fig, _LEFT_IN + which * (_SHEET_IN + 0.25), title_in=0.2)
        image = _show(ax, phase[..., which], CIRCULAR_MAP, (0, 1), modules)
        ax.set_title(f"along lattice axis {which + 1}", loc="left", pad=3)
        if which == 0:
            _legend(ax, unmeasured, units - int(measured.sum()))
    ax.set_ylabel("")
    ax.tick_params(labelleft=False)
    _colour_bar(ax, image, "phase (unit cells, circular)", x=1.06, ticks=[0, 0.25, 0.5, 0.75, 1])
    detail = "relative: only differences between units of equal spacing and orientation mean anything"
    headline(fig, f"Lattice phase of {measured.sum():,} of {counted(units, 'unit')} on the sheet", detail)
    return fig


def _sheet(values: ArrayLike, name: str) -> Float:
    """Return a sheet as a float array with NaN for what is not finite, or say what is wrong with it."""
    sheet = np.asarray(values, dtype=np.float64)
    if sheet.ndim != 2 or sheet.size == 0:
        raise ValueError(f"{name} must be (row, col), got shape {sheet.shape}: reshape the units to the sheet")
    return np.where(np.isfinite(sheet), sheet, np.nan)


def show_sheet(
    ax: Axes, values: Float, colour_map: str | Colormap, limits: tuple[float, float], modules: int = 1
) -> AxesImage:
    """Draw a sheet ``(row, col)`` alone; units without a value let the hatched background through.

    Raises
    ------
    ValueError
        If the modules do not divide the sheet evenly.
    """
    if modules < 1 or any(side % modules for side in values.shape[:2]):
        raise ValueError(f"a sheet of {values.shape[0]} x {values.shape[1]} units has no {modules} modules a side")
    ax.patch.set(**UNMEASURED)
    masked = np.ma.masked_invalid(values)
    image = ax.imshow(masked, cmap=colour_map, vmin=limits[0], vmax=limits[1], origin="upper", aspect="auto")
    for line, n in ((ax.axhline, values.shape[0]), (ax.axvline, values.shape[1])):
        for border in np.arange(1, modules) * (n // modules) - 0.5:
            # Dark on light: seen on every colour of the maps and on grey.
            line(border, color="white", linewidth=1.1, zorder=2)
            line(border, color=BORDER_COLOUR, linewidth=0.5, zorder=2.1)
    return image


def colour_limits(values: ArrayLike) -> tuple[float, float]:
    """Return the ends of a colour scale of spacing, metres: all but the outermost 2 % of the values at either end."""
    found = finite(values)
    low, high = np.percentile(found, [2, 98]) if found.size else (0.0, 1.0)
    widen = max(0.0, LEAST_SPAN_M - (high - low)) / 2
    return float(low - widen), float(high + widen)


def _canvas(width: float, *, legend: bool, title_in: float = 0.0) -> Figure:
    """Return a figure ``width`` inches wide, high enough for one sheet with its headline, and a title or a legend."""
    below = _BOTTOM_IN + (_LEGEND_IN if legend else 0.0)
    return new_figure(width, below + _SHEET_IN + title_in + _TOP_IN, layout=None)


def _sheet_axes(fig: Figure, left: float = _LEFT_IN, *, title_in: float = 0.0) -> Axes:
    """Return square axes for a sheet below the headline, and a title of its own, ``left`` inches from the edge."""
    width, height = fig.get_size_inches()
    bottom = height - _TOP_IN - title_in - _SHEET_IN
    return fig.add_axes((left / width, bottom / height, _SHEET_IN / width, _SHEET_IN / height))


def _show(
    ax: Axes, values: Float, colour_map: str | Colormap, limits: tuple[float, float], modules: int = 1
) -> AxesImage:
    """Draw a sheet with its axes into ``ax``."""
    image = show_sheet(ax, values, colour_map, limits, modules)
    ax.set(xlabel="column", ylabel="row")
    ax.spines[:].set_visible(True)
    for axis, n in ((ax.yaxis, values.shape[0]), (ax.xaxis, values.shape[1])):
        axis.set_ticks(range(0, n, 2 ** max(0, int(np.ceil(np.log2(n / 6))))))
    return image


def _profile(ax: Axes, values: Float, label: str, modules: int) -> Axes:
    """Draw medians and middle halves in an inset at the right of a sheet: of modules, or of rows where there are none.

    A module's line spans its rows. How far units spread is shown and no standard error: neighbours are no samples.
    """
    profile = ax.inset_axes((1.06, 0, 0.32, 1), sharey=ax)
    profile.tick_params(labelleft=False, left=False)
    whose = "row" if modules == 1 else "module"
    profile.set_xlabel(f"median and middle half\nof each {whose}, {label}")
    measured = [(first, last, finite(part)) for first, last, part in _parts(values, modules) if finite(part).size]
    if not measured:
        profile.set_xticks([])
        empty_note(profile, f"no {whose} has\na value")
        return profile
    quartiles = np.array([np.percentile(part, [25, 50, 75]) for _first, _last, part in measured])
    first, last = (np.array(ends, dtype=np.float64) for ends in list(zip(*measured, strict=True))[:2])
    if modules == 1:
        profile.hlines(first, quartiles[:, 0], quartiles[:, 2], color="#404040", linewidth=0.8)
        profile.plot(quartiles[:, 1], first, "o", color="#404040", markersize=2)
    else:
        low, high = first - 0.5, last + 0.5
        profile.barh(
            (low + high) / 2, np.ptp(quartiles, axis=1), high - low, quartiles[:, 0], color="#404040", alpha=0.25
        )
        profile.vlines(quartiles[:, 1], low, high, color="#404040", linewidth=1.2)
    profile.use_sticky_edges = False  # or the lowest bar would lie on the axis
    profile.margins(x=0.06)
    profile.xaxis.set_major_locator(MaxNLocator(3))
    return profile


def _parts(values: Float, modules: int) -> list[tuple[int, int, Float]]:
    """Return first row, last row and values of every module, or of every row where there is one module."""
    if modules == 1:
        return [(row, row, one) for row, one in enumerate(values)]
    blocks = np.array_split(np.arange(len(values)), modules)
    return [
        (int(own[0]), int(own[-1]), part) for own in blocks for part in np.array_split(values[own], modules, axis=1)
    ]


def _colour_bar(ax: Axes, image: AxesImage, label: str, x: float, ticks: ArrayLike | None = None) -> Colorbar:
    """Draw a colour bar of the sheet's height, ``x`` sheet widths from its left edge, pointed where it clips."""
    data = finite(np.ma.filled(np.ma.asarray(image.get_array(), dtype=np.float64), np.nan))
    low, high = image.get_clim()
    below = low is not None and bool((data < low).any())
    above = high is not None and bool((data > high).any())
    extend = {(True, True): "both", (True, False): "min", (False, True): "max", (False, False): "neither"}
    cax = ax.inset_axes((x, 0, 0.05, 1))
    return ax.figure.colorbar(image, cax=cax, label=label, extend=extend[below, above], ticks=ticks)


def _add_milliseconds(bar: Colorbar, dt_s: float) -> None:
    """Give a colour bar in steps a second scale, in milliseconds, on its left."""

    def to_ms(steps: ArrayLike) -> Float:
        return np.asarray(steps, dtype=np.float64) * (dt_s * 1e3)

    def to_steps(ms: ArrayLike) -> Float:
        return np.asarray(ms, dtype=np.float64) / (dt_s * 1e3)

    bar.ax.secondary_yaxis("left", functions=(to_ms, to_steps)).set_ylabel("time constant tau (ms)")


def _legend(ax: Axes, reason: str, count: int, extra: list[Artist] | None = None) -> None:
    """Explain, below a sheet, its grey units, if there are any, and whatever else is drawn beside it."""
    handles: list[Artist] = [Patch(label=f"grey: {reason} (n = {count:,})", **UNMEASURED)] if count else []
    handles += extra or []
    if handles:
        below = -0.62 / _SHEET_IN  # of the axes' height: under the tick labels and a label of two lines
        ax.legend(handles=handles, loc="upper left", bbox_to_anchor=(-0.02, below), ncols=2, borderpad=0)
