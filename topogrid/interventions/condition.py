"""A trained network under one changed condition."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from topogrid.evaluation.probe import AS_TRAINED, Probe
from topogrid.model.network import PathIntegrator
from topogrid.settings.config import TrainConfig
from topogrid.streams import numpy_generator
from topogrid.trained.trained import Trained
from topogrid.world.place_cells import PlaceCells

Units = NDArray[np.intp]


@dataclasses.dataclass(frozen=True)
class Condition:
    """What is measured: a network, how animals walk, and what was done to it."""

    trained: Trained
    probe: Probe = AS_TRAINED
    silenced: tuple[int, ...] = ()
    """Units that were silenced, in rising order."""
    note: str = ""
    """What a reader of the result has to know, in a few words."""

    @property
    def network(self) -> PathIntegrator:
        """The network."""
        return self.trained.network

    @property
    def place_cells(self) -> PlaceCells:
        """Its place cells."""
        return self.trained.place_cells

    @property
    def config(self) -> TrainConfig:
        """Its settings."""
        return self.trained.config

    @property
    def step(self) -> int:
        """Steps the network was trained for."""
        return self.trained.step

    def with_network(self, network: PathIntegrator, *, silenced: tuple[int, ...] = (), note: str = "") -> Condition:
        """Return the condition of a changed copy of the network."""
        trained = dataclasses.replace(self.trained, network=network)
        return dataclasses.replace(self, trained=trained, silenced=silenced or self.silenced, note=note or self.note)


def rng_of(condition: Condition, purpose: int) -> np.random.Generator:
    """Return the random source of one purpose; the same for the same seed."""
    return numpy_generator(condition.config.seed, "interventions", purpose)
