"""Networks by the words of the setting ``network``."""

from __future__ import annotations

import torch

from topogrid.model.lstm import LSTMIntegrator
from topogrid.model.network import PathIntegrator
from topogrid.model.products import Precision
from topogrid.settings.config import TrainConfig

NETWORKS: dict[str, type[PathIntegrator]] = {"leaky": PathIntegrator, "lstm": LSTMIntegrator}


def build_network(config: TrainConfig, *, generator: torch.Generator, precision: Precision = "fp32") -> PathIntegrator:
    """Return the untrained network of ``config``, all its weights drawn from ``generator`` (on the CPU)."""
    return NETWORKS[config.network].from_config(config, generator=generator, precision=precision)
