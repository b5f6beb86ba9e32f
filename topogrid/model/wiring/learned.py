"""Modules that begin with no pattern and develop one: a recurrent identity, even movement weights, a random encoder.

With activity of norm 1 inside every module, isometry and capacity (see `topogrid.training.geometry`) turn them into
grid cells, as Schaeffer et al. (NeurIPS 2023) and Xu et al. (ICLR 2025) found for single modules.
"""

from __future__ import annotations

import math
from typing import ClassVar

import torch

from topogrid.model.module_recurrence import Exact
from topogrid.model.wiring.base import Network
from topogrid.model.wiring.modular import Modular
from topogrid.settings.config import TrainConfig

FIRST_MOVEMENT = 5.88  # per m; first length of every unit's movement weights
FIRST_ENCODER = 3.0  # encoder weights are first drawn evenly between minus and plus this


class Learned(Modular):
    """Modules whose weights all learn."""

    exact: ClassVar[Exact] = "identity"

    @classmethod
    def from_config(cls, config: TrainConfig) -> Learned:
        """Return the wiring of a network."""
        return cls(config.sheet)

    @torch.no_grad()
    def initialise(self, network: Network, config: TrainConfig, generator: torch.Generator) -> None:
        """Draw the encoder, spread preferred directions evenly in every module; a recurrent identity, no read-out yet.

        Directions have one length and are dealt out to the units of a module at random: drawn each on its own, some
        modules begin lopsided and become square lattices.
        """
        drawn = torch.rand(network.encoder.shape, generator=generator, device=generator.device)
        network.encoder.copy_(FIRST_ENCODER * (2 * drawn - 1))
        across = self.weight.shape[-1]
        gains = self.movement_gains(self.sheet.n_modules, config.movement_gain_ratio).to(generator.device)
        for members, gain in zip(torch.from_numpy(self.sheet.order), gains, strict=True):
            place = torch.randperm(across, generator=generator, device=generator.device)
            first = torch.rand((), generator=generator, device=generator.device)
            angle = (place + first) * (2 * math.pi / across)
            network.units.w_in[members] = FIRST_MOVEMENT * gain * torch.stack((angle.cos(), angle.sin()), dim=-1)
        noise = torch.randn(self.weight.shape, generator=generator, device=generator.device)
        self.weight.copy_(noise * (config.recurrent_noise / math.sqrt(self.weight.shape[-1])))
        self.weight.diagonal(dim1=-2, dim2=-1).add_(1.0)
        network.readout.zero_()
