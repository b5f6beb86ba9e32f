"""Spacing that theory predicts for a place code, and the patterns that form under it without a network."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from topogrid.analysis import form_patterns, forming_spacing, grid_scores, measure_lattice, predicted_spacing
from topogrid.settings.config import TrainConfig
from topogrid.world.walks import simulate_walks

Float = NDArray[np.float64]

WALKS_FOR_THEORY = 4000
SIGNS = {"rates above 0": True, "rates of both signs": False}
"""Kinds of patterns: whether their rates are kept from falling below 0."""


class Patterns(NamedTuple):
    """Patterns of one kind that formed under a place code."""

    maps: Float
    """``(map, bin_y, bin_x)``."""
    scores: Float
    """``(map,)``, grid scores."""
    spacing: Float
    """``(map,)``, metres, NaN where there is no lattice."""

    @property
    def share_above(self) -> float:
        """Share of maps with a grid score above 0.8."""
        return float(np.mean(np.nan_to_num(self.scores, nan=-1.0) > 0.8))

    @property
    def median_spacing(self) -> float | None:
        """Median spacing, metres; ``None`` where no map has a lattice."""
        there = self.spacing[np.isfinite(self.spacing)]
        return float(np.median(there)) if there.size else None


def patterns_of(config: TrainConfig) -> dict[str, Patterns]:
    """Let patterns form under the place code of settings, of each kind of `SIGNS` from noise of its own."""
    formed = {}
    for number, (name, positive) in enumerate(SIGNS.items()):
        maps = form_patterns(
            config.pc_width[0],
            config.surround_scale,
            rng=np.random.default_rng([config.seed, number]),
            box_size=config.box_size,
            non_negative=positive,
            periodic=config.periodic,
        )
        spacing = measure_lattice(maps, config.box_size).spacing
        formed[name] = Patterns(maps, grid_scores(maps).score_60, spacing)
    return formed


def theory_line(config: TrainConfig) -> float | None:
    """Spacing in metres that pattern formation predicts from the place fields.

    ``None`` where one width and a surround are not given, and in modules, whose scale does not come from place fields.
    """
    if config.wiring != "dense" or not config.DoG or config.surround_amplitude == 0 or len(config.pc_width) > 1:
        return None
    return predicted_spacing(config.pc_width[0], config.surround_scale)


def forming_line(config: TrainConfig) -> float | None:
    """Spacing in metres that theory predicts for lattices as they form; ``None`` where `theory_line` is."""
    if theory_line(config) is None:
        return None
    walks = simulate_walks(
        WALKS_FOR_THEORY,
        config.seq_length,
        box_size=config.box_size,
        dt=config.dt,
        generator=torch.Generator().manual_seed(0),  # not the run's: a prediction does not depend on the seed
        periodic=config.periodic,
    )
    # Displacements added up, not positions subtracted: on a torus these jump.
    moved = walks.displacement.cumsum(dim=0).double().numpy()
    return forming_spacing(config.pc_width[0], config.surround_scale, np.hypot(moved[..., 0], moved[..., 1]))
