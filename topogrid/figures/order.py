"""Order on the sheet and properties of units beside their grid score."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike, NDArray

from topogrid.analysis.sheets.order import DistanceSimilarity
from topogrid.figures.style import (
    COLUMN,
    NULL_COLOUR,
    PAGE,
    THEORY_COLOUR,
    UNNAMED,
    Float,
    Network,
    counted,
    empty_note,
    finite,
    headline,
    legend_below,
    new_figure,
    styled,
)

_OTHER_COLOURS = ("black", "#0072B2", "#009E73", "#CC79A7")
_FEWEST_IN_PART = 5  # units in a part of the tau axis below which its shares are not drawn


@styled
def similarity_by_distance(
    curves: Mapping[str, DistanceSimilarity],
    *,
    n_units: int,
    who: str = "units with a lattice",
    network: Network = UNNAMED,
) -> Figure:
    """Draw how likeness falls with distance on the sheet, over the range of rearranged values.

    Parameters
    ----------
    curves : mapping
        By the name of the property.
    n_units : int
        Units with a value, and what they are: ``who``.
    network : Network
        What it is called, and its colour.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        If there is no curve.
    """
    if not curves:
        raise ValueError("similarity by distance needs at least one property, got none")
    fig = new_figure(PAGE, 2.6)
    axes = fig.subplots(1, len(curves), sharey=True, squeeze=False)[0]
    for ax, (name, curve) in zip(axes, curves.items(), strict=True):
        _draw_similarity(ax, curve, network.colour)
        ax.set_title(name)
        ax.set_xlabel("distance (units)")
    axes[0].set_ylabel("similarity (correlation)")
    handles = {label: handle for ax in axes for handle, label in zip(*ax.get_legend_handles_labels(), strict=True)}
    if handles:
        fig.legend(list(handles.values()), list(handles), loc="outside lower left", ncols=2)
    headline(fig, "Similarity against distance on the sheet", f"over {n_units:,} {who}")
    return fig


def _draw_similarity(ax: Axes, curve: DistanceSimilarity, colour: str) -> None:
    ax.axhline(0, color=THEORY_COLOUR, linewidth=0.6)
    if not np.isfinite(curve.similarity).any():
        ax.set(xticks=[])
        empty_note(ax, "too few units")
        return
    if np.isfinite(curve.null_low).any():
        ax.fill_between(
            curve.distance,
            curve.null_low,
            curve.null_high,
            color=NULL_COLOUR,
            alpha=0.4,
            linewidth=0,
            label="95 % of permutations of the same values",
        )
    marker = "o" if curve.distance.size == 1 else ""
    ax.plot(curve.distance, curve.similarity, marker=marker, color=colour, label="measured")
    ax.xaxis.set_major_locator(MaxNLocator(4, integer=True))


@styled
def score_panels(square: ArrayLike, border: ArrayLike, information: ArrayLike, *, network: Network = UNNAMED) -> Figure:
    """Draw the distributions of square score, border score and spatial information.

    Parameters
    ----------
    square, border, information : array_like, ``(unit,)``
        Information in bits; NaN where a unit has no value.
    network : Network
        What it is called, and its colour.

    Returns
    -------
    Figure
    """
    fig = new_figure(PAGE, 2.4)
    panels = {
        "square score (90°, dimensionless)": square,
        "border score (dimensionless)": border,
        "spatial information (bits)": information,
    }
    axes = fig.subplots(1, len(panels))
    for ax, (label, values) in zip(axes, panels.items(), strict=True):
        known = finite(values)
        ax.set_xlabel(label)
        if known.size == 0:
            ax.set(xticks=[], yticks=[])
            empty_note(ax, "no unit has a value")
            continue
        ax.hist(known, 30, color=network.colour, alpha=0.8, edgecolor="white", linewidth=0.3)
        ax.axvline(float(np.median(known)), color=THEORY_COLOUR, linewidth=1)
        ax.set_title(f"median {np.median(known):.3g}, n = {known.size:,}", loc="left")
        ax.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes[0].set_ylabel("units (count)")
    headline(fig, f"Other tuning scores of the {counted(np.asarray(square).size, 'unit')} of the {network} network")
    return fig


@styled
def shares_by_tau(
    tau_ms: ArrayLike,
    shares: Mapping[str, ArrayLike],
    *,
    null: Mapping[str, float] | None = None,
    parts: int = 10,
    network: Network = UNNAMED,
) -> Figure:
    """Draw properties of units against their time constant, in parts of as equally many units as equal tau allows.

    Parameters
    ----------
    tau_ms : array_like, ``(unit,)``
        Time constants, milliseconds.
    shares : mapping of str to array_like, ``(unit,)``
        By name, from 0 to 1: a property of each unit, or a share of its states. NaN counts as 0.
    null : mapping of str to float, optional
        By name, what chance gives of a share, whatever tau is.
    parts : int
        How many parts; fewer where these would hold fewer than 5 units.
    network : Network
        What it is called, and its colour.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        If there are no units or no shares.
    """
    tau = np.asarray(tau_ms, dtype=np.float64).ravel()
    if tau.size == 0 or not shares:
        raise ValueError(f"shares by tau need units and at least one share, got {tau.size} units")
    fig = new_figure(COLUMN, 3.4)
    ax = fig.subplots()
    members = _parts(tau, max(1, min(parts, tau.size // _FEWEST_IN_PART)))
    middle = [float(np.median(tau[part])) for part in members]
    colours = (network.colour, *_OTHER_COLOURS)
    # Later ones are smaller or hollow, so that equal shares do not hide one another.
    for order, ((name, values), marker, colour) in enumerate(zip(shares.items(), "osDv^", colours, strict=False)):
        share = np.nan_to_num(np.asarray(values, dtype=np.float64).ravel())
        look: dict[str, Any] = {"ms": 4 + order % 2 * 2.5, "mfc": "none"} if order % 2 else {"ms": 4}
        line = ("-", "--", "-.", ":")[order % 4]
        ax.plot(middle, [_percent(share[part]) for part in members], marker, ls=line, color=colour, label=name, **look)
    for name, level in (null or {}).items():
        ax.axhline(100 * level, color=NULL_COLOUR, linewidth=1, linestyle="--", label=name)
    ax.set(xlabel="time constant tau (ms)", ylabel="share (%)")
    top = max(ax.dataLim.y1, *(100 * level for level in (null or {"": 0.0}).values()), 1.0)
    ax.set_ylim(-0.03 * top, 1.05 * top)
    legend_below(fig, COLUMN, 2.85)
    groups = "one group" if len(members) == 1 else f"{len(members)} groups of about as many, by tau"
    headline(fig, "Shares of units by their time constant", f"{counted(tau.size, 'unit')} in {groups}")
    return fig


def _parts(tau: Float, count: int) -> list[NDArray[np.intp]]:
    """Sort units into at most ``count`` parts by tau; units of the same tau stay together."""
    edges = np.unique(np.quantile(tau, np.arange(1, count) / count))
    part = np.searchsorted(edges, tau, side="right")
    return [np.flatnonzero(part == one) for one in np.unique(part)]


def _percent(share: Float) -> float:
    return 100 * float(share.mean())
