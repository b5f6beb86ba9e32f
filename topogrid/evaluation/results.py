"""What an evaluation comes to."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:  # whoever lists runs reads their evaluations without SciPy, which the measures of maps need
    from topogrid.analysis import GridScores, Lattice, RateMaps
    from topogrid.analysis.maps.units import UnitMeasures

Float = NDArray[np.float64]


@dataclass(frozen=True)
class Decoding:
    """How well the place read-out knows where the animal is."""

    error_cm: float
    """Mean over walks and steps of training length; this and all errors inside the trained box only."""
    seconds: Float
    """``(time,)``, moments of the long walks, from their start: every step, or at most `MOST_MOMENTS` of them, those of
    ``config.error_seconds`` among them."""
    long_error_cm: Float
    """``(time,)``, mean over long walks."""
    long_quartiles_cm: Float
    """``(2, time)``, lower and upper quartile over long walks."""
    hold_still_cm: Float
    """``(time,)``, error of an animal that believes it never left its start."""
    floor_cm: float
    """Error of decoding the true place code: what a perfect integrator would reach."""
    true_paths: Float
    """``(walk, time, 2)``, metres: a few long walks."""
    decoded_paths: Float
    """``(walk, time, 2)``, metres: where the network thought they were."""
    long_median_cm: Float
    """``(time,)``, median over long walks."""
    middle_cm: Float
    """``(time,)``, error of always guessing the middle of the box."""
    feedback_error_cm: Float
    """``(time,)``, mean over the long walks with `config.place_feedback`; NaN if that is 0."""
    feedback_median_cm: Float
    """``(time,)``, median of the same."""
    hold_still_short_cm: float
    """Error of an animal that believes it never left its start, over the walks and steps of ``error_cm``."""
    middle_short_cm: float
    """Error of always guessing the middle of the box, over the same."""
    ce_loss: float = math.nan
    """Cross-entropy of the predicted place code against the true one over the same, nats."""
    direction_error_deg: float = math.nan
    """Angle between decoded and true head direction over the same, degrees; NaN without head-direction cells."""


@dataclass(frozen=True)
class Evaluation:
    """Everything measured on one network at one step of its training."""

    step: int
    tau: Float
    """``(unit,)``, steps; ones in a plain network."""
    burn_in: int
    """Steps walked before settled rates are counted."""
    settled: UnitMeasures
    start: UnitMeasures
    negative_share: Float
    """``(unit,)``, share of settled states below zero."""
    decoding: Decoding
    seconds_taken: float


@dataclass(frozen=True)
class Glance:
    """What is measured where a whole evaluation would cost too much: settled maps, their scores and their lattices."""

    step: int
    tau: Float
    """``(unit,)``, steps; ones in a plain network."""
    burn_in: int
    """Steps walked before rates are counted."""
    rate_maps: RateMaps
    scores: GridScores
    lattice: Lattice
