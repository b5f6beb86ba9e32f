"""Groups of networks against each other, an axes for each question: a thin line or a dot is one network, not a unit."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, MaxNLocator, NullFormatter, ScalarFormatter

from topogrid.analysis.networks.groups import Group, Member, mean_over_networks, paired_series, series
from topogrid.analysis.networks.inference import mean_interval
from topogrid.figures.style import NULL_COLOUR, THEORY_COLOUR, Float, empty_note, finite, from_zero
from topogrid.measures.decoding import ERROR, PREDICTED_SPACING
from topogrid.measures.record import Measure

Curve = tuple[Float, Float]

_ONE: dict[str, Any] = {"linewidth": 0.7, "alpha": 0.55}
_MEAN: dict[str, Any] = {"linewidth": 1.8}
_SCORE_BIN, _SPACING_BIN_M = 0.1, 0.025
_NICE_ERRORS_CM = (2, 5, 10, 20, 50, 100, 200)


def learning(
    ax: Axes, groups: Sequence[Group], colours: Sequence[str], measure: Measure, *, logarithmic: bool = False
) -> None:
    """Draw a quantity along training: each network thin, the mean thick, in the band from lowest to highest."""
    drawn = [
        _curves(ax, [series(member.rows, measure.key) for member in group.members], colour, band=True)
        for group, colour in zip(groups, colours, strict=True)
    ]
    ax.set(xlabel="training step", ylabel=measure.title)
    ax.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    if not any(drawn):
        _nothing(ax, "not recorded")
    elif logarithmic:
        _logarithmic(ax, "y")


def trade_off(ax: Axes, groups: Sequence[Group], colours: Sequence[str], *, share: Measure) -> None:
    """Draw a share of units against the decoding error, along training from left to right.

    The null's mean share is dashed: what noise of the same spatial period would score.
    """
    drawn = False
    for group, colour in zip(groups, colours, strict=True):
        paths = [_against_error(member, share) for member in group.members]
        nulls = [_against_error(member, share.null) for member in group.members if share.null is not None]
        paths, nulls = ([one for one in many if one.shape[1]] for many in (paths, nulls))
        for path in paths:
            ax.plot(path[1], path[2], "-o", color=colour, markersize=2, mew=0, **_ONE)
        for many, look in ((paths, _MEAN), (nulls, {"linewidth": 1.0, "linestyle": "--"})):
            if many:
                error, value = (mean_over_networks([(one[0], one[row]) for one in many])[1] for row in (1, 2))
                ax.plot(error, value, color=colour, **look)
        for path in paths:
            ax.plot(*path[1:, -1], "o", color=colour, markersize=4, mew=0)
        drawn = drawn or bool(paths)
    ax.set(xlabel="decoding error (cm), falling", ylabel=share.title)
    if not drawn:
        _nothing(ax, "no evaluation recorded")
        return
    _logarithmic(ax, "x")
    ax.invert_xaxis()
    from_zero(ax)


def _against_error(member: Member, share: Measure) -> Float:
    """Return ``(3, step)``: steps, decoding error in cm and share in percent."""
    found = paired_series(member.rows, ERROR.key, share.key)
    found[2] *= share.factor
    return found[:, found[1] > 0]


def dots(ax: Axes, groups: Sequence[Group], colours: Sequence[str], measures: Sequence[Measure], *, label: str) -> None:
    """Draw measures of every network as dots, with the mean and its t interval, beside what noise gives."""
    width = 0.8 / len(groups)
    there = [one for one in measures if any(np.isfinite(group.values(one.key)).any() for group in groups)]
    for place, measure in enumerate(there):
        for which, (group, colour) in enumerate(zip(groups, colours, strict=True)):
            x = place + (which - (len(groups) - 1) / 2) * width
            _draw_measure(ax, group, measure, colour, x, width)
    ax.set(ylabel=label)
    if not there:
        _nothing(ax, "no value")
        return
    ax.set_xticks(range(len(there)), [_narrow(one.short) for one in there], fontsize=6.5)
    ax.tick_params(axis="x", length=0)
    ax.set_xlim(-0.55, len(there) - 0.45)
    if all(one.factor == 100 for one in there):
        from_zero(ax)
    else:
        ax.axhline(0, color=NULL_COLOUR, linewidth=0.7, linestyle=":")


def _narrow(words: str) -> str:
    """Return words below each other, but for what is compared with a number."""
    return words if ">" in words else words.replace(" ", "\n")


def _draw_measure(ax: Axes, group: Group, measure: Measure, colour: str, x: float, width: float) -> None:
    values = np.array([measure.of(member.measures) for member in group.members])
    at = x + (np.linspace(-0.2, 0.2, values.size) * width if values.size > 1 else np.zeros(1))
    if measure.interval is not None:
        ends = [measure.factor * group.values(key) for key in measure.interval]
        for low, high, where in zip(*ends, at, strict=True):
            if np.isfinite(low + high):
                ax.plot([where, where], [low, high], color=colour, linewidth=0.6, alpha=0.6)
    ax.plot(at, values, "o", color=colour, markersize=3, alpha=0.65, mew=0)
    interval = mean_interval(values)
    if np.isfinite(interval.low):
        ax.errorbar(
            x, interval.mean, [[interval.mean - interval.low], [interval.high - interval.mean]], color="black",
            elinewidth=0.9, capsize=2, capthick=0.9, zorder=3,
        )  # fmt: skip
    if interval.n:
        ax.plot([x - 0.3 * width, x + 0.3 * width], [interval.mean] * 2, color="black", linewidth=1.3, zorder=3)
    if measure.null is not None:
        null = mean_interval(np.array([measure.null.of(member.measures) for member in group.members]))
        if null.n:
            ax.plot([x - 0.42 * width, x + 0.42 * width], [null.mean] * 2, color=NULL_COLOUR, linewidth=2.2, zorder=1)


def distribution(
    ax: Axes,
    groups: Sequence[Group],
    colours: Sequence[str],
    *,
    values_of: Callable[[Member], Float],
    bin_width: float,
    label: str,
    marks: Sequence[float] = (),
) -> None:
    """Draw how a measure of units is distributed in every network, and the mean of these distributions.

    Every network counts alike, however many of its units have a value.
    """
    there = [finite(values_of(member)) for group in groups for member in group.members]
    pooled = np.concatenate([*there, np.empty(0)])
    ax.set(xlabel=label, ylabel="% of units per bin")
    if pooled.size == 0:
        _nothing(ax, "no unit has a value")
        return
    edges = np.arange(np.floor(pooled.min() / bin_width), np.floor(pooled.max() / bin_width) + 2) * bin_width
    for group, colour in zip(groups, colours, strict=True):
        every = [_heights(values_of(member), edges) for member in group.members]
        heights = [one for one in every if np.isfinite(one).all()]
        for one in heights:
            ax.stairs(one, edges, color=colour, **_ONE)
        if heights:
            ax.stairs(np.mean(heights, axis=0), edges, color=colour, **_MEAN)
    for mark in marks:
        ax.axvline(mark, color=THEORY_COLOUR, linestyle=":", linewidth=0.8)
    from_zero(ax)


def _heights(values: Float, edges: Float) -> Float:
    """Return the percentage of a network's measured units in each bin; NaN if none is measured."""
    there = finite(values)
    if there.size == 0:
        return np.full(edges.size - 1, np.nan)
    return 100 * np.histogram(there, edges)[0] / there.size


def grid_scores(ax: Axes, groups: Sequence[Group], colours: Sequence[str]) -> None:
    """Draw the distributions of grid scores."""
    distribution(
        ax, groups, colours, values_of=lambda member: member.scores, bin_width=_SCORE_BIN,
        label="grid score (60°)", marks=(0.3, 0.8),
    )  # fmt: skip


def spacings(ax: Axes, groups: Sequence[Group], colours: Sequence[str]) -> None:
    """Draw the distributions of grid spacing over the units with a lattice, and where theory expects it."""
    theory = finite(np.concatenate([group.values(PREDICTED_SPACING.key) for group in groups]))
    distribution(
        ax, groups, colours, values_of=lambda member: member.spacing.ravel(), bin_width=_SPACING_BIN_M,
        label="grid spacing (m)", marks=sorted({round(value, 4) for value in theory.tolist()}),
    )  # fmt: skip
    ax.set_ylabel("% of lattices per bin")


def long_error(ax: Axes, groups: Sequence[Group], colours: Sequence[str]) -> None:
    """Draw the decoding error along long walks, and that of an animal that thinks it never left the start."""
    held: list[Curve] = []
    drawn = []
    for group, colour in zip(groups, colours, strict=True):
        kept = [member for member in group.members if member.seconds.size]
        drawn.append(_curves(ax, [(one.seconds, one.long_error_cm) for one in kept], colour, band=False))
        held += [(one.seconds, one.hold_still_cm) for one in kept]
    ax.set(xlabel="time on a long walk (s)", ylabel="decoding error (cm)")
    if not any(drawn):
        _nothing(ax, "not kept in these folders")
        return
    ax.plot(*mean_over_networks(held), color=NULL_COLOUR, linestyle="--", linewidth=1.2)
    from_zero(ax)


def _curves(ax: Axes, curves: Sequence[Curve], colour: str, *, band: bool) -> bool:
    """Draw curves of several networks with their mean; False if there was nothing to draw."""
    there = [(x, y) for x, y in curves if x.size]
    for x, y in there:
        look = _ONE if len(there) > 1 else _MEAN
        ax.plot(x, y, color=colour, marker="o" if x.size == 1 else "", markersize=2, **look)
    steps, mean = mean_over_networks(there)
    if len(there) > 1 and steps.size:
        ax.plot(steps, mean, color=colour, **_MEAN)
        if band:
            matrix = np.array([y[np.isin(x, steps)] for x, y in there])
            ax.fill_between(steps, matrix.min(axis=0), matrix.max(axis=0), color=colour, alpha=0.15, linewidth=0)
    return bool(there)


def _logarithmic(ax: Axes, which: str) -> None:
    """Give errors in centimetres a logarithmic axis with plain numbers."""
    axis = ax.xaxis if which == "x" else ax.yaxis
    (ax.set_xscale if which == "x" else ax.set_yscale)("log")
    axis.set_major_locator(FixedLocator(_NICE_ERRORS_CM))
    axis.set_major_formatter(ScalarFormatter())
    axis.set_minor_formatter(NullFormatter())


def _nothing(ax: Axes, why: str) -> None:
    ax.set(xticks=[], yticks=[])
    empty_note(ax, why)
