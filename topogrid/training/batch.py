"""The walks that a step learns from."""

from __future__ import annotations

import torch
from torch import Tensor

from topogrid.model.units import at_moments
from topogrid.settings.config import TrainConfig
from topogrid.training.geometry import walks_in_windows
from topogrid.training.objective import (
    Batch,
    phase_of,
    read_steps,
    walk_length,
)
from topogrid.world.place_cells import PlaceCells
from topogrid.world.walks import simulate_walks


def make_batch(
    config: TrainConfig,
    place_cells: PlaceCells,
    generator: torch.Generator,
    share: slice = slice(None),
    *,
    step: int = 1,
    scale: Tensor | None = None,
    modules: slice = slice(None),
) -> Batch:
    """Fresh walks for a step (counted from 1) and their place code.

    With several processes, it is one's ``share`` of the same walks that all draw. ``scale``, ``(module,)``, is the
    length scale of modules that learn alone, each from walks of its own: `topogrid.training.geometry.walks_in_windows`.
    The batch is then for some ``modules``, all by default; those of others are drawn too, but not encoded.
    """
    alone = phase_of(step, config) == "modules"
    walks = simulate_walks(
        config.batch_size * (config.walks_to_choose if alone else 1),
        walk_length(step, config),
        box_size=config.box_size,
        dt=config.dt,
        generator=generator,
        periodic=config.periodic,
        even_starts=config.even_starts,
        compiled=config.compile,
    )
    if alone:
        scale = torch.ones(config.sheet.n_modules, device=walks.start.device) if scale is None else scale
        chosen = walks_in_windows(walks.start, config.box_size, scale, config.batch_size, generator)[modules, share]
        start_code = place_cells.encode(walks.start)[chosen]
        no_code = start_code.new_empty(0, *start_code.shape)
        return Batch(start_code, walks.displacement[:, chosen], no_code, walks.position[:, chosen], start_code[:0])
    start, displacement, position = walks.start[share], walks.displacement[:, share], walks.position[:, share]
    read = at_moments(position, read_steps(step, config))
    code = place_cells.encode(read)
    kept = start.new_empty(0)
    if config.network == "lstm" and config.dropout:
        shape = (len(read), config.batch_size, config.n_grid_cells)
        drawn = torch.rand(shape, generator=generator, device=start.device)
        kept = ((drawn >= config.dropout) / (1 - config.dropout))[:, share]
    return Batch(place_cells.encode(start), displacement, code, position, kept)
