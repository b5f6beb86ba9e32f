"""Figures of everything that is measured: plain arrays in, a matplotlib ``Figure`` out, `save_figure` to write it.

Every figure names what was measured and on how many units, carries units on its axes and colour bars, and shows what
could not be measured in grey instead of leaving it out.
"""

from topogrid.figures.comparison import COMPARISON_FIGURES, comparison_figure, comparison_overview
from topogrid.figures.conditions import Panel, condition_lines
from topogrid.figures.continuous import GradientPanel, gradient_panels
from topogrid.figures.curves import Errors, error_over_time, training_curves
from topogrid.figures.distributions import score_histogram, spacing_histogram, tau_against_spacing
from topogrid.figures.filmstrip import Moment, filmstrip
from topogrid.figures.order import score_panels, shares_by_tau, similarity_by_distance
from topogrid.figures.patterns import pattern_rows
from topogrid.figures.pieces import FollowedPaths, followed_pieces, followed_whole
from topogrid.figures.predictions import ModulePanel, predicted_and_measured
from topogrid.figures.rate_map_grids import Selection, rate_map_grid
from topogrid.figures.sheet_maps import orientation_map, phase_map, scale_map, tau_map
from topogrid.figures.study import StudyCourse, StudyPanel, study_courses, study_overview
from topogrid.figures.study_sheets import StudySheet, StudySteps, study_sheets, study_steps
from topogrid.figures.style import DPI, NULL_COLOUR, PALETTE, Network, distinct_colours, rendered, save_figure
from topogrid.figures.trajectories import decoded_trajectories

__all__ = [
    "COMPARISON_FIGURES",
    "DPI",
    "NULL_COLOUR",
    "PALETTE",
    "Errors",
    "FollowedPaths",
    "GradientPanel",
    "ModulePanel",
    "Moment",
    "Network",
    "Panel",
    "Selection",
    "StudyCourse",
    "StudyPanel",
    "StudySheet",
    "StudySteps",
    "comparison_figure",
    "comparison_overview",
    "condition_lines",
    "decoded_trajectories",
    "distinct_colours",
    "error_over_time",
    "filmstrip",
    "followed_pieces",
    "followed_whole",
    "gradient_panels",
    "orientation_map",
    "pattern_rows",
    "phase_map",
    "predicted_and_measured",
    "rate_map_grid",
    "rendered",
    "save_figure",
    "scale_map",
    "score_histogram",
    "score_panels",
    "shares_by_tau",
    "similarity_by_distance",
    "spacing_histogram",
    "study_courses",
    "study_overview",
    "study_sheets",
    "study_steps",
    "tau_against_spacing",
    "tau_map",
    "training_curves",
]
