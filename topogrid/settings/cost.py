"""What an evaluation takes at the least, in steps, memory and time, before anything of it is begun."""

from __future__ import annotations

import math
from typing import NamedTuple

from topogrid.settings.fields import Settings

FORGOTTEN = 0.01  # a unit has forgotten its start when this share of it is left
WALKS_AT_ONCE = 200  # whose activity is held at a time, which bounds memory
MOST_MOMENTS = 500  # of the long walks at which places are decoded
_NUMBER = 4  # bytes
_A_STEP = 2e-5  # seconds of the fastest machine for one step of however many walks
_A_SECOND = 1e13  # multiplications of the fastest machine


def burn_in_steps(tau_max: float) -> int:
    """Count steps until less than 1 % of any unit's first state is left: ``(1 - 1/tau)^t < 0.01``.

    A tau-1 unit forgets in the one step it takes.
    """
    if tau_max <= 1:
        return 1
    return math.ceil(math.log(FORGOTTEN) / math.log1p(-1 / tau_max))


class EvaluationCost(NamedTuple):
    """What an evaluation takes at the least."""

    steps: int
    """Steps taken one after the other, each by many walks at once."""
    walk_steps: int
    """Steps of all walks."""
    memory: int
    """Bytes."""

    def seconds(self, multiplications: float) -> float:
        """Return how long it takes on the fastest machine, by the multiplications of a step of one walk."""
        return self.steps * _A_STEP + self.walk_steps * multiplications / _A_SECOND


def evaluation_cost(config: Settings) -> EvaluationCost:
    """Return what one evaluation takes at the least, if tau may become as large as it may."""
    burn_in = burn_in_steps(config.tau_max if config.tau else 1.0)
    if config.eval_burn_in != "auto":
        burn_in = int(config.eval_burn_in)
    short, long = burn_in + config.seq_length, math.ceil(config.long_seconds / config.dt)
    batches = math.ceil(config.eval_walks / WALKS_AT_ONCE)
    # A walk is positions and displacements; the code of a long walk is held at the moments at which it is decoded.
    walks = 4 * max(min(config.eval_walks, WALKS_AT_ONCE) * short, config.long_walks * long)
    codes = config.long_walks * min(long, MOST_MOMENTS) * config.n_place_cells
    maps = config.n_grid_cells * config.eval_bins**2
    return EvaluationCost(
        steps=batches * short + long,
        walk_steps=config.eval_walks * short + config.long_walks * long,
        memory=_NUMBER * (walks + codes + 4 * maps),
    )
