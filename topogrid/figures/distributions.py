"""How scores and spacings are distributed, and whether spacing goes with tau."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, ScalarFormatter
from numpy.typing import ArrayLike, NDArray

from topogrid.analysis.sheets.scale_clusters import ScaleClusters
from topogrid.figures.style import (
    COLUMN,
    NULL_COLOUR,
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

_SCORE_BIN = 0.1
_SPACING_BIN_M = 0.025
_STRONG_BIC = 10.0  # strong evidence against one component (Kass & Raftery 1995)
_FEWEST_FOR_FIFTHS = 15  # units below which the median of a fifth would be one of three units or fewer


@styled
def score_histogram(
    scores: ArrayLike,
    null_scores: ArrayLike,
    thresholds: tuple[float, ...] = (0.3, 0.8),
    n_dead: int | None = None,
    *,
    network: Network = UNNAMED,
    null_name: str = "null",
) -> Figure:
    """Draw the distribution of grid scores over that of a null, and each threshold's share beside the null's.

    Parameters
    ----------
    scores : array_like, ``(unit,)``
        Grid scores of all units; NaN, for dead units, counts in the shares' denominator.
    null_scores : array_like, ``(map,)``
        Scores of null maps; may be empty.
    thresholds : tuple of float
        Scores whose shares are told.
    n_dead : int, optional
        How many of the units are dead, for the title; those without a score if left out.
    network : Network
        What it is called, and its colour.
    null_name : str
        What the null is, for the legend.

    Returns
    -------
    Figure
    """
    every = np.asarray(scores, dtype=np.float64).ravel()
    alive, null = finite(every), finite(null_scores)
    dead = every.size - alive.size if n_dead is None else n_dead
    fig = new_figure(COLUMN, 3.4)
    ax = fig.subplots()
    both = np.concatenate([alive, null, [0.0, 1.0]])
    edges = _edges(both, _SCORE_BIN)
    if null.size:
        label = f"{null_name}: {_shares(null, null.size, thresholds)}"
        ax.hist(null, edges, density=True, color=NULL_COLOUR, alpha=0.55, label=label)
    if alive.size:
        label = f"{network} network: {_shares(alive, every.size, thresholds)}"
        ax.hist(alive, edges, density=True, histtype="step", lw=1.6, color=network.colour, label=label)
    else:
        empty_note(ax, "no unit could be scored")
    for threshold in thresholds:
        ax.axvline(threshold, color=THEORY_COLOUR, linestyle=":", linewidth=0.8)
    ax.set(xlabel="grid score (60°, dimensionless)", ylabel="density (per unit of score)")
    if alive.size or null.size:
        fig.legend(loc="outside lower left")
    detail = f"{dead:,} dead and counted in the shares; {counted(null.size, 'null map')}"
    headline(fig, f"Grid scores of {counted(every.size, 'unit')}", detail)
    return fig


@styled
def spacing_histogram(
    spacing: ArrayLike,
    predicted: float | None = None,
    forming: float | None = None,
    modules: ScaleClusters | None = None,
    *,
    network: Network = UNNAMED,
    unmeasured: str = "no lattice",
    of_modules: ArrayLike | None = None,
) -> Figure:
    """Draw how many units have which grid spacing, what theory expects, and the mixture that describes it best.

    Parameters
    ----------
    spacing : array_like, ``(unit,)``
        Spacing in metres; NaN where there is no lattice.
    predicted : float, optional
        Spacing that theory predicts from the place fields, metres.
    forming : float, optional
        Spacing that theory predicts for lattices as they form, before movement is integrated, metres.
    modules : ScaleClusters, optional
        Mixture fitted to the same spacings.
    network : Network
        What it is called, and its colour.
    unmeasured : str
        Why the other units are left out, for the title.
    of_modules : array_like, ``(module,)``, optional
        Median spacing of every module of the sheet, metres; NaN in one without. They are marked in place of the
        mixture, which looks for scales where no module is known.

    Returns
    -------
    Figure
    """
    every = np.asarray(spacing, dtype=np.float64).ravel()
    values = finite(every)
    fig = new_figure(COLUMN, 3.2)
    ax = fig.subplots()
    if values.size:
        ax.hist(
            values,
            _edges(values, _SPACING_BIN_M),
            color=network.colour,
            alpha=0.8,
            edgecolor="white",
            linewidth=0.3,
        )
        median = float(np.median(values))
        ax.axvline(median, color=THEORY_COLOUR, linewidth=1, label=f"median {median:.3f} m")
    else:
        empty_note(ax, f"no unit left: {unmeasured}")
    if predicted is not None:
        ax.axvline(predicted, color=THEORY_COLOUR, linestyle="--", linewidth=1, label=f"theory {predicted:.3f} m")
    if forming is not None:
        label = f"theory while forming {forming:.3f} m"
        ax.axvline(forming, color=THEORY_COLOUR, linestyle=":", linewidth=1, label=label)
    medians = finite(of_modules) if of_modules is not None else np.empty(0)
    if medians.size:
        label = f"median of each of {medians.size} modules"
        high = np.full(medians.shape, 1.03)
        ax.plot(medians, high, "v", color=THEORY_COLOUR, transform=ax.get_xaxis_transform(), clip_on=False, label=label)
    elif modules is not None and modules.n_clusters:
        _draw_modules(ax, modules, values.size)
    legend_below(fig, COLUMN, 2.65)
    ax.set(xlabel="grid spacing (m)", ylabel=f"units per {100 * _SPACING_BIN_M:g} cm")
    ax.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    detail = f"{network} network; left out: {unmeasured} (n = {every.size - values.size:,})"
    headline(fig, f"Grid spacing of {values.size:,} of {counted(every.size, 'unit')}", detail)
    return fig


def _draw_modules(ax: Axes, modules: ScaleClusters, n_units: int) -> None:
    """Draw each component of a mixture on log spacing as the number of units that it expects in a bin."""
    left, right = ax.get_xlim()
    metres = np.linspace(max(left, 1e-3), right, 300)
    away = (np.log(metres) - np.log(modules.spacing)[:, None]) / modules.spread[:, None]
    density = np.exp(-(away**2) / 2) / (modules.spread[:, None] * np.sqrt(2 * np.pi) * metres)
    expected = n_units * _SPACING_BIN_M * modules.weight[:, None] * density
    if modules.n_clusters == 1:
        label = "one component is best (BIC)"
    else:
        how = "" if modules.bic_gain >= _STRONG_BIC else "hardly "
        better = f"{how}better (BIC lower by {modules.bic_gain:.0f})"
        better = (
            better if modules.bic_gain >= 0 else f"worse than an even spread (BIC higher by {-modules.bic_gain:.0f})"
        )
        label = f"{modules.n_clusters} components are {better};\nthe smallest holds {100 * modules.weight.min():.2g} %"
    for number, component in enumerate(expected):
        ax.plot(metres, component, color="#009E73", linewidth=1, label=label if number == 0 else None)
    ax.set_xlim(left, right)


@styled
def tau_against_spacing(
    tau_ms: ArrayLike,
    spacing: ArrayLike,
    passed: ArrayLike,
    predicted: float | None = None,
    rho: float | None = None,
    p: float | None = None,
    *,
    p_name: str = "p",
    module: ArrayLike | None = None,
    network: Network = UNNAMED,
) -> Figure:
    """Draw every lattice's spacing against its unit's time constant.

    Parameters
    ----------
    tau_ms, spacing : array_like, ``(unit,)``
        Time constants in milliseconds, and spacing in metres (NaN where there is no lattice).
    passed : array_like of bool, ``(unit,)``
        Units beyond the null's gate, in colour; other lattices are grey.
    predicted : float, optional
        Spacing that theory predicts whatever tau is, metres.
    rho, p : float, optional
        Spearman's correlation over all units with a lattice, and its p-value by the test named ``p_name``.
    p_name : str
        Name of the p-value, such as ``"p (shifted sheets)"``.
    module : array_like of int, ``(unit,)``, optional
        Module of each unit; the medians of modules are marked, not those of fifths of the units.
    network : Network
        What it is called, and its colour.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        If the arrays differ in length.
    """
    tau, metres = (np.asarray(values, dtype=np.float64).ravel() for values in (tau_ms, spacing))
    gate = np.asarray(passed, dtype=bool).ravel()
    of_module = np.zeros(tau.size, dtype=np.int64) if module is None else np.asarray(module, dtype=np.int64).ravel()
    if not tau.shape == metres.shape == gate.shape == of_module.shape:
        raise ValueError(
            "tau_ms, spacing, passed and module need one entry per unit each, got "
            f"{tau.size}, {metres.size}, {gate.size} and {of_module.size}"
        )
    measured = np.isfinite(tau) & np.isfinite(metres)
    shown, rest = measured & gate, measured & ~gate
    fig = new_figure(COLUMN, 3.6)
    ax = fig.subplots()
    label = f"lattice, not beyond the null (n = {rest.sum()})"
    ax.plot(tau[rest], metres[rest], ".", color="#c4c4c4", markersize=3, label=label)
    label = f"beyond the null (n = {shown.sum()})"
    ax.plot(tau[shown], metres[shown], "o", color=network.colour, alpha=0.6, mew=0, markersize=3.5, label=label)
    _medians(ax, tau[measured], metres[measured], of_module[measured])
    if predicted is not None:
        ax.axhline(predicted, color=THEORY_COLOUR, linestyle="--", linewidth=1, label=f"theory {predicted:.3f} m")
    if not measured.any():
        ax.set_yticks([])
        empty_note(ax, "no unit has a lattice")
    _tau_axis(ax, finite(tau))
    ax.set(xlabel="time constant tau (ms)", ylabel="grid spacing (m)")
    legend_below(fig, COLUMN, 3.0)
    told = [f"Spearman's rho {rho:.2f}" if _known(rho) else "", f"{p_name} {_p_value(p)}" if _known(p) else ""]
    # The number of units has a line of its own: all of it in one would not fit a column.
    n_units = f"n = {measured.sum():,} lattices of {counted(tau.size, 'unit')}"
    detail = "\n".join(text for text in (", ".join(filter(None, told)), n_units) if text)
    headline(fig, "Does the time constant set the grid spacing?", detail)
    return fig


def _edges(values: Float, width: float) -> list[float]:
    """Return edges of bins of ``width``, at its multiples, that hold all values."""
    first, last = int(np.floor(values.min() / width)), int(np.floor(values.max() / width))
    return [index * width for index in range(first, last + 2)]


def _shares(scores: Float, total: int, thresholds: tuple[float, ...]) -> str:
    """Return the share of scores above each threshold."""
    return ", ".join(f"{100 * (scores > t).sum() / total:.1f} % > {t:g}" for t in thresholds)


def _medians(ax: Axes, tau: Float, spacing: Float, module: NDArray[np.int64]) -> None:
    """Mark medians of all modules, or of each fifth of the units, from fastest to slowest, where there is one."""
    parts: list[NDArray[np.intp]]
    if len(numbers := np.unique(module)) > 1:
        parts, name = [np.flatnonzero(module == number) for number in numbers], "medians of modules"
    elif tau.size >= _FEWEST_FOR_FIFTHS and np.ptp(tau) > 0:
        parts, name = np.array_split(np.argsort(tau, kind="stable"), 5), "medians of fifths by tau"
    else:
        return
    points = sorted((float(np.median(tau[part])), float(np.median(spacing[part]))) for part in parts)
    ax.plot(*zip(*points, strict=True), "-D", color=THEORY_COLOUR, markersize=4, linewidth=1, label=name)


def _tau_axis(ax: Axes, tau: Float) -> None:
    """Hold all of tau; make the axis logarithmic where that spans more than a factor of three, wide for one value."""
    if tau.size and tau.min() > 0 and tau.max() > 3 * tau.min():
        ax.set_xscale("log")
        ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.xaxis.set_major_formatter(ScalarFormatter())
        ax.xaxis.set_minor_formatter(NullFormatter())
        ax.set_xlim(tau.min() / 1.1, tau.max() * 1.1)
        return
    if tau.size and np.ptp(tau) == 0 and tau[0] > 0:
        ax.set(xlim=(0, 2 * tau[0]), xticks=[0, tau[0], 2 * tau[0]])
        return
    if tau.size:
        ax.set_xlim(tau.min() - 0.04 * np.ptp(tau), tau.max() + 0.04 * np.ptp(tau))


def _known(value: float | None) -> bool:
    return value is not None and bool(np.isfinite(value))


def _p_value(p: float | None) -> str:
    """Return a p-value as people write it."""
    return "< 0.001" if p is not None and p < 0.001 else f"= {p:.2g}"
