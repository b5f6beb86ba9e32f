"""Modules with nothing else asked of them: weights inside each learn whatever serves the place code.

A control: what connecting units in modules does by itself, without a wired attractor and without isometry.
"""

from __future__ import annotations

from typing import ClassVar

import torch

from topogrid.model.module_recurrence import Exact
from topogrid.model.wiring.base import Network
from topogrid.model.wiring.dense import initialise_as_asked, width_scale
from topogrid.model.wiring.modular import Modular
from topogrid.settings.config import TrainConfig


class Blocks(Modular):
    """Modules whose weights begin and learn as those of a dense network do."""

    exact: ClassVar[Exact] = "identity"

    @classmethod
    def from_config(cls, config: TrainConfig) -> Blocks:
        """Return the wiring of a network."""
        return cls(config.sheet)

    @property
    def width_scale(self) -> float:
        """How much smaller than on a small sheet a weight that is summed over units has to be."""
        return width_scale(self.n_units)

    def initialise(self, network: Network, config: TrainConfig, generator: torch.Generator) -> None:
        """Draw all first weights by the scheme ``config.init``, recurrent ones inside modules alone."""
        initialise_as_asked(network, config, generator)
