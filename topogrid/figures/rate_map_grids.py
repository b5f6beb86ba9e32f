"""Many rate maps at a glance, each above its autocorrelogram.

All panels live in one axes, placed by hand: a figure per evaluation must not cost the seconds that eighty axes take.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import ArrayLike, NDArray

from topogrid.analysis.inputs import box_sides
from topogrid.analysis.maps.scores import autocorrelograms
from topogrid.figures.style import RATE_MAP, SAC_MAP, UNMEASURED, Float, counted, headline, new_figure, styled

Selection = Literal["best", "random"]

_CELL_IN = 0.755  # longer side of a panel, inches
_FEWEST_COLUMNS = 8  # room for the title and the colour bars when there are fewer units
_GAP = 0.16  # between neighbouring columns, in panels
_TEXT = 0.52  # three lines above each rate map, in panels
_SAC_RANGE = (-0.5, 1.0)  # correlations below are rare and drawn in the lowest colour
_TOP_IN, _BOTTOM_IN, _SIDE_IN = 0.55, 0.6, 0.12


@styled
def rate_map_grid(
    maps: ArrayLike,
    scores: ArrayLike,
    spacing: ArrayLike,
    tau_ms: ArrayLike,
    labels: Sequence[str] | None = None,
    *,
    box_size: float | tuple[float, float],
    n: int = 32,
    columns: int = 8,
    selection: Selection = "best",
    rng: np.random.Generator | None = None,
    module_of: ArrayLike | None = None,
) -> Figure:
    """Draw ``n`` rate maps with score, spacing, time constant and peak, each above its autocorrelogram.

    Parameters
    ----------
    maps : array_like, ``(unit, bin_y, bin_x)``
        Activity of *all* units, row 0 at the smallest y; NaN where a bin was not visited.
    scores, spacing, tau_ms : array_like, ``(unit,)``
        Grid score (NaN if dead), spacing in metres (NaN if there is no lattice), time constant in milliseconds.
    labels : sequence of str, optional
        A name per unit; its number if left out.
    box_size : float or (float, float)
        Side of the box, or its width and height, metres.
    n, columns : int
        How many units to show, and how many in a row.
    selection : {"best", "random"}
        The highest scores, or a fair sample of all units, dead ones included. The title says which.
    rng : numpy.random.Generator, optional
        Draws the random sample; needed for that only.
    module_of : array_like of int, ``(unit,)``, optional
        Module of every unit: the best are then taken from every module alike, the fastest module first.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        If the arrays disagree about the number of units, ``n`` or ``columns`` is below 1, ``selection`` is unknown,
        or a random sample comes without ``rng``.
    """
    maps = np.asarray(maps, dtype=np.float64)
    columns_of_unit = [np.asarray(values, dtype=np.float64) for values in (scores, spacing, tau_ms)]
    _check(maps, columns_of_unit, labels, n, columns)
    modules = None if module_of is None or selection != "best" else np.asarray(module_of)
    if modules is None:
        chosen = _choose(columns_of_unit[0], n, selection, rng)
    else:
        chosen = _best_of_each(columns_of_unit[0], columns_of_unit[2], modules, n)
        each = max(1, chosen.size // len(np.unique(modules)))
        columns = max(each, columns // each * each)  # no module is split over two rows
    width, height = box_sides(box_size)
    panel = np.array([width, height]) / max(width, height)
    columns = min(columns, max(chosen.size, 1))
    rows = max(1, -(-chosen.size // columns))
    pitch = np.array([1.0 + _GAP, 2 * panel[1] + 0.06 + _TEXT])
    fig, ax = _canvas(max(columns, _FEWEST_COLUMNS) * pitch[0] - _GAP, rows * pitch[1])
    for place, (unit, sac) in enumerate(zip(chosen, autocorrelograms(maps[chosen]), strict=True)):
        corner = pitch * (place % columns, place // columns) + np.array([(1 - panel[0]) / 2, _TEXT])
        name = f"unit {unit}" if labels is None else labels[unit]
        _draw_unit(ax, maps[unit], sac, corner, panel)
        score, metres, milliseconds = (float(values[unit]) for values in columns_of_unit)
        text = _caption(name, score, metres, milliseconds, maps[unit])
        ax.text(
            corner[0] + panel[0] / 2, corner[1] - 0.06, text, fontsize=6, ha="center", va="baseline", linespacing=1.2
        )
    _colour_bars(fig, signed=bool((maps[chosen] < 0).any()), box=f"{width:g} x {height:g} m")
    unvisited = bool(np.isnan(maps[chosen]).any())
    n_modules = 1 if modules is None else len(np.unique(modules))
    _say_what(fig, maps.shape, chosen.size, selection, unvisited, n_modules)
    return fig


def _check(maps: Float, columns_of_unit: list[Float], labels: Sequence[str] | None, n: int, columns: int) -> None:
    """Raise `ValueError` where the arguments do not describe the same units."""
    if maps.ndim != 3:
        raise ValueError(f"maps must be (unit, bin_y, bin_x), got shape {maps.shape}: add the missing axis")
    lengths = [values.shape for values in columns_of_unit] + ([(len(labels),)] if labels is not None else [])
    if any(length != (len(maps),) for length in lengths):
        raise ValueError(f"scores, spacing, tau_ms and labels need one entry per map ({len(maps)}), got {lengths}")
    if n < 1 or columns < 1:
        raise ValueError(f"n and columns must be at least 1, got {n} and {columns}")


def _choose(scores: Float, n: int, selection: Selection, rng: np.random.Generator | None) -> NDArray[np.intp]:
    """Return the units to show, highest score first, dead ones last."""
    if selection == "best":
        candidates = np.flatnonzero(np.isfinite(scores))
    elif selection == "random":
        if rng is None:
            raise ValueError('selection "random" needs rng, got None: pass numpy.random.default_rng(seed)')
        candidates = rng.choice(scores.size, size=min(n, scores.size), replace=False)
    else:
        raise ValueError(f'selection must be "best" or "random", got {selection!r}')
    return candidates[np.argsort(-scores[candidates], kind="stable")][:n]  # NaN sorts last


def _best_of_each(scores: Float, tau_ms: Float, modules: NDArray[np.int64], n: int) -> NDArray[np.intp]:
    """Return as many of the best units of every module, modules in the order of their mean time constant."""
    numbers = np.unique(modules)
    order = numbers[np.argsort([tau_ms[modules == number].mean() for number in numbers], kind="stable")]
    each = max(1, n // len(numbers))
    best = [np.flatnonzero(modules == number) for number in order]
    return np.concatenate([units[np.argsort(-scores[units], kind="stable")][:each] for units in best])


def _canvas(width: float, height: float) -> tuple[Figure, Axes]:
    """Return a figure with one bare axes of ``width`` x ``height`` panels, y down, between title and colour bars."""
    size = np.array([width, height]) * _CELL_IN
    total = size + np.array([2 * _SIDE_IN, _TOP_IN + _BOTTOM_IN])
    fig = new_figure(float(total[0]), float(total[1]), layout=None)
    ax = fig.add_axes((_SIDE_IN / total[0], _BOTTOM_IN / total[1], *(size / total)))
    ax.set(xlim=(0, width), ylim=(height, 0), autoscale_on=False)
    ax.set_axis_off()
    return fig, ax


def _draw_unit(ax: Axes, rate_map: Float, sac: Float, corner: Float, panel: Float) -> None:
    """Draw one rate map with its upper left corner at ``corner``, and its autocorrelogram below at the same size."""
    seen = rate_map[np.isfinite(rate_map)]
    peak = np.abs(seen).max() if seen.size else 0.0
    share = rate_map / (peak if peak > 0 else 1.0)
    lowest = -1.0 if (seen < 0).any() else 0.0
    images = ((share, RATE_MAP, (lowest, 1.0)), (sac, SAC_MAP, _SAC_RANGE))
    for order, (values, colour_map, limits) in enumerate(images):
        x, y = corner[0], corner[1] + order * (panel[1] + 0.06)
        ax.add_patch(Rectangle((x, y), panel[0], panel[1], **UNMEASURED))
        ax.imshow(
            np.ma.masked_invalid(values[::-1]),  # y is up in a map and down in this axes
            cmap=colour_map,
            vmin=limits[0],
            vmax=limits[1],
            extent=(x, x + panel[0], y + panel[1], y),
            aspect="auto",
            zorder=2,
        )


def _caption(name: str, score: float, spacing: float, tau_ms: float, rate_map: Float) -> str:
    """Return the three lines above a unit."""
    seen = rate_map[np.isfinite(rate_map)]
    peak = np.abs(seen).max() if seen.size else 0.0
    score_text = f"GS {score:.2f}" if np.isfinite(score) else "dead"
    spacing_text = f"{spacing:.2f} m" if np.isfinite(spacing) else "no lattice"
    return f"{name}\n{score_text}, {spacing_text}\n{tau_ms:.0f} ms, pk {peak:.2g}"


def _colour_bars(fig: Figure, signed: bool, box: str) -> None:
    """Draw one colour bar for all rate maps and one for all autocorrelograms at the bottom."""
    width, height = fig.get_size_inches()
    bars = (
        (RATE_MAP, (-1.0 if signed else 0.0, 1.0), f"upper: activity / unit's peak (box {box})", "neither"),
        (SAC_MAP, _SAC_RANGE, f"lower: autocorrelation r (lags to ± {box})", "min"),
    )
    for order, (colour_map, limits, label, extend) in enumerate(bars):
        at = (_SIDE_IN / width + 0.04 + 0.49 * order, 0.38 / height, 0.38, 0.09 / height)
        mappable = ScalarMappable(Normalize(*limits), colour_map)
        fig.colorbar(mappable, cax=fig.add_axes(at), orientation="horizontal", label=label, extend=extend)


def _say_what(
    fig: Figure, shape: tuple[int, ...], shown: int, selection: Selection, unvisited: bool, n_modules: int
) -> None:
    """Write the title: how many of how many units, picked how."""
    units = counted(shape[0], "unit")
    bins = (
        f"{shape[2]} x {shape[1]} bins; GS: grid score; m: spacing; ms: time constant; pk: peak activity (arb. units)"
        + ("; grey: not visited" if unvisited else "")
    )
    if n_modules > 1:
        each = counted(shown // n_modules, "unit")
        headline(fig, f"Rate maps of the {each} with the best grid score in each of {n_modules} modules, by tau", bins)
    elif selection == "best":
        headline(fig, f"Rate maps of the {shown} best of {units} by grid score (not typical ones)", bins)
    else:
        headline(fig, f"Rate maps of {shown} of {units} drawn at random, sorted by grid score", bins)
