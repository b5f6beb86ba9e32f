"""Every figure, page and table that is kept of a run, by name."""

from __future__ import annotations

from typing import NamedTuple


class FigureEntry(NamedTuple):
    """What a figure shows, and the file it is saved in."""

    caption: str
    file: str


CURVES = "train/curves"

FIGURES: dict[str, FigureEntry] = {
    "tau/tau_map": FigureEntry("Time constant of each unit on the sheet, in steps and milliseconds.", "tau_map.png"),
    "validation/filmstrip": FigureEntry(
        "Time constants (ms) and spacing (m) on the sheet at moments of training.", "filmstrip.png"
    ),
    CURVES: FigureEntry("Loss and position error against step.", "curves.png"),
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
