"""Measurements on rate maps and sheets, with NumPy and SciPy only: usable on anyone's data."""

from topogrid.analysis.borders import border_scores
from topogrid.analysis.grid_scores import GridScores, autocorrelograms, grid_scores
from topogrid.analysis.information import spatial_information
from topogrid.analysis.lattice import Lattice, measure_lattice
from topogrid.analysis.modules import Modules, fit_modules
from topogrid.analysis.nulls import (
    NULLS,
    GridGate,
    field_shuffle,
    grid_gate,
    low_pass_noise,
    ring_noise,
    spectrum_noise,
)
from topogrid.analysis.rate_maps import RateMapAccumulator, RateMaps
from topogrid.analysis.shift_bands import ShiftBand, shift_band
from topogrid.analysis.theory import predicted_spacing
from topogrid.analysis.topography import (
    DistanceSimilarity,
    MoransI,
    ScalingSlope,
    SheetCorrelation,
    distance_similarity,
    morans_i,
    partial_morans_i,
    scaling_slope,
    sheet_correlation,
)

__all__ = [
    "NULLS",
    "DistanceSimilarity",
    "GridGate",
    "GridScores",
    "Lattice",
    "Modules",
    "MoransI",
    "RateMapAccumulator",
    "RateMaps",
    "ScalingSlope",
    "SheetCorrelation",
    "ShiftBand",
    "autocorrelograms",
    "border_scores",
    "distance_similarity",
    "field_shuffle",
    "fit_modules",
    "grid_gate",
    "grid_scores",
    "low_pass_noise",
    "measure_lattice",
    "morans_i",
    "partial_morans_i",
    "predicted_spacing",
    "ring_noise",
    "scaling_slope",
    "sheet_correlation",
    "shift_band",
    "spatial_information",
    "spectrum_noise",
]
