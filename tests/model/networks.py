"""Networks of few units, of every wiring, for tests of the model."""

import dataclasses
from typing import Any

import torch
from torch import Tensor

from topogrid.model.network import PathIntegrator
from topogrid.settings.config import TrainConfig
from topogrid.settings.presets import settings_of
from topogrid.streams import make_generators
from topogrid.world.place_cells import PlaceCells

SMALL = TrainConfig(n_grid_cells=64, n_place_cells=48, pc_width=(0.2,))


def network(seed: int = 0, precision: str = "fp32", **changes: Any) -> PathIntegrator:
    config = dataclasses.replace(SMALL, **changes)
    generator = torch.Generator().manual_seed(seed)
    return PathIntegrator.from_config(config, generator=generator, precision=precision)  # type: ignore[arg-type]


def inputs(time: int = 7, batch: int = 5, seed: int = 1) -> tuple[Tensor, Tensor]:
    """Return a place code ``(batch, place)`` and displacements ``(time, batch, 2)``."""
    generator = torch.Generator().manual_seed(seed)
    code = torch.softmax(torch.randn(batch, 48, generator=generator), dim=-1)
    return code, 0.02 * torch.randn(time, batch, 2, generator=generator)


def rest(values: Tensor) -> Tensor:
    """Return what remains of a square matrix without the identity."""
    return values - torch.eye(len(values))


CONFIGS: dict[str, dict[str, Any]] = {
    "dense": {"tau": True, "wiring": "dense"},
    "dense, driven": {"tau": True, "wiring": "dense", "drive": 0.5},
    "dense, normed": {"tau": True, "wiring": "dense", "norm": "module"},
    "dense, driven and normed": {"tau": True, "wiring": "dense", "norm": "module", "drive": 0.5},
    "attractor": {"tau": True, "wiring": "attractor"},
    "blocks": {"tau": True, "wiring": "blocks"},
    "blocks, plain": {"wiring": "blocks"},
    "learned": {"tau": True, "wiring": "learned"},
    "learned, driven": {"tau": True, "wiring": "learned", "drive": 0.5},
    "learned, plain": {"wiring": "learned"},
}


def config_of(kind: str, **changes: Any) -> TrainConfig:
    return TrainConfig(**settings_of("smoke", CONFIGS[kind] | changes))


def network_of(config: TrainConfig, seed: int = 0) -> PathIntegrator:
    generators = make_generators(seed, "cpu", ("weights", "place_cells"))
    network = PathIntegrator.from_config(config, generator=generators["weights"])
    network.units.wiring.fit(network, PlaceCells.from_config(config, generators["place_cells"]), config)
    return network


def moves(time: int, batch: int, seed: int = 0, size: float = 0.01) -> Tensor:
    return size * torch.randn(time, batch, 2, generator=torch.Generator().manual_seed(seed))
