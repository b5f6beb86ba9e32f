"""Everything that is measured on the rate maps of units."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from topogrid.analysis.maps.borders import border_scores
from topogrid.analysis.maps.gate import GridGate, grid_gate
from topogrid.analysis.maps.information import spatial_information
from topogrid.analysis.maps.lattice import Lattice, scores_and_lattice
from topogrid.analysis.maps.rate_maps import RateMaps
from topogrid.analysis.maps.scores import GridScores
from topogrid.analysis.options import as_generator, as_instance

Float = NDArray[np.float64]


@dataclass(frozen=True)
class UnitMeasures:
    """One view (settled or from the start) of every unit."""

    rate_maps: RateMaps
    scores: GridScores
    lattice: Lattice
    gate: GridGate
    border: Float
    """``(unit,)``, border score of Solstad et al. (2008)."""
    information: Float
    """``(unit,)``, spatial information, bits per spike-equivalent."""

    @property
    def peak(self) -> Float:
        """Highest rate of every unit, ``(unit,)``, activity units."""
        return np.nanmax(self.rate_maps.maps, axis=(1, 2))  # type: ignore[no-any-return]

    @property
    def dead(self) -> NDArray[np.bool_]:
        """Units that never fire, ``(unit,)``."""
        return self.peak <= 0

    def share_above(self, threshold: float) -> float:
        """Share of all units, dead ones included, whose 60-degree grid score is above ``threshold``."""
        return float(np.mean(np.nan_to_num(self.scores.score_60, nan=-np.inf) > threshold))


def measure_units(rate_maps: RateMaps, rng: np.random.Generator, *, n_surrogates: int | None = None) -> UnitMeasures:
    """Score rate maps, whatever made them, and judge them against their null; see `grid_gate` for ``n_surrogates``.

    Raises
    ------
    TypeError
        If the maps are not `RateMaps`, or ``rng`` is no generator.
    ValueError
        If bins are not square.
    """
    rate_maps, rng = as_instance(rate_maps, RateMaps, "rate maps to measure"), as_generator(rng)
    scores, lattice = scores_and_lattice(rate_maps, rate_maps.box_size)
    return UnitMeasures(
        rate_maps=rate_maps,
        scores=scores,
        lattice=lattice,
        gate=grid_gate(rate_maps, n_surrogates=n_surrogates, scores=scores.score_60, rng=rng),
        border=border_scores(rate_maps.maps, rate_maps.box_size),
        information=spatial_information(rate_maps.maps, rate_maps.occupancy),
    )
