"""Grid spacing that a change of tau or of speed predicts, against what was measured, module by module."""

import textwrap
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from topogrid.analysis.sheets import Sheet
from topogrid.figures.sheet_maps import colour_limits, show_sheet
from topogrid.figures.style import (
    NULL_COLOUR,
    PAGE,
    SHEET_MAP,
    THEORY_COLOUR,
    UNMEASURED,
    UNNAMED,
    Float,
    Network,
    counted,
    empty_note,
    finite,
    headline,
    new_figure,
    styled,
)

_COLUMNS = 4
_LEFT_IN, _TOP_IN, _TITLE_IN, _GAP_IN, _BELOW_IN = 0.6, 0.48, 0.36, 0.2, 0.42
_SIDE_IN = (PAGE - _LEFT_IN - 0.15 - (_COLUMNS - 1) * _GAP_IN) / _COLUMNS
_MAP_IN = 0.48 * _SIDE_IN
_LONGEST_TITLE = 22  # letters on a line above a panel


class ModulePanel(NamedTuple):
    """One intervention, module by module; spacing in metres, NaN where there is none.

    Attributes
    ----------
    name : str
        What was changed.
    predicted : array_like, ``(module,)``
        Spacing before, times the ratio by which the mean tau of the module was changed.
    measured : array_like, ``(module,)``
        Spacing after.
    spread : array_like, ``(module,)``
        Standard deviation over the units of a module, after.
    before : array_like, ``(module,)``
        Spacing before.
    after_map : array_like, ``(unit,)``, optional
        Spacing of every unit after, for a small map of the sheet.
    """

    name: str
    predicted: ArrayLike
    measured: ArrayLike
    spread: ArrayLike
    before: ArrayLike
    after_map: ArrayLike | None = None


@styled
def predicted_and_measured(
    panels: Sequence[ModulePanel],
    *,
    before_map: ArrayLike | None = None,
    modules: int = 1,
    network: Network = UNNAMED,
) -> Figure:
    """Draw measured against predicted spacing, a panel an intervention, a point a module.

    Parameters
    ----------
    panels : sequence of ModulePanel
    before_map : array_like, ``(unit,)``, optional
        Spacing of every unit before, metres: with it, panels that have an ``after_map`` show both sheets below.
    modules : int
        Modules along each side of the sheet, for the lines between them.
    network : Network
        What it is called, and its colour.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        If there is no panel, or the arrays of one differ in length.
    """
    if not panels:
        raise ValueError("a comparison of predictions needs at least one panel, got none")
    numbers = [_numbers(panel) for panel in panels]
    every = finite(np.concatenate([np.concatenate(arrays[:2] + arrays[3:]) for arrays in numbers]))
    low, high = (every.min(), every.max()) if every.size else (0.4, 1.6)
    room = max(0.08 * (high - low), 0.03)
    limits = (float(low - room), float(high + room))
    maps = before_map is not None and any(panel.after_map is not None for panel in panels)
    colours = colour_limits(_all_maps(panels, before_map)) if maps else (0.0, 1.0)
    rows, columns = -(-len(panels) // _COLUMNS), min(_COLUMNS, len(panels))
    below = _BELOW_IN + (_MAP_IN + 0.24 if maps else 0.0)
    bottom = 0.85 if maps else 0.3
    height = _TOP_IN + rows * (_TITLE_IN + _SIDE_IN + below) + bottom
    fig = new_figure(PAGE, height, layout=None)
    images: list[AxesImage] = []
    for index, (panel, arrays) in enumerate(zip(panels, numbers, strict=True)):
        row, column = divmod(index, columns)
        x = _LEFT_IN + column * (_SIDE_IN + _GAP_IN)
        y = height - _TOP_IN - row * (_TITLE_IN + _SIDE_IN + below) - _TITLE_IN - _SIDE_IN
        ax = _axes(fig, x, y, _SIDE_IN)
        _draw_panel(ax, panel.name, *arrays, limits, network.colour)
        ax.set_xlabel("predicted spacing (m)", labelpad=1)
        ax.tick_params(labelleft=column == 0)
        if column == 0:
            ax.set_ylabel("measured spacing (m)")
        for place, values in enumerate((before_map, panel.after_map)):
            if maps and values is not None and panel.after_map is not None:
                small = _axes(fig, x + place * (_SIDE_IN - _MAP_IN), y - below + 0.06, _MAP_IN)
                images.append(_small_map(small, values, colours, modules, ("before", "after")[place]))
    if images:
        bar = fig.add_axes((0.3, 0.68 / height, 0.4, 0.09 / height))
        fig.colorbar(images[0], cax=bar, orientation="horizontal", label="grid spacing (m)", extend="both")
    handles, labels = fig.axes[0].get_legend_handles_labels()
    if any(np.ma.getmaskarray(np.ma.asarray(image.get_array())).any() for image in images):
        handles, labels = [*handles, Patch(**UNMEASURED)], [*labels, "no lattice"]
    fig.legend(handles, labels, loc="lower left", bbox_to_anchor=(0.0, 0.0), ncols=5)
    count = counted(len(numbers[0][0]), "module")
    headline(
        fig,
        f"Grid spacing after an intervention on the {network} network, predicted and measured",
        f"{count}, one network; %: median of |measured / predicted - 1| over modules with a spacing",
    )
    return fig


def deviation(predicted: ArrayLike, measured: ArrayLike) -> tuple[float, int]:
    """Return the median over modules of ``|measured / predicted - 1|`` (NaN if none), and the number of modules."""
    ratio = np.asarray(measured, dtype=np.float64) / np.asarray(predicted, dtype=np.float64)
    off = finite(np.abs(ratio - 1))
    return (float(np.median(off)) if off.size else float("nan")), off.size


def _numbers(panel: ModulePanel) -> tuple[Float, Float, Float, Float]:
    """Return predicted, measured, spread and before as arrays of one length, or say which differ."""
    arrays = [
        np.atleast_1d(np.asarray(values, dtype=np.float64))
        for values in (panel.predicted, panel.measured, panel.spread, panel.before)
    ]
    if len({values.shape for values in arrays}) > 1 or arrays[0].ndim != 1:
        shapes = ", ".join(str(values.shape) for values in arrays)
        raise ValueError(f"{panel.name!r} needs predicted, measured, spread and before of (module,), got {shapes}")
    return arrays[0], arrays[1], arrays[2], arrays[3]


def _all_maps(panels: Sequence[ModulePanel], before_map: ArrayLike | None) -> Float:
    given = [before_map, *(panel.after_map for panel in panels)]
    return np.concatenate([np.asarray(values, dtype=np.float64).ravel() for values in given if values is not None])


def _draw_panel(
    ax: Axes,
    name: str,
    predicted: Float,
    measured: Float,
    spread: Float,
    before: Float,
    limits: tuple[float, float],
    colour: str,
) -> None:
    ax.plot(limits, limits, color=THEORY_COLOUR, linewidth=0.8, label="as predicted", zorder=1)
    ax.plot(predicted, before, "x", color=NULL_COLOUR, markersize=4, label="before (if spacing stayed)", zorder=2)
    error = np.where(np.isfinite(spread), spread, 0.0)
    ax.errorbar(
        predicted, measured, yerr=error, fmt="o", color=colour, markersize=3.2, elinewidth=0.8, zorder=3,
        label="a module, ± s.d. over its units",
    )  # fmt: skip
    off, n_modules = deviation(predicted, measured)
    if n_modules:
        some = "" if n_modules == len(predicted) else f"\n{n_modules} of {len(predicted)} modules"
        ax.text(0.04, 0.96, f"{100 * off:.1f} %{some}", transform=ax.transAxes, va="top", fontsize=7.5, zorder=4)
    else:
        empty_note(ax, "no module\nhas a spacing")
    ax.set(xlim=limits, ylim=limits)
    ax.set_title(textwrap.fill(name, _LONGEST_TITLE), loc="left", pad=3)
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(MaxNLocator(3, steps=[1, 2, 5, 10]))


def _axes(fig: Figure, x: float, y: float, side: float) -> Axes:
    """Return square axes, ``x`` and ``y`` inches from the lower left corner."""
    width, height = fig.get_size_inches()
    return fig.add_axes((x / width, y / height, side / width, side / height))


def _small_map(ax: Axes, values: ArrayLike, limits: tuple[float, float], modules: int, title: str) -> AxesImage:
    flat = np.asarray(values, dtype=np.float64).ravel()
    sheet = Sheet.of_units(flat.size, modules)
    image = show_sheet(ax, np.asarray(sheet.map(flat), dtype=np.float64), SHEET_MAP, limits, modules)
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(True)
    ax.set_title(title, fontsize=7.5, pad=2)
    return image
