"""All units connected to all: one matrix, which learns whatever serves the task."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor

from topogrid.model.module_recurrence import Exact
from topogrid.model.wiring.base import Network, Wiring
from topogrid.settings.config import TrainConfig

REFERENCE_UNITS = 576  # the 24x24 sheet on which recipes were searched


class Dense(Wiring):
    """Weights ``(unit, unit)`` between all units of a sheet; a row belongs to the receiving unit."""

    exact: ClassVar[Exact] = "identity"
    automatic_bf16: ClassVar[bool] = True

    def __init__(self, n_units: int) -> None:
        super().__init__((n_units, n_units))

    @classmethod
    def from_config(cls, config: TrainConfig) -> Dense:
        """Return the wiring of a network."""
        return cls(config.n_grid_cells)

    @property
    def n_units(self) -> int:
        """Units on the sheet."""
        return len(self.weight)

    @property
    def width_scale(self) -> float:
        """How much smaller than on a sheet of `REFERENCE_UNITS` a weight that is summed over units has to be."""
        return width_scale(self.n_units)

    def initialise(self, network: Network, config: TrainConfig, generator: torch.Generator) -> None:
        """Draw all first weights by the scheme ``config.init``."""
        initialise_as_asked(network, config, generator)

    @torch.no_grad()
    def silence(self, units: Tensor) -> None:
        """Cut units off in both directions."""
        self.weight[units] = 0
        self.weight[:, units] = 0


def width_scale(n_units: int) -> float:
    """Return how much smaller than on a sheet of `REFERENCE_UNITS` a weight that is summed over units has to be."""
    return REFERENCE_UNITS / n_units


def initialise_as_asked(network: Network, config: TrainConfig, generator: torch.Generator) -> None:
    """Draw all first weights as the settings say."""
    noise, gain = config.recurrent_noise, config.input_gain
    initialise(network, config.init, generator, input_gain=gain, recurrent_noise=noise)


@torch.no_grad()
def initialise(
    network: Network,
    scheme: str,
    generator: torch.Generator,
    *,
    input_gain: float = 1.0,
    recurrent_noise: float = 0.0,
) -> None:
    """Draw the first weights in place; the same scheme serves the plain and the tau network.

    ``xavier`` draws every matrix uniformly within ``sqrt(6 / (fan_in + fan_out))``.

    ``identity`` draws encoder and movement weights as ``xavier`` does on a sheet of `REFERENCE_UNITS`, times
    ``input_gain``; its recurrent weights are ``I + recurrent_noise * normal / sqrt(N)``, so that a unit adds up its
    input at the rate 1 / tau; and its read-out is the transpose of the encoder times ``REFERENCE_UNITS / N``, so that
    from the first step on the network says roughly where the walk began and has only movement left to learn. Activity
    and logits then start at the same size on every sheet (the maximal-update parametrisation of Yang & Hu).

    Raises
    ------
    ValueError
        For an unknown scheme.

    References
    ----------
    Glorot & Bengio, AISTATS 2010; Le, Jaitly & Hinton, arXiv:1504.00941 (identity-initialised ReLU networks); Yang &
    Hu, ICML 2021 (scaling with width).
    """
    if scheme not in ("identity", "xavier"):
        raise ValueError(f"init must be 'identity' or 'xavier', got {scheme!r}")
    w_rec, n_units = network.units.wiring.weight, network.units.wiring.n_units
    if scheme == "xavier":
        for weight in (network.encoder, network.units.w_in, network.readout, w_rec):
            weight.copy_(_xavier(weight, generator, sum(weight.shape)))
        return
    for weight in (network.encoder, network.units.w_in):
        weight.copy_(input_gain * _xavier(weight, generator, weight.shape[1] + REFERENCE_UNITS))
    network.readout.copy_(network.encoder.t() * width_scale(n_units))
    noise = torch.randn(w_rec.shape, generator=generator, device=generator.device)
    w_rec.copy_(noise * (recurrent_noise / math.sqrt(w_rec.shape[-1])))
    w_rec.diagonal(dim1=-2, dim2=-1).add_(1.0)


def _xavier(weight: Tensor, generator: torch.Generator, fans: int) -> Tensor:
    bound = math.sqrt(6 / fans)
    return bound * (2 * torch.rand(weight.shape, generator=generator, device=generator.device) - 1)
