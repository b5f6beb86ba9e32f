"""Quantities against time: decoding error along a walk, and everything along training."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, ScalarFormatter
from numpy.typing import ArrayLike

from topogrid.analysis.figures.style import (
    COLUMN,
    NETWORK_COLOURS,
    NULL_COLOUR,
    PAGE,
    THEORY_COLOUR,
    Network,
    counted,
    empty_note,
    from_zero,
    headline,
    new_figure,
    styled,
)
from topogrid.analysis.groups import series


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
    network: Network = "tau",
) -> Figure:
    """Draw how the decoding error grows along a walk, between the floor of the code and doing nothing.

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
        Number of walks averaged, for the title.
    network : {"plain", "tau"}
        Picks the colour.

    Returns
    -------
    Figure
    """
    time, error = (np.atleast_1d(np.asarray(values, dtype=np.float64)) for values in (seconds, error_cm))
    fig = new_figure(COLUMN, 3.2)
    ax = fig.subplots()
    colour = NETWORK_COLOURS[network]
    marker = "o" if time.size == 1 else ""
    if band_cm is not None:
        low, high = np.asarray(band_cm, dtype=np.float64)
        ax.fill_between(time, low, high, color=colour, alpha=0.2, linewidth=0, label=band_name)
    ax.plot(time, error, marker=marker, color=colour, label=f"{network} network, mean")
    if hold_still_cm is not None:
        held = np.broadcast_to(np.asarray(hold_still_cm, dtype=np.float64), time.shape)
        ax.plot(time, held, marker=marker, color=NULL_COLOUR, linestyle="--", label="holding still")
    if floor_cm is not None:
        label = f"perfect place code, {floor_cm:.1f} cm"
        ax.axhline(floor_cm, color=THEORY_COLOUR, linestyle=":", linewidth=1, label=label)
    ax.set(xlabel="time since the start of the walk (s)", ylabel="decoding error (cm)")
    from_zero(ax)
    fig.legend(loc="outside lower left", ncols=2)
    last = f"{error[-1]:.1f} cm after {time[-1]:.3g} s" if time.size else "no samples"
    walks = f" over {counted(n_walks, 'walk')}" if n_walks is not None else ""
    headline(fig, f"Decoding error along held-out walks, mean{walks}", last)
    return fig


class _Curve(NamedTuple):
    """One logged quantity and how it is drawn."""

    key: str
    label: str
    look: dict[str, Any]
    is_null: bool = False


_TRAIN = {"linewidth": 0.9, "alpha": 0.75}
_HELD_OUT = {"marker": "o", "markersize": 3, "linewidth": 1.3}
_NULL = {"linestyle": "--", "markersize": 2}
_CURVES: dict[str, tuple[_Curve, ...]] = {
    "loss (nats)": (
        _Curve("train/total_loss", "total loss", {"linewidth": 0.9, "alpha": 0.4}),
        _Curve("train/ce_loss", "cross-entropy", {"linewidth": 1.3}),
    ),
    "decoding error (cm)": (
        _Curve("train/position_error_cm", "training walks", _TRAIN),
        _Curve("validation/trajectory_error_cm", "held-out walks", _HELD_OUT),
    ),
    "share of all units (%)": (
        _Curve("validation/share_above_0.3", "grid score > 0.3", _HELD_OUT),
        _Curve("validation/share_above_0.8", "grid score > 0.8", {**_HELD_OUT, "marker": "s"}),
        _Curve("validation/null_share_above_0.3", "null > 0.3", {**_NULL, "marker": "o"}, is_null=True),
        _Curve("validation/null_share_above_0.8", "null > 0.8", {**_NULL, "marker": "s"}, is_null=True),
    ),
    "learning rate": (_Curve("train/lr", "learning rate", {"linewidth": 1.2}),),
}


@styled
def training_curves(
    rows: Sequence[Mapping[str, Any]],
    *,
    network: Network = "tau",
    n_units: int | None = None,
    chance_loss: float | None = None,
) -> Figure:
    """Draw loss, decoding error, shares of grid-like units beside their null, and learning rate against the step.

    Parameters
    ----------
    rows : sequence of mappings
        Rows of ``metrics.jsonl``. Each needs ``step``; of two rows that give one quantity at one step the later counts,
        as after a resume. Missing keys and non-finite values are left out. Shares are fractions of all units:
        ``validation/share_above_0.3``, ``validation/null_share_above_0.3`` and the same for 0.8.
    network : {"plain", "tau"}
        Picks the colour.
    n_units : int, optional
        Units in the network, for the title.
    chance_loss : float, optional
        Cross-entropy of a network that has learned nothing (log of the number of place cells), nats.

    Returns
    -------
    Figure
    """
    fig = new_figure(PAGE, 5.4)
    steps = [float(row["step"]) for row in rows if row.get("step") is not None]
    room = max(1.0, 0.03 * np.ptp(steps)) if steps else 1.0
    ends = (min(steps, default=0.0) - room, max(steps, default=0.0) + room)
    for ax, (unit, curves) in zip(fig.subplots(2, 2).flat, _CURVES.items(), strict=True):
        percent, logarithmic = "%" in unit, "(cm)" in unit
        drawn = [_draw_curve(ax, rows, curve, NETWORK_COLOURS[network], percent, logarithmic) for curve in curves]
        ax.set(xlabel="training step", ylabel=unit)
        ax.set_xlim(*ends)
        ax.xaxis.set_major_locator(MaxNLocator(5, integer=True, steps=[1, 2, 5, 10]))
        if not any(drawn):
            ax.set(xticks=[], yticks=[])
            empty_note(ax, "not recorded")
            continue
        if unit.startswith("loss") and chance_loss is not None:
            label = f"nothing learned, {chance_loss:.3f}"
            ax.axhline(chance_loss, color=NULL_COLOUR, linestyle=":", linewidth=1, label=label)
        if len(curves) > 1:
            ax.legend(loc="lower left", bbox_to_anchor=(-0.02, 1.0), ncols=2)
        _scale(ax, percent, logarithmic)
    size = f" of {counted(n_units, 'unit')}" if n_units is not None else ""
    reached = counted(int(max(steps)), "step") if steps else "nothing logged yet"
    headline(fig, f"Training of the {network} network{size}", reached)
    return fig


def _draw_curve(
    ax: Axes, rows: Sequence[Mapping[str, Any]], curve: _Curve, colour: str, percent: bool, logarithmic: bool
) -> bool:
    """Draw one curve and say whether there was anything to draw."""
    steps, values = series(rows, curve.key)
    if logarithmic:
        steps, values = steps[values > 0], values[values > 0]
    if steps.size == 0:
        return False
    look = dict(curve.look)
    if steps.size == 1:
        look.setdefault("marker", "o")
    colour = NULL_COLOUR if curve.is_null else colour
    ax.plot(steps, values * (100 if percent else 1), color=colour, label=curve.label, **look)
    return True


def _scale(ax: Axes, percent: bool, logarithmic: bool) -> None:
    """Give shares a zero and errors a logarithmic axis with plain numbers."""
    if percent:
        from_zero(ax)
    if logarithmic:
        ax.set_yscale("log")
        ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.yaxis.set_major_formatter(ScalarFormatter())
        ax.yaxis.set_minor_formatter(NullFormatter())
