"""An evaluation as the numbers that are tracked, by their tracked names."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from topogrid.analysis import (
    Lattice,
    distance_similarity,
    fit_scale_clusters,
    morans_i,
    partial_morans_i,
    scaling_slope,
    sheet_correlation,
)
from topogrid.analysis.maps.units import UnitMeasures
from topogrid.analysis.sheets import ModuleScales, Sheet, module_scales, share_of_range, tau_layout_explained
from topogrid.analysis.sheets.order import DistanceSimilarity
from topogrid.analysis.sheets.scale_clusters import ScaleClusters
from topogrid.evaluation.results import Decoding, Evaluation
from topogrid.evaluation.theory import forming_line, theory_line
from topogrid.measures.decoding import DIRECTION_ERROR, ERROR
from topogrid.settings.config import TrainConfig
from topogrid.streams import numpy_generator

Float = NDArray[np.float64]

ONE_IN_HUNDRED = 0.01
BEST = 25  # units whose mean grid score is told, as others do
SMOOTH_BLOCK = 8  # side of the blocks of a sheet without modules that are resampled together, units
FEWEST_MEASURED = 10  # units with a lattice below which no statistics of the sheet are computed


MEASURED: dict[str, Callable[[Evaluation], float]] = {
    ERROR.key: lambda seen: seen.decoding.error_cm,
    "validation/ce_loss": lambda seen: seen.decoding.ce_loss,
    "validation/long_error_cm": lambda seen: _over_finite(np.mean, seen.decoding.long_error_cm),
    "validation/hold_still_error_cm": lambda seen: _over_finite(np.mean, seen.decoding.hold_still_cm),
    "validation/hold_still_short_error_cm": lambda seen: seen.decoding.hold_still_short_cm,
    "validation/middle_short_error_cm": lambda seen: seen.decoding.middle_short_cm,
    "validation/floor_error_cm": lambda seen: seen.decoding.floor_cm,
    "validation/share_negative": lambda seen: float(seen.negative_share.mean()),
    "perf/eval_seconds": lambda seen: seen.seconds_taken,
}
"""Measures that are a function of an evaluation alone; a new one is a line here and its record in `measures`."""


class Summary(NamedTuple):
    """What an evaluation comes to, and what pictures show of how it was found."""

    row: dict[str, float]
    """The figures that are tracked, by their tracked names."""
    clusters: ScaleClusters | None = None
    """Mixture of the spacings of all settled lattices; ``None`` where they are too few to be measured."""
    similarity: DistanceSimilarity | None = None
    """Of their log spacing against distance on the sheet."""
    of_modules: Float | None = None
    """Median spacing of the grid cells of every module, metres; ``None`` for a sheet without modules."""


def summarise(evaluation: Evaluation, config: TrainConfig) -> dict[str, float]:
    """Flatten an evaluation into the figures that are tracked, by their tracked names."""
    return sum_up(evaluation, config).row


def sum_up(evaluation: Evaluation, config: TrainConfig) -> Summary:
    """Flatten an evaluation, and keep what pictures show of it, so that nothing is computed twice."""
    decoding = evaluation.decoding
    row = {name: measure(evaluation) for name, measure in MEASURED.items()} | _summarise_moments(decoding, config)
    if config.head_direction_cells:
        row[DIRECTION_ERROR.key] = decoding.direction_error_deg
    theory = theory_line(config)
    if theory is not None:
        row["validation/predicted_spacing_m"] = theory
    forming = forming_line(config)
    if forming is not None:
        row["validation/forming_spacing_m"] = forming
    rng = numpy_generator(config.seed, "coupling")
    for prefix, view in (("validation/", evaluation.settled), ("validation/start/", evaluation.start)):
        measures = _summarise_view(view)
        everyone = np.ones(len(view.gate.passed), dtype=bool)
        for which, counted in (("", view.gate.passed), ("lattices/", everyone)):
            order = _summarise_sheet(view.lattice, counted, evaluation.tau, config, rng)
            measures |= {which + name: value for name, value in order.row.items()}
            if view is evaluation.settled and counted is everyone:
                of_all = order
        row |= {prefix + name: value for name, value in measures.items()}
    scales = _module_scales(evaluation, config)
    row |= _summarise_module_scales(scales) | _summarise_tau(evaluation, config, rng)
    return of_all._replace(row=row, of_modules=None if scales is None else scales.spacing)


def _summarise_moments(decoding: Decoding, config: TrainConfig) -> dict[str, float]:
    """Errors at the moments of the long walks that are asked for, beside those of guesses."""
    row: dict[str, float] = {}
    for moment in config.error_seconds:
        nearest = int(np.abs(decoding.seconds - moment).argmin())
        # A step need not end at the very moment; long walks may end before it.
        if moment > config.long_seconds or abs(decoding.seconds[nearest] - moment) > decoding.seconds[0]:
            continue
        told = {
            f"error_{moment:g}s_cm": decoding.long_error_cm,
            f"error_{moment:g}s_median_cm": decoding.long_median_cm,
            f"error_{moment:g}s_hold_still_cm": decoding.hold_still_cm,
            f"error_{moment:g}s_middle_cm": decoding.middle_cm,
        }
        if config.place_feedback > 0:
            told |= {
                f"feedback_error_{moment:g}s_cm": decoding.feedback_error_cm,
                f"feedback_error_{moment:g}s_median_cm": decoding.feedback_median_cm,
            }
        row |= {f"validation/{name}": float(errors[nearest]) for name, errors in told.items()}
    return row


def _module_scales(evaluation: Evaluation, config: TrainConfig) -> ModuleScales | None:
    """Scale of the modules of the sheet over their grid cells; none without modules."""
    if config.modules_per_side == 1:
        return None
    view = evaluation.settled
    return module_scales(view.lattice.spacing, evaluation.tau, config.sheet.module_of, view.gate.passed)


def _summarise_module_scales(scales: ModuleScales | None) -> dict[str, float]:
    """Their scale, and whether it follows tau."""
    if scales is None:
        return {}
    return {
        "validation/n_modules_with_spacing": float(np.isfinite(scales.spacing).sum()),
        "validation/module_scaling_slope": scales.slope,
        "validation/module_spacing_spread": scales.between,
        "validation/module_within_spread": scales.within,
    }


def _over_finite(statistic: Callable[[Float], np.floating], values: Float) -> float:
    """Return a statistic of the values that are there; NaN if none is."""
    there = values[np.isfinite(values)]
    return float(statistic(there)) if there.size else math.nan


def _summarise_view(view: UnitMeasures) -> dict[str, float]:
    scores, spacing, alive = view.scores.score_60, view.lattice.spacing, ~view.dead
    return {
        "grid_score_mean": _over_finite(np.mean, scores),
        "grid_score_max": _over_finite(np.max, scores),
        "best_25_grid_score_mean": _over_finite(np.mean, np.sort(scores[np.isfinite(scores)])[-BEST:]),
        "n_grid_cells_above_0.3": float(np.nansum(scores > 0.3)),
        "share_above_0.3": view.share_above(0.3),
        "share_above_0.8": view.share_above(0.8),
        "null_share_above_0.3": view.gate.null_share_03,
        "null_share_above_0.8": view.gate.null_share_08,
        "share_beyond_null": float(np.mean(view.gate.p_value <= ONE_IN_HUNDRED)),
        "share_gate": float(view.gate.passed.mean()),
        "null_share_gate": view.gate.null_share_gate,
        "share_dead": float(view.dead.mean()),
        "square_score_mean": _over_finite(np.mean, view.scores.score_90),
        "border_score_mean": _over_finite(np.mean, view.border[alive]),
        "information_median_bits": _over_finite(np.median, view.information[alive]),
        "spacing_median_m": _over_finite(np.median, spacing),
        "spacing_nan_share": float(np.isnan(spacing).mean()),
        "grid_cell_spacing_m": _over_finite(np.median, spacing[view.gate.passed]),
        "n_grid_cell_spacings": float(np.isfinite(spacing[view.gate.passed]).sum()),
    }


def _summarise_sheet(
    lattice: Lattice, counted: NDArray[np.bool_], tau: Float, config: TrainConfig, rng: np.random.Generator
) -> Summary:
    """Order of the lattices of the counted units on the sheet, and clusters of their spacing; none if they are few."""
    chosen = counted & np.isfinite(lattice.spacing)
    if chosen.sum() < FEWEST_MEASURED:
        return Summary({})
    maps = lattice_maps(lattice, chosen, config.sheet)
    order_rng = numpy_generator(config.seed, "order on the sheet")
    row: dict[str, float] = {}
    for name, period in PERIODS.items():
        order = morans_i(maps[name], rng=order_rng, period=period)
        row |= {f"{name}_morans_i": order.value, f"{name}_morans_p": order.p_value}
    similarity, clusters = (
        distance_similarity(maps["spacing"], rng=order_rng),
        fit_scale_clusters(lattice.spacing[chosen]),
    )
    row |= {"spacing_order_reach": similarity.reach, **_summarise_clusters(clusters)}
    if np.ptp(tau) > 0:
        row |= _summarise_coupling(
            maps["spacing"], tau.reshape(maps["spacing"].shape), order_rng, rng, block=_block(config)
        )
    return Summary(row, clusters, similarity)


PERIODS: Mapping[str, float | None] = {"spacing": None, "orientation": 60.0, "phase": 1.0}
"""The properties of a lattice whose layout is measured, and the periods of those that are circular."""


def lattice_maps(lattice: Lattice, chosen: NDArray[np.bool_], sheet: Sheet) -> dict[str, Float]:
    """Lay the lattices of chosen units out on the sheet: log spacing, orientation in degrees, and phase.

    Parameters
    ----------
    lattice : Lattice
    chosen : ndarray of bool, ``(unit,)``
        The others become NaN.
    sheet : Sheet

    Returns
    -------
    dict of str to ndarray
        By the names of `PERIODS`; ``(row, col)``, the phase ``(row, col, 2)``.
    """
    values = {"spacing": np.log(lattice.spacing), "orientation": lattice.orientation, "phase": lattice.phase}
    return {
        name: sheet.map(np.where(chosen.reshape((-1,) + (1,) * (value.ndim - 1)), value, np.nan))
        for name, value in values.items()
    }


def _summarise_clusters(clusters: ScaleClusters) -> dict[str, float]:
    row = {"n_scale_clusters": float(clusters.n_clusters), "scale_cluster_bic_gain": clusters.bic_gain}
    if clusters.n_clusters > 1:
        row |= {
            "scale_cluster_ratio": float(clusters.ratio.mean()),
            "scale_cluster_smallest_share": float(clusters.weight.min()),
            "scale_cluster_separation": float(clusters.separation.min()),
        }
    return row


def _block(config: TrainConfig) -> int:
    """Return the side of the patches whose spacings are alike, units: a module's, where there are modules."""
    return config.sheet.module_side if config.sheet.n_modules > 1 else SMOOTH_BLOCK


def _summarise_coupling(
    log_spacing: Float, tau: Float, order_rng: np.random.Generator, rng: np.random.Generator, *, block: int
) -> dict[str, float]:
    """Whether the maps of spacing and of tau ``(row, col)`` go together: the question.

    ``block``: side of the patches that are alike, units: a module's, where there are modules.
    """
    unexplained = partial_morans_i(log_spacing, np.log(tau), rng=order_rng)
    coupling = sheet_correlation(np.log(tau), log_spacing, rng=rng)
    slope = scaling_slope(tau, np.exp(log_spacing), rng=rng, block=block)
    return {
        "spacing_partial_morans_i": unexplained.value,
        "spacing_partial_morans_p": unexplained.p_value,
        "tau_spacing_rho": coupling.rho,
        "tau_spacing_p": coupling.p_value,
        "scaling_slope": slope.beta,
        "scaling_slope_low": slope.low,
        "scaling_slope_high": slope.high,
    }


def _summarise_tau(evaluation: Evaluation, config: TrainConfig, rng: np.random.Generator) -> dict[str, float]:
    """Order of tau on the sheet, which the loss asks for, and whether slow units stay below zero."""
    if np.ptp(evaluation.tau) == 0:
        return {}
    log_tau = config.sheet.map(np.log(evaluation.tau))
    fastest_first = np.argsort(evaluation.tau, kind="stable")
    fifth = max(1, len(fastest_first) // 5)
    layout = tau_layout_explained(evaluation.tau, config.sheet)
    return {
        "tau/morans_i": morans_i(log_tau, rng=rng, n_permutations=0).value,
        "tau/explained_by_plane": layout.plane,
        "tau/explained_by_radius": layout.radius,
        "tau/share_of_range": share_of_range(evaluation.tau, config.tau_min, config.tau_max),
        "validation/share_negative_slow": float(evaluation.negative_share[fastest_first[-fifth:]].mean()),
        "validation/share_negative_fast": float(evaluation.negative_share[fastest_first[:fifth]].mean()),
    }
