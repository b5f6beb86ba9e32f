"""Measurements on rate maps and sheets, with NumPy and SciPy only: usable on anyone's data."""

from topogrid.analysis.borders import border_scores
from topogrid.analysis.gate import GridGate, grid_gate
from topogrid.analysis.grid_scores import GridScores, autocorrelograms, grid_scores
from topogrid.analysis.information import spatial_information
from topogrid.analysis.lattice import Lattice, measure_lattice
from topogrid.analysis.nulls import NULLS, field_shuffle, low_pass_noise, ring_noise, spectrum_noise
from topogrid.analysis.rate_maps import RateMapAccumulator, RateMaps
from topogrid.analysis.scale_clusters import ScaleClusters, fit_scale_clusters
from topogrid.analysis.sheet_order import (
    DistanceSimilarity,
    MoransI,
    distance_similarity,
    morans_i,
    partial_morans_i,
)
from topogrid.analysis.shift_bands import ShiftBand, shift_band
from topogrid.analysis.theory import forming_spacing, predicted_spacing
from topogrid.analysis.topography import ScalingSlope, SheetCorrelation, scaling_slope, sheet_correlation

__all__ = [
    "NULLS",
    "DistanceSimilarity",
    "GridGate",
    "GridScores",
    "Lattice",
    "MoransI",
    "RateMapAccumulator",
    "RateMaps",
    "ScaleClusters",
    "ScalingSlope",
    "SheetCorrelation",
    "ShiftBand",
    "autocorrelograms",
    "border_scores",
    "distance_similarity",
    "field_shuffle",
    "fit_scale_clusters",
    "forming_spacing",
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
