"""Figures of groups of networks: one for each question, and one that holds them all."""

from collections.abc import Callable, Iterable, Sequence
from textwrap import wrap
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, FigureBase
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D

from topogrid.analysis.networks.groups import Group, Member
from topogrid.figures import comparison_panels as panels
from topogrid.figures.style import (
    NULL_COLOUR,
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
from topogrid.measures.maps import ABOVE_03, ABOVE_08
from topogrid.measures.shown import ORDER, SHARES, SLOPES
from topogrid.measures.training import CROSS_ENTROPY, TRAINING_ERROR

_ROW_IN = 2.15  # height of a row of panels
_MOST_SHEETS = 8  # sheets beside each other that can still be read
_SHEETS_IN = 2.9
_LEGEND_LETTERS, _TITLE_LETTERS, _SHEET_LETTERS = 125, 95, 100  # that fit on a page
_HANDLE_LETTERS = 7  # as wide as a line of a legend and the room around it


class _Row(NamedTuple):
    """Panels beside each other."""

    widths: tuple[float, ...]
    draw: Callable[[Sequence[Axes], Sequence[Group], Sequence[str]], None]


def _draw_learning(axes: Sequence[Axes], groups: Sequence[Group], colours: Sequence[str]) -> None:
    panels.learning(axes[0], groups, colours, TRAINING_ERROR, logarithmic=True)
    panels.learning(axes[1], groups, colours, CROSS_ENTROPY)
    panels.long_error(axes[2], groups, colours)


def _draw_trade_off(axes: Sequence[Axes], groups: Sequence[Group], colours: Sequence[str]) -> None:
    panels.trade_off(axes[0], groups, colours, share=ABOVE_03)
    panels.trade_off(axes[1], groups, colours, share=ABOVE_08)
    panels.dots(axes[2], groups, colours, SHARES, label="share (% of units)")


def _draw_spread(axes: Sequence[Axes], groups: Sequence[Group], colours: Sequence[str]) -> None:
    panels.grid_scores(axes[0], groups, colours)
    panels.spacings(axes[1], groups, colours)
    panels.dots(axes[2], groups, colours, ORDER, label="Moran's I (-1 to 1)")
    panels.dots(axes[3], groups, colours, SLOPES, label="slope (log m per log step)")


_ROWS = {
    "learning": _Row((1, 1, 1), _draw_learning),
    "trade_off": _Row((1, 1, 1), _draw_trade_off),
    "spread": _Row((1, 1, 1, 0.45), _draw_spread),
}
COMPARISON_FIGURES = (*_ROWS, "sheets")
"""Names of the figures that `comparison_figure` draws."""


@styled
def comparison_figure(name: str, groups: Sequence[Group], colours: Sequence[str]) -> Figure:
    """Draw one question.

    Parameters
    ----------
    name : str
        One of `COMPARISON_FIGURES`: ``learning`` (error and loss along training, error along long walks), ``trade_off``
        (shares of units above a grid score against the error), ``spread`` (distributions, order on the sheet) or
        ``sheets`` (maps of tau and spacing).
    groups : sequence of Group
    colours : sequence of str
        Of each group; see `distinct_colours`.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        If there is no such figure, or no group, or a group without a network or a colour.
    """
    if name not in COMPARISON_FIGURES:
        raise ValueError(f"the figures of groups are {', '.join(COMPARISON_FIGURES)}, got {name!r}")
    _check(groups, colours)
    if name == "sheets":
        fig = new_figure(PAGE, _SHEETS_IN + 0.2)
        _draw_sheets(fig, groups, colours)
        return fig
    fig = new_figure(PAGE, _ROW_IN + 0.45)
    row = _ROWS[name]
    row.draw(fig.subplots(1, len(row.widths), width_ratios=row.widths), groups, colours)
    _legend(fig, groups, colours)
    return fig


@styled
def comparison_overview(groups: Sequence[Group], colours: Sequence[str], *, title: str) -> Figure:
    """Draw every question in one figure, its panels lettered.

    Parameters
    ----------
    groups : sequence of Group
    colours : sequence of str
        Of each group; see `distinct_colours`.
    title : str
        What is compared.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        If there is no group, or a group without a network or a colour.
    """
    _check(groups, colours)
    fig = new_figure(PAGE, len(_ROWS) * _ROW_IN + _SHEETS_IN + 0.85)
    parts: Any = fig.subfigures(len(_ROWS) + 1, 1, height_ratios=[_ROW_IN] * len(_ROWS) + [_SHEETS_IN], hspace=0.02)
    letters = iter("abcdefghijklm")
    for part, row in zip(parts, _ROWS.values(), strict=False):
        axes = part.subplots(1, len(row.widths), width_ratios=row.widths)
        row.draw(axes, groups, colours)
        _letter(axes, letters)
    first, second = _draw_sheets(parts[-1], groups, colours)
    _letter((first, second), letters)
    _legend(fig, groups, colours)
    n_networks = sum(len(group.members) for group in groups)
    headline(
        fig,
        "\n".join(wrap(title, _TITLE_LETTERS)),
        f"{counted(n_networks, 'network')}; a thin line or a dot is one network",
    )
    return fig


def _check(groups: Sequence[Group], colours: Sequence[str]) -> None:
    if not groups or any(not group.members for group in groups):
        raise ValueError(f"a comparison needs groups of at least one network, got {[len(g.members) for g in groups]}")
    if len(colours) != len(groups):
        raise ValueError(f"a comparison needs a colour for each of {len(groups)} groups, got {len(colours)}")


def _letter(axes: Iterable[Axes], letters: Iterable[str]) -> None:
    for ax, letter in zip(axes, letters, strict=False):
        ax.set_title(letter, loc="left", fontweight="bold", pad=4)


def _legend(fig: Figure, groups: Sequence[Group], colours: Sequence[str]) -> None:
    """Name the groups, and what stands for one network, the mean, its interval and the null."""
    handles = [
        Line2D([], [], color=colour, linewidth=1.8, label=f"{group.name} (n = {len(group.members)})")
        for group, colour in zip(groups, colours, strict=True)
    ]
    handles += [
        Line2D([], [], color="black", linewidth=1.8, label="thick: mean; bar: 95 % t interval"),
        Line2D([], [], color=NULL_COLOUR, linestyle="--", linewidth=1.2, label="dashed, grey: null or holding still"),
    ]
    letters = [len(str(handle.get_label())) + _HANDLE_LETTERS for handle in handles]
    fitting = (n for n in range(len(handles), 1, -1) if _legend_width(letters, n) <= _LEGEND_LETTERS)
    fig.legend(handles=handles, loc="outside lower left", ncols=next(fitting, 1))


def _legend_width(letters: Sequence[int], n_columns: int) -> int:
    """Return the letters across a legend, which matplotlib fills column by column."""
    return sum(int(max(column)) for column in np.array_split(np.array(letters), n_columns))


def _draw_sheets(part: FigureBase, groups: Sequence[Group], colours: Sequence[str]) -> tuple[Axes, Axes]:
    """Draw maps of tau over maps of spacing, a column a network, all on the same two scales; the leftmost axes."""
    shown = _shown_sheets(groups, colours)
    axes = part.subplots(2, len(shown), squeeze=False)
    rows: tuple[tuple[str, Callable[[Member], Float], float], ...] = (
        ("tau (ms)", lambda member: member.tau, 0.0),
        ("spacing (m)", lambda member: member.spacing, 2.0),
    )
    for line, (label, values_of, cut) in zip(axes, rows, strict=True):
        limits = _limits([values_of(member) for member, _colour, _name in shown], cut)
        images = [
            _draw_sheet(ax, values_of(member), limits) for ax, (member, _colour, _name) in zip(line, shown, strict=True)
        ]
        mappable = next((image for image in images if image is not None), None)
        if mappable is not None:
            part.colorbar(mappable, ax=list(line), label=label, fraction=0.04, pad=0.01, aspect=12, shrink=0.8)
    for ax, (member, colour, name) in zip(axes[0], shown, strict=True):
        told = "\n".join([*wrap(name, _SHEET_LETTERS // len(shown)), member.label])
        ax.set_title(f"\n{told}", fontsize=6.5, color=colour)
    for line, name in zip(axes, ("time constant", "grid spacing"), strict=True):
        line[0].set_ylabel(name)
    return axes[0, 0], axes[1, 0]


def _shown_sheets(groups: Sequence[Group], colours: Sequence[str]) -> list[tuple[Member, str, str]]:
    """Return the first networks of every group, as many as fit, with colour and name of their group."""
    each = max(1, _MOST_SHEETS // len(groups))
    return [
        (member, colour, group.name)
        for group, colour in zip(groups, colours, strict=True)
        for member in group.members[:each]
    ]


def _limits(sheets: Sequence[Float], cut: float) -> tuple[float, float]:
    """Return the range of all values but the outermost ``cut`` percent at either end."""
    there = np.concatenate([finite(sheet) for sheet in sheets])
    if there.size == 0:
        return 0.0, 1.0
    low, high = np.percentile(there, [cut, 100 - cut])
    return float(low), float(max(high, low + 1e-3))


def _draw_sheet(ax: Axes, values: Float, limits: tuple[float, float]) -> AxesImage | None:
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(True)
    if values.size == 0:
        empty_note(ax, "not kept")
        ax.set_aspect("equal")
        return None
    ax.patch.set(**UNMEASURED)
    return ax.imshow(np.ma.masked_invalid(values), cmap=SHEET_MAP, vmin=limits[0], vmax=limits[1], origin="upper")
