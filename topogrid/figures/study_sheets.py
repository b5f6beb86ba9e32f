"""The sheets of the study: what each arm lays out, and the scale that comes of it."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from numpy.typing import ArrayLike

from topogrid.figures.style import (
    NULL_COLOUR,
    PAGE,
    PALETTE,
    SHEET_MAP,
    UNMEASURED,
    Float,
    finite,
    headline,
    new_figure,
    styled,
)

_ACROSS = 4  # arms side by side
_ROW_IN = 1.2


class StudySheet(NamedTuple):
    """One network of an arm.

    Attributes
    ----------
    title : str
    tau, spacing : array_like, ``(row, col)``
        Steps and metres; NaN where a unit has no lattice.
    """

    title: str
    tau: ArrayLike
    spacing: ArrayLike


class StudySteps(NamedTuple):
    """Units of one network, by module.

    Attributes
    ----------
    title : str
    tau, spacing : array_like, ``(unit,)``
        Steps and metres.
    module_of : array_like of int, ``(unit,)``
    """

    title: str
    tau: ArrayLike
    spacing: ArrayLike
    module_of: ArrayLike


TAU_COLOURS = "cividis"  # not those of spacing, which are on another scale


@styled
def study_sheets(sheets: Sequence[StudySheet], *, detail: str = "") -> Figure:
    """Draw tau beside spacing for one network of each arm.

    Spacing has one colour scale for all. Tau has other colours, from the shortest to the longest of each sheet; where
    it is the same everywhere it has the middle one.

    Parameters
    ----------
    sheets : sequence of StudySheet
    detail : str
        Which networks they are.

    Raises
    ------
    ValueError
        If there is no sheet, or a map is not ``(row, col)``.
    """
    maps = [(np.asarray(one.tau, dtype=np.float64), np.asarray(one.spacing, dtype=np.float64)) for one in sheets]
    if not maps or any(tau.ndim != 2 or tau.shape != spacing.shape for tau, spacing in maps):
        raise ValueError(f"each arm needs a map of tau and one of spacing, both (row, col); got {len(maps)} arms")
    across = min(_ACROSS, len(maps))
    rows = -(-len(maps) // across)
    fig = new_figure(PAGE, 1.0 + _ROW_IN * rows, layout="compressed")
    headline(fig, "Time constants (left of each pair) and grid spacing (right)", detail)
    axes = fig.subplots(rows, 2 * across, squeeze=False)
    of_spacing = _limits([spacing for _, spacing in maps])
    for place, (one, (tau, spacing)) in enumerate(zip(sheets, maps, strict=True)):
        row, col = divmod(place, across)
        left, right = axes[row, 2 * col : 2 * col + 2]
        of_tau = _show(left, tau, _around(tau), TAU_COLOURS)
        image = _show(right, spacing, of_spacing, SHEET_MAP)
        left.set_title(one.title, loc="left", fontsize=6.5)
        left.set_xlabel(_range(tau), fontsize=6, loc="left")
    for ax in axes.ravel()[2 * len(maps) :]:
        ax.set_axis_off()
    bar = fig.colorbar(image, ax=list(axes[:, across:].ravel()), location="bottom", shrink=0.8, aspect=40, pad=0.02)
    bar.set_label("grid spacing (m)")
    bar = fig.colorbar(of_tau, ax=list(axes[:, :across].ravel()), location="bottom", shrink=0.8, aspect=40, pad=0.02)
    bar.set_ticks(of_tau.get_clim(), labels=["shortest", "longest"])
    bar.set_label("time constants of each sheet")
    return fig


def _range(tau: Float) -> str:
    low, high = (float(f"{value:.3g}") for value in (finite(tau).min(initial=np.inf), finite(tau).max(initial=-np.inf)))
    if not low <= high:
        return "no tau"
    return f"tau {low:g} step{'s'[: low != 1]}" if low == high else f"tau {low:g} to {high:g} steps"


def _limits(maps: Sequence[Float]) -> tuple[float, float]:
    values = np.concatenate([finite(one) for one in maps])
    if not values.size:
        return 0.0, 1.0
    low, high = np.quantile(values, (0.02, 0.98))
    return float(low), float(max(high, low + 1e-3))


def _around(tau: Float) -> tuple[float, float]:
    """Return the limits of a sheet's own colours; with equal values, these are in the middle."""
    low, high = _limits([tau])
    return (low, high) if np.ptp(finite(tau)) > 0 else (low - 1.0, low + 1.0)


def _show(ax: Axes, values: Float, limits: tuple[float, float], colours: str) -> AxesImage:
    ax.set_facecolor(UNMEASURED["facecolor"])
    ax.set_xticks([])
    ax.set_yticks([])
    return ax.imshow(values, cmap=colours, vmin=limits[0], vmax=limits[1], interpolation="nearest")


@styled
def study_steps(panels: Sequence[StudySteps], *, detail: str = "") -> Figure:
    """Draw the spacing of every unit against its own tau, and the medians of its module.

    A module that integrates as one has one spacing, whatever the tau of its units: dots of a module then lie on a
    level line, and the modules climb in steps along the dashed line of proportion.

    Parameters
    ----------
    panels : sequence of StudySteps
    detail : str
        Which networks they are.

    Raises
    ------
    ValueError
        If there is no panel, or its values do not belong together.
    """
    if not panels:
        raise ValueError("steps of scale need one network or more, got none")
    fig = new_figure(PAGE, 3.0)
    headline(fig, "Tau varies from unit to unit, spacing from module to module", detail)
    for ax, panel in zip(fig.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        _draw_steps(ax, panel)
    return fig


def _draw_steps(ax: Axes, panel: StudySteps) -> None:
    tau, spacing = (np.asarray(values, dtype=np.float64).ravel() for values in (panel.tau, panel.spacing))
    module_of = np.asarray(panel.module_of).ravel()
    if not tau.shape == spacing.shape == module_of.shape:
        raise ValueError(
            f"tau, spacing and module need one value a unit, got {tau.size}, {spacing.size}, {module_of.size}"
        )
    there = np.isfinite(tau) & np.isfinite(spacing)
    middles = []
    for place, module in enumerate(np.unique(module_of)):
        inside = there & (module_of == module)
        if inside.any():
            colour = list(PALETTE.values())[place % len(PALETTE)]
            ax.plot(tau[inside], spacing[inside], ".", markersize=2.5, color=colour, alpha=0.35, mew=0)
            middles.append((tau[inside].mean(), float(np.median(spacing[inside]))))
    if middles:
        x, y = np.array(middles).T
        factor = float(np.exp(np.mean(np.log(y / x))))
        ends = np.array([tau[there].min(), tau[there].max()])
        ax.plot(ends, factor * ends, color=NULL_COLOUR, linewidth=0.9, linestyle=(0, (3, 2)), label="in proportion")
        ax.plot(x, y, "o", markersize=4, color="black", mfc="white", label="module: mean tau, median spacing")
        ax.legend(loc="upper left")
    ax.set_title(panel.title, loc="left")
    ax.set_xlabel("tau of the unit (steps)")
    ax.set_ylabel("grid spacing (m)")
