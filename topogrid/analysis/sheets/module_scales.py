"""The scale of each module, how it follows the time constants, and what it does when they are changed.

A module integrates movement as one, whatever the time constants of its single units, so its scale is set against the
*mean* of its units' tau.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from topogrid.analysis.inputs import as_flags, as_whole
from topogrid.analysis.options import as_instance, as_number, as_reals
from topogrid.analysis.sheets.sheet import Sheet

Float = NDArray[np.float64]

FEWEST_UNITS = 5
"""Counted units with a lattice below which a module has no spacing."""
FEWEST_MODULES = 3
"""Modules with a spacing below which there is no slope over modules."""
SMALLEST_RANGE = 0.01
"""Relative range of the modules' tau below which there is no slope either."""

_AROUND = np.stack(np.meshgrid(np.arange(-4, 5), np.arange(-4, 5)), axis=-1).reshape(-1, 2)  # a grid of 9 x 9 centres
_CENTRE_TO = 0.2  # the grid is narrowed around its best centre down to steps of so many units


class ModuleScales(NamedTuple):
    """The scale of every module of a sheet.

    Attributes
    ----------
    tau : ndarray, ``(module,)``
        Mean time constant of the module's units, steps.
    spacing : ndarray, ``(module,)``
        Median spacing of its counted units with a lattice, metres; NaN if they are fewer than `FEWEST_UNITS`.
    n : ndarray of int, ``(module,)``
        Counted units with a lattice.
    spread : ndarray, ``(module,)``
        Standard deviation of their log spacing; NaN where the spacing is.
    counted_share : ndarray, ``(module,)``
        Share of the module's units that were counted.
    slope : float
        Least-squares slope of log spacing on log tau over modules: 1 where spacing is proportional to tau. NaN if tau
        varies by less than `SMALLEST_RANGE` or fewer than `FEWEST_MODULES` modules have a spacing.
    between : float
        Standard deviation of log spacing over modules; NaN if fewer than two have one.
    within : float
        Median over modules of ``spread``; NaN if none has a spacing.
    """

    tau: Float
    spacing: Float
    n: NDArray[np.int64]
    spread: Float
    counted_share: Float
    slope: float
    between: float
    within: float


class ModuleChange(NamedTuple):
    """How the scale of every module changed, each ``(module,)``; NaN where a spacing is missing before or after.

    Attributes
    ----------
    measured : ndarray
        Spacing after over spacing before.
    predicted : ndarray
        Mean tau after over mean tau before.
    deviation : ndarray
        ``measured / predicted - 1``: 0 where spacing follows tau in proportion.
    """

    measured: Float
    predicted: Float
    deviation: Float


class UnitChange(NamedTuple):
    """How the spacing of every unit changed; the ratios ``(unit,)`` are NaN where a unit does not count both times.

    Attributes
    ----------
    measured : ndarray, ``(unit,)``
        Spacing after over spacing before.
    predicted : ndarray, ``(unit,)``
        Mean tau of its module after over before.
    deviation : ndarray, ``(unit,)``
        ``measured / predicted - 1``.
    median, low, high : float
        Median and quartiles of the deviation; NaN without a unit.
    n : int
        Units with a deviation.
    """

    measured: Float
    predicted: Float
    deviation: Float
    median: float
    low: float
    high: float
    n: int


class TauLayout(NamedTuple):
    """Share of the variance of log tau over the sheet that a simple layout explains, 0 to 1; NaN for equal tau."""

    plane: float
    """By a plane in row and column: a gradient."""
    radius: float
    """By the distance from the best centre on the sheet, a polynomial of degree 2 in it: rings."""


def module_scales(spacing: ArrayLike, tau: ArrayLike, module_of: ArrayLike, counted: ArrayLike) -> ModuleScales:
    """Measure the scale of every module.

    Parameters
    ----------
    spacing : array_like, ``(unit,)``
        Metres; NaN for units without a lattice.
    tau : array_like, ``(unit,)``
        Time constants, steps.
    module_of : array_like of int, ``(unit,)``
        Module of every unit, 0, 1, ...; `Sheet.module_of`.
    counted : array_like of bool, ``(unit,)``
        Units whose spacing counts, such as grid cells.

    Returns
    -------
    ModuleScales

    Raises
    ------
    TypeError
        If they are not real numbers, whole ones (``module_of``) or booleans (``counted``).
    ValueError
        If the shapes differ, a counted spacing or a time constant is not positive, or a module has no unit.
    """
    metres, steps = as_reals(spacing, "spacings"), as_reals(tau, "time constants")
    chosen = as_flags(counted, "counted")
    shapes = (metres.shape, steps.shape, np.shape(module_of), chosen.shape)
    if metres.ndim != 1 or len(set(shapes)) > 1 or not metres.size:
        raise ValueError(
            "spacing, tau, module_of and counted must have one value for each unit, got shapes "
            f"{shapes[0]}, {shapes[1]}, {shapes[2]} and {shapes[3]}"
        )
    module = as_whole(module_of, "module_of", metres.size)
    if not np.bincount(module).all():
        raise ValueError("modules must be numbered 0, 1, ... without a gap, got one without units: see Sheet.module_of")
    measured = chosen & np.isfinite(metres)
    if not (np.isfinite(steps) & (steps > 0)).all() or not (metres[measured] > 0).all() or np.isinf(metres).any():
        raise ValueError("time constants and spacings must be positive: mark units without a lattice as NaN")
    n_modules = int(module.max()) + 1
    mean_tau, median, spread, share = (np.full(n_modules, np.nan) for _ in range(4))
    n = np.zeros(n_modules, dtype=np.int64)
    for one in range(n_modules):
        inside = module == one
        mean_tau[one], share[one] = steps[inside].mean(), chosen[inside].mean()
        values = metres[inside & measured]
        n[one] = values.size
        if values.size >= FEWEST_UNITS:
            median[one], spread[one] = np.median(values), np.log(values).std()
    has_scale = np.isfinite(median)
    log_tau, log_spacing = np.log(mean_tau[has_scale]), np.log(median[has_scale])
    slope = np.nan
    if has_scale.sum() >= FEWEST_MODULES and np.ptp(log_tau) >= np.log1p(SMALLEST_RANGE):
        away = log_tau - log_tau.mean()
        slope = float(away @ log_spacing / (away @ away))
    return ModuleScales(
        tau=mean_tau,
        spacing=median,
        n=n,
        spread=spread,
        counted_share=share,
        slope=slope,
        between=float(log_spacing.std()) if has_scale.sum() > 1 else np.nan,
        within=float(np.median(spread[has_scale])) if has_scale.any() else np.nan,
    )


def compare_modules(before: ModuleScales, after: ModuleScales) -> ModuleChange:
    """Set the change of every module's spacing against that of its mean tau.

    Parameters
    ----------
    before, after : ModuleScales
        Of one sheet.

    Returns
    -------
    ModuleChange

    Raises
    ------
    TypeError
        If one of the two is no `ModuleScales`.
    ValueError
        If the numbers of modules differ.
    """
    before, after = (as_instance(scales, ModuleScales, "what is compared") for scales in (before, after))
    if before.tau.shape != after.tau.shape:
        raise ValueError(
            f"modules are compared with themselves, got {before.tau.size} before and {after.tau.size} after"
        )
    measured, predicted = after.spacing / before.spacing, after.tau / before.tau
    return ModuleChange(measured, predicted, measured / predicted - 1)


def compare_units(
    spacing_before: ArrayLike,
    spacing_after: ArrayLike,
    module_tau_before: ArrayLike,
    module_tau_after: ArrayLike,
    counted_before: ArrayLike,
    counted_after: ArrayLike,
) -> UnitChange:
    """Set the change of every unit's spacing against that of its module's mean tau.

    Parameters
    ----------
    spacing_before, spacing_after : array_like, ``(unit,)``
        Metres; NaN for units without a lattice.
    module_tau_before, module_tau_after : array_like, ``(unit,)``
        Mean tau of the module that the unit is in, steps: ``scales.tau[module_of]``.
    counted_before, counted_after : array_like of bool, ``(unit,)``
        Units whose spacing counts.

    Returns
    -------
    UnitChange

    Raises
    ------
    TypeError
        If they are not real numbers, or booleans (``counted``).
    ValueError
        If the shapes differ, or a spacing or time constant is not positive.
    """
    before, after = (as_reals(values, "spacings") for values in (spacing_before, spacing_after))
    tau_before, tau_after = (as_reals(values, "time constants") for values in (module_tau_before, module_tau_after))
    counted = [as_flags(values, "counted") for values in (counted_before, counted_after)]
    if counted[0].shape != counted[1].shape:
        raise ValueError(f"counted must have one value for each unit, got {counted[0].shape} and {counted[1].shape}")
    both = counted[0] & counted[1]
    if any((values <= 0).any() or np.isinf(values).any() for values in (before, after, tau_before, tau_after)):
        raise ValueError("spacings and time constants must be positive: mark units without a lattice as NaN")
    if not before.shape == after.shape == tau_before.shape == tau_after.shape == both.shape:
        raise ValueError(
            f"spacings and time constants must have one value for each unit, got {before.shape}, {after.shape}, "
            f"{tau_before.shape}, {tau_after.shape} and {both.shape}"
        )
    measured = np.where(both, after / before, np.nan)
    predicted = tau_after / tau_before
    deviation = measured / predicted - 1
    there = deviation[np.isfinite(deviation)]
    low, median, high = np.quantile(there, (0.25, 0.5, 0.75)) if there.size else (np.nan,) * 3
    return UnitChange(measured, predicted, deviation, float(median), float(low), float(high), int(there.size))


def tau_layout_explained(tau: ArrayLike, sheet: Sheet) -> TauLayout:
    """Tell how much of a map of tau is a gradient, and how much rings.

    Parameters
    ----------
    tau : array_like, ``(unit,)``
        Time constants, steps.
    sheet : Sheet
        Where the units stand.

    Returns
    -------
    TauLayout

    Raises
    ------
    TypeError
        If tau is not made of real numbers, or ``sheet`` is no `Sheet`.
    ValueError
        If there is not one positive tau for each unit.
    """
    log_tau = as_instance(sheet, Sheet, "sheet").map(np.log(_positive(tau))).ravel()
    away = log_tau - log_tau.mean()
    total = float(away @ away)
    if total <= 1e-12 * away.size:
        return TauLayout(np.nan, np.nan)
    place = sheet.row_col.astype(np.float64)
    centre, step, radius = np.full(2, (sheet.side - 1) / 2), (sheet.side - 1) / 8, -np.inf
    while step > 0 and (radius < 0 or step > _CENTRE_TO):
        tried = np.clip(centre + step * _AROUND, 0, sheet.side - 1)
        shares = [_explained(away, _rings(place, one), total) for one in tried]
        centre, radius, step = tried[int(np.argmax(shares))], max(radius, *shares), step / 3
    return TauLayout(_explained(away, place, total), radius)


def _rings(place: Float, centre: Float) -> Float:
    """Distance from a centre and its square, ``(unit, 2)``."""
    distance = np.linalg.norm(place - centre, axis=1)
    return np.stack([distance, distance**2], axis=1)


def _explained(away: Float, terms: Float, total: float) -> float:
    """Share of the squares of centred values ``(unit,)`` that a linear model of ``(unit, term)`` explains."""
    centred = terms - terms.mean(axis=0)
    fitted = centred @ np.linalg.lstsq(centred, away, rcond=None)[0]
    return float(fitted @ fitted / total)


def share_of_range(tau: ArrayLike, low: float, high: float) -> float:
    """Tell how much of its range tau uses: between its 1st and 99th percentile, as a share of that of an even ramp.

    Parameters
    ----------
    tau : array_like, ``(unit,)``
        Time constants, steps.
    low, high : float
        Ends of the range, steps.

    Returns
    -------
    float
        0 for equal time constants, 1 for an even ramp over the range, more if most stand at its ends; NaN for a range
        without width.

    Raises
    ------
    TypeError
        If they are not real numbers.
    ValueError
        If ``low`` is above ``high``, or a tau is not a positive number.
    """
    low, high = as_number(low, "low, steps,"), as_number(high, "high, steps,")
    if low > high:
        raise ValueError(f"a range goes from low to high, got {low} to {high}")
    first, last = np.percentile(_positive(tau), (1, 99))
    return float((last - first) / (0.98 * (high - low))) if high > low else np.nan


def _positive(tau: ArrayLike) -> Float:
    """Return time constants as doubles; `ValueError` unless all are positive numbers."""
    steps = as_reals(tau, "time constants")
    if not steps.size or not (np.isfinite(steps) & (steps > 0)).all():
        raise ValueError("time constants must be positive numbers of steps, got none, or one that is not")
    return steps
