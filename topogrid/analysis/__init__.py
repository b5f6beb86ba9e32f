"""Measurements on rate maps and sheets, with NumPy and SciPy only: usable on anyone's data."""

from topogrid.analysis.ephys import TuningMaps, grid_table, tuning_map
from topogrid.analysis.maps.bands import band_scores
from topogrid.analysis.maps.borders import border_scores
from topogrid.analysis.maps.gate import GridGate, grid_gate
from topogrid.analysis.maps.information import spatial_information
from topogrid.analysis.maps.lattice import Lattice, measure_lattice
from topogrid.analysis.maps.nulls import NULLS, field_shuffle, low_pass_noise, ring_noise, spectrum_noise
from topogrid.analysis.maps.rate_maps import RateMapAccumulator, RateMaps
from topogrid.analysis.maps.scores import GridScores, autocorrelograms, grid_scores
from topogrid.analysis.patterns import form_patterns
from topogrid.analysis.sheets.connections import WeightsByDistance, weight_spectrum, weights_by_distance
from topogrid.analysis.sheets.coupling import ScalingSlope, SheetCorrelation, scaling_slope, sheet_correlation
from topogrid.analysis.sheets.order import (
    DistanceSimilarity,
    MoransI,
    distance_similarity,
    morans_i,
    partial_morans_i,
)
from topogrid.analysis.sheets.patches import PatchTopography, patch_topography
from topogrid.analysis.sheets.scale_clusters import ScaleClusters, fit_scale_clusters
from topogrid.analysis.sheets.shift_bands import ShiftBand, shift_band
from topogrid.analysis.theory import forming_spacing, predicted_spacing
from topogrid.analysis.torus import Torus, torus_of

__all__ = [
    "NULLS",
    "DistanceSimilarity",
    "GridGate",
    "GridScores",
    "Lattice",
    "MoransI",
    "PatchTopography",
    "RateMapAccumulator",
    "RateMaps",
    "ScaleClusters",
    "ScalingSlope",
    "SheetCorrelation",
    "ShiftBand",
    "Torus",
    "TuningMaps",
    "WeightsByDistance",
    "autocorrelograms",
    "band_scores",
    "border_scores",
    "distance_similarity",
    "field_shuffle",
    "fit_scale_clusters",
    "form_patterns",
    "forming_spacing",
    "grid_gate",
    "grid_scores",
    "grid_table",
    "low_pass_noise",
    "measure_lattice",
    "morans_i",
    "partial_morans_i",
    "patch_topography",
    "predicted_spacing",
    "ring_noise",
    "scaling_slope",
    "sheet_correlation",
    "shift_band",
    "spatial_information",
    "spectrum_noise",
    "torus_of",
    "tuning_map",
    "weight_spectrum",
    "weights_by_distance",
]
