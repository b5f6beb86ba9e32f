"""Every number, figure, page and table that is kept of a run, by name, and what each is.

The terms of the loss describe themselves: `topogrid.training.objective.TERMS`.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection
from typing import NamedTuple

_TRAINING = {
    "train/position_error_cm": "Distance between decoded and true position, mean over the batch and its steps, cm.",
    "train/grad_norm": "Norm of the whole gradient before clipping.",
    "train/lr": "Learning rate of the step.",
    "train/steps_per_sec": "Training steps per second since the last logged step, evaluations left out.",
    "train/steps_done": "Steps trained when the run ended.",
    "tau/mean": "Mean time constant, steps.",
    "tau/std": "Standard deviation of the time constants, steps.",
    "tau/min": "Smallest time constant, steps.",
    "tau/max": "Largest time constant, steps.",
    "tau/morans_i": "Moran's I of log tau on the sheet, -1 to 1; topographic by construction where a loss asks for it.",
    "tau/explained_by_plane": "Share of the variance of log tau that a plane over the sheet explains: a gradient.",
    "tau/explained_by_radius": "Share that the distance from the best centre on the sheet explains: rings.",
    "tau/share_of_range": "Range of tau, 1st to 99th percentile, as a share of an even ramp from tau_min to tau_max.",
    "perf/step_ms": "Time of one training step, ms.",
    "perf/peak_memory_mb": "Most memory held so far, on the GPU if there is one, else by the process, MB.",
    "perf/eval_seconds": "Time of the last evaluation, s.",
    "perf/minutes": "Time from start to end of this process, min.",
    "perf/n_parameters": "Number of trained parameters.",
}

# Measured twice: over grid cells, and over all units with a lattice, most of which noise would have as well.
_ORDER = {
    "spacing_morans_i": "Moran's I of log spacing on the sheet, -1 to 1.",
    "spacing_morans_p": "Its p-value against the same spacings dealt out anew.",
    "spacing_order_reach": "Distance on the sheet, units, up to which spacings are more alike than dealt out anew.",
    "orientation_morans_i": "Moran's I of orientation (mod 60 degrees) on the sheet, -1 to 1.",
    "orientation_morans_p": "Its p-value against the same orientations dealt out anew.",
    "phase_morans_i": "Moran's I of phase (unit-cell coordinates) on the sheet, -1 to 1.",
    "phase_morans_p": "Its p-value against the same phases dealt out anew.",
    "n_scale_clusters": "Components of the mixture that describes log spacing best (BIC, with floors).",
    "scale_cluster_bic_gain": "BIC of one component minus that of the best mixture; above 10 is strong evidence.",
    "scale_cluster_ratio": "Mean ratio of neighbouring components' spacings, where there are several.",
    "scale_cluster_smallest_share": "Share of units in the smallest component; never below 5 % or 10 units.",
    "scale_cluster_separation": "Smallest separation (Ashman's D) of neighbouring components; below 2 they are one.",
    "spacing_partial_morans_i": "Moran's I of what a straight line on log tau leaves over of log spacing.",
    "spacing_partial_morans_p": "Its p-value against the same remainders dealt out anew.",
    "tau_spacing_rho": "Spearman correlation of tau and spacing.",
    "tau_spacing_p": "Its p-value against toroidal shifts of one map.",
    "scaling_slope": "Slope beta of log spacing on log tau; 0: tau does not set spacing.",
    "scaling_slope_low": "Lower end of its 95 % interval, from resampled blocks of the sheet.",
    "scaling_slope_high": "Upper end of its 95 % interval, from resampled blocks of the sheet.",
}

# Measured twice: after every unit has forgotten its start, and from the start.
_MAP_MEASURES = {
    "grid_score_mean": "Mean 60-degree grid score of all units with a score.",
    "grid_score_max": "Best 60-degree grid score.",
    "best_25_grid_score_mean": "Mean 60-degree grid score of the 25 best units; recorded data has 1.3 to 1.4.",
    "n_grid_cells_above_0.3": "Number of units with a 60-degree grid score above 0.3; read it beside the null share.",
    "share_above_0.3": "Share of all units with a 60-degree grid score above 0.3.",
    "share_above_0.8": "Share of all units with a 60-degree grid score above 0.8.",
    "null_share_above_0.3": "Share of the null's maps with a score above 0.3: what noise alone gives.",
    "null_share_above_0.8": "Share of the null's maps with a score above 0.8: what noise alone gives.",
    "share_beyond_null": "Share of all units beyond the 99th percentile of their own null, where chance puts 1 %.",
    "share_gate": "Share of all units that are grid cells: they pass the null-calibrated gate (5 % false discoveries).",
    "null_share_gate": "Share of the null's maps that pass the same gate.",
    "share_dead": "Share of units that are never active.",
    "square_score_mean": "Mean 90-degree (square) score of all units with a score.",
    "border_score_mean": "Mean border score of the units that fire, -1 to 1.",
    "information_median_bits": "Median spatial information of the units that fire, bits.",
    "spacing_median_m": "Median grid spacing of the units with a lattice, m.",
    "spacing_nan_share": "Share of units without six autocorrelogram peaks, so without a spacing.",
    "grid_cell_spacing_m": "Median grid spacing of the grid cells, m.",
    "n_grid_cell_spacings": "Number of grid cells with a spacing: the n of their statistics on the sheet.",
    **_ORDER,
    **{f"lattices/{name}": f"Over all units with a lattice: {sentence}" for name, sentence in _ORDER.items()},
}

_VALIDATION = {
    "validation/share_negative": "Share of hidden states below zero.",
    "validation/share_negative_slow": "The same in the fifth of units with the largest tau.",
    "validation/share_negative_fast": "The same in the fifth of units with the smallest tau.",
    "validation/predicted_spacing_m": "Spacing that pattern-formation theory predicts from the place-field width, m.",
    "validation/forming_spacing_m": "Spacing that the same theory predicts before movement is integrated, m.",
    "validation/trajectory_error_cm": "Mean decoding error on held-out walks of the training length, cm.",
    "validation/hold_still_short_error_cm": "Error of a decoder that stays at the start, over the same walks, cm.",
    "validation/middle_short_error_cm": "Error of always guessing the middle of the box, over the same walks, cm.",
    "validation/long_error_cm": "Mean decoding error on held-out long walks (long_seconds), cm.",
    "validation/hold_still_error_cm": "Error of a decoder that stays at the start of these, cm: the bar to beat.",
    "validation/floor_error_cm": "Error of decoding the true place code on these: what a perfect integrator has, cm.",
    "validation/best_step": "Step of the checkpoint with the smallest error.",
    "validation/best_error_cm": "That error, on held-out walks of the training length, cm.",
}

_MODULES = {
    "validation/n_modules_with_spacing": "Modules (patches of the sheet) where 5 or more grid cells have a spacing.",
    "validation/module_scaling_slope": "Slope of log spacing on log tau over modules (median spacing and mean tau).",
    "validation/module_spacing_spread": "Standard deviation over modules of log spacing.",
    "validation/module_within_spread": "Standard deviation of log spacing inside a module, median over modules.",
}

_AT_A_MOMENT = {
    "error_{}s_cm": "Mean decoding error {} s into the long walks, cm.",
    "error_{}s_median_cm": "Median decoding error {} s into the long walks, cm.",
    "error_{}s_hold_still_cm": "Error of a decoder that stays at the start, {} s into the long walks, cm.",
    "error_{}s_middle_cm": "Error of always guessing the middle of the box, {} s into the long walks, cm.",
    "feedback_error_{}s_cm": "Mean decoding error with feedback from the predicted place code, {} s into them, cm.",
    "feedback_error_{}s_median_cm": "Median decoding error with that feedback, {} s into the long walks, cm.",
}

_MOMENTS = ("0.4", "2", "10", "30", "60")

_MOMENT = re.compile(r"(?<=error_)\d+(\.\d+)?(e[+-]\d+)?(?=s_)")

METRICS: dict[str, str] = {
    **_TRAINING,
    **_VALIDATION,
    **{
        f"validation/{name.format(moment)}": sentence.format(moment)
        for moment in _MOMENTS
        for name, sentence in _AT_A_MOMENT.items()
    },
    **_MODULES,
    **{f"validation/{name}": sentence for name, sentence in _MAP_MEASURES.items()},
    **{f"validation/start/{name}": f"Without burn-in: {sentence}" for name, sentence in _MAP_MEASURES.items()},
}
"""Every number that is logged, and what it means; errors are also told at other moments, see `meaning`."""

IN_THE_SECOND_ROW = (
    "validation/start/",
    *(
        "_p",
        "_low",
        "_high",
        "_spread",
        "_by_plane",
        "_by_radius",
        "_short_error_cm",
        "/floor_error_cm",
        "_of_range",
        "_smallest_share",
    ),
    *("s_median_cm", "s_hold_still_cm", "s_middle_cm"),
)
"""Beginning or endings of what W&B logs without a panel of its own: a dashboard of 60 panels shows nothing."""


class FigureEntry(NamedTuple):
    """What a figure shows, and the file it is saved in."""

    caption: str
    file: str


FIGURES: dict[str, FigureEntry] = {
    "tau/tau_map": FigureEntry("Time constant of each unit on the sheet, in steps and milliseconds.", "tau_map.png"),
    "validation/filmstrip": FigureEntry(
        "Time constants (ms) and spacing (m) on the sheet at moments of training.", "filmstrip.png"
    ),
    "train/curves": FigureEntry("Loss and position error against step.", "curves.png"),
    "validation/topographic_scale_map": FigureEntry("Spacing on the sheet, m; grey has no lattice.", "scale_map.png"),
    "validation/orientation_map": FigureEntry("Grid orientation on the sheet, degrees mod 60.", "orientation_map.png"),
    "validation/phase_map": FigureEntry("Grid phase on the sheet, in unit-cell coordinates.", "phase_map.png"),
    "validation/top_10_ratemaps": FigureEntry(
        "Rate maps of the units with the best grid scores, each with its autocorrelogram.", "ratemaps.png"
    ),
    "validation/random_ratemaps": FigureEntry("Rate maps of units drawn at random.", "random_ratemaps.png"),
    "validation/grid_score_histogram": FigureEntry("Grid scores of all units, beside their null.", "grid_scores.png"),
    "validation/spacing_histogram": FigureEntry(
        "Spacing of all lattices, beside what theory predicts and the mixture that describes it best.", "spacing.png"
    ),
    "validation/distance_similarity": FigureEntry(
        "How alike tau, spacing, orientation and phase are at each distance on the sheet, beside rearranged values.",
        "distance_similarity.png",
    ),
    "validation/unit_scores": FigureEntry(
        "Square score, border score and spatial information of all units.", "unit_scores.png"
    ),
    "validation/shares_by_tau": FigureEntry(
        "Shares of units with a lattice, of silent units and of negative states, against tau.", "shares_by_tau.png"
    ),
    "validation/tau_against_spacing": FigureEntry("Spacing against time constant, unit by unit.", "tau_spacing.png"),
    "validation/long_error": FigureEntry("Decoding error along long walks, cm.", "long_error.png"),
    "validation/trajectories": FigureEntry("True and decoded paths of held-out walks.", "trajectories.png"),
}
"""Every figure that is logged."""

PAGES: dict[str, str] = {"validation/explorer": "The sheet explorer: every unit of the run on one page."}
"""Every page that is logged."""

TABLES: dict[str, str] = {"validation/units": "One row a unit: place on the sheet, tau, scores, spacing, phase."}
"""Every table that is logged."""


def known(key: str, described: Collection[str]) -> str:
    """Return a name that is described.

    Raises
    ------
    ValueError
        If it is not, with the name most alike.
    """
    if key in described:
        return key
    near = difflib.get_close_matches(key, described, n=1)
    raise ValueError(f"{key!r} is not described in topogrid/measures.py" + (f"; is {near[0]!r} meant?" if near else ""))


def at_a_moment(key: str) -> bool:
    """Whether a logged number is told at moments that a run chooses."""
    return _MOMENT.search(key) is not None


def meaning(key: str) -> str | None:
    """Say what a logged number means, errors at any moment of the long walks included; ``None`` if nothing does."""
    if key in METRICS:
        return METRICS[key]
    moment = _MOMENT.search(key)
    sentence = _AT_A_MOMENT.get(_MOMENT.sub("{}", key).removeprefix("validation/"))
    if moment is None or sentence is None or not key.startswith("validation/"):
        return None
    return sentence.format(moment[0])
