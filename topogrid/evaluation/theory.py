"""Spacing that theory predicts for a place code."""

from __future__ import annotations

import numpy as np
import torch

from topogrid.analysis import (
    forming_spacing,
    predicted_spacing,
)
from topogrid.settings.config import TrainConfig
from topogrid.world.walks import simulate_walks

WALKS_FOR_THEORY = 4000


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
