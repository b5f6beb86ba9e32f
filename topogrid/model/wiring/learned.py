"""Modules that begin with no pattern and develop one: a recurrent identity, random movement weights, a random encoder.

With activity of norm 1 inside every module, isometry and capacity (see `topogrid.training.geometry`) turn them into
grid cells, as Schaeffer et al. (NeurIPS 2023) and Xu et al. (ICLR 2025) found for single modules.
"""

from __future__ import annotations

import math
from typing import ClassVar

import torch

from topogrid.config import TrainConfig
from topogrid.model.recurrence import Exact
from topogrid.model.wiring.base import Network
from topogrid.model.wiring.modular import Modular

FIRST_MOVEMENT = 4.0  # per m; movement weights are first drawn evenly between minus and plus this
FIRST_ENCODER = 3.0  # likewise


class Learned(Modular):
    """Modules whose weights all learn."""

    exact: ClassVar[Exact] = "identity"

    @classmethod
    def from_config(cls, config: TrainConfig) -> Learned:
        """Return the wiring of a network."""
        return cls(config.sheet)

    @torch.no_grad()
    def initialise(self, network: Network, config: TrainConfig, generator: torch.Generator) -> None:
        """Draw encoder and movement weights evenly; begin with a recurrent identity and a silent read-out."""
        for weight, bound in ((network.encoder, FIRST_ENCODER), (network.units.w_in, FIRST_MOVEMENT)):
            drawn = torch.rand(weight.shape, generator=generator, device=generator.device)
            weight.copy_(bound * (2 * drawn - 1))
        noise = torch.randn(self.weight.shape, generator=generator, device=generator.device)
        self.weight.copy_(noise * (config.recurrent_noise / math.sqrt(self.weight.shape[-1])))
        self.weight.diagonal(dim1=-2, dim2=-1).add_(1.0)
        network.readout.zero_()
