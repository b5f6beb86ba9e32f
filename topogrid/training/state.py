"""Everything that changes while a network is trained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from topogrid.model.network import PathIntegrator, Prediction, current_names
from topogrid.model.products import Precision
from topogrid.model.wiring.dense import Dense
from topogrid.settings.config import TrainConfig
from topogrid.streams import generator_states, restore_generators
from topogrid.training.objective import (
    Batch,
    Phase,
    at_moments,
    length_scale,
)
from topogrid.training.optimiser import grower_of, parameter_groups
from topogrid.training.processes import ALONE, Processes
from topogrid.world.place_cells import PlaceCells


@dataclass
class TrainState:
    """Everything that changes while training, and so everything a checkpoint keeps."""

    network: PathIntegrator
    optimiser: torch.optim.Optimizer
    place_cells: PlaceCells
    generators: dict[str, torch.Generator]
    step: int = 0
    processes: Processes = ALONE
    averaged: nn.Module | None = None
    """The network inside what averages its gradients over several processes."""
    grower: torch.optim.Optimizer | None = None
    """What grows the map of time constants by its own loss."""

    def spread(self, processes: Processes) -> None:
        """Train together with other processes; all have to call this, in the same state."""
        self.processes = processes
        # Where some weights rest in some phases, gradients are averaged after the step: `average_gradients`.
        together = not processes.alone and isinstance(self.network.units.wiring, Dense)
        self.averaged = processes.wrap(self.network) if together else None

    def predict(self, batch: Batch, phase: Phase = "all", moments: list[int] | None = None) -> Prediction:
        """Follow the walks of a batch and read the place code at some moments, all by default."""
        if phase == "modules":
            return Prediction(self.network.in_modules(batch.start_code, batch.displacement), None)
        prediction: Prediction = (self.averaged or self.network)(
            batch.start_code,
            batch.displacement,
            read=lambda activity: activity if moments is None else at_moments(activity, moments),
            joint=phase != "readout",
        )
        return prediction

    def fit(self, config: TrainConfig) -> None:
        """Fit encoder and read-out to what the wiring does untrained; see `topogrid.model.wiring.base.Wiring.fit`."""
        self.network.units.wiring.fit(self.network, self.place_cells, config)

    @torch.no_grad()
    def length_scale(self, config: TrainConfig) -> Tensor | None:
        """Length scale of every module, ``(module,)``, per metre, where modules learn by isometry."""
        return length_scale(self.network, config) if config.wiring == "learned" else None

    def state_dict(self) -> dict[str, Any]:
        """Tensors and plain containers only, so that ``torch.load(weights_only=True)`` takes them back."""
        optimiser = self.optimiser.state_dict()
        for group in optimiser["param_groups"]:
            # How this machine takes its steps is no part of the run.
            group |= {"lr": float(group["lr"]), "capturable": False}
        grower = {} if self.grower is None else {"grower": self.grower.state_dict()}
        return {
            "step": self.step,
            "network": self.network.state_dict(),
            "optimiser": optimiser,
            "place_centres": self.place_cells.centres,
            "generators": generator_states(self.generators),
        } | grower

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go back to where ``state`` was taken; settings must be those it was taken with."""
        self.network.load_state_dict(current_names(state["network"]))
        self.optimiser.load_state_dict(state["optimiser"])
        if self.grower is not None:
            self.grower.load_state_dict(state["grower"])
        self.place_cells.load_state_dict({"centres": state["place_centres"]})
        restore_generators(self.generators, state["generators"])
        self.step = state["step"]


def new_state(
    config: TrainConfig,
    device: torch.device,
    precision: Precision,
    generators: dict[str, torch.Generator],
    *,
    fitted: bool = True,
) -> TrainState:
    """Untrained network, place cells and optimiser.

    Parameters
    ----------
    config : TrainConfig
    device : torch.device
        Where everything lives.
    precision : {"fp32", "bf16"}
        Of the matrix products.
    generators : dict
        Random sources named ``weights``, ``place_cells`` (both on the CPU, so that a seed means the same network on
        every device) and ``walks`` (on ``device``).
    fitted : bool
        Whether encoder and read-out are fitted to the wiring, which takes seconds on large sheets; else call
        `TrainState.fit` before training.
    """
    place_cells = PlaceCells.from_config(config, generators["place_cells"]).to(device)
    network = PathIntegrator.from_config(config, precision=precision, generator=generators["weights"]).to(device)
    optimiser = torch.optim.Adam(parameter_groups(network, config), fused=device.type != "meta")
    state = TrainState(network, optimiser, place_cells, generators, grower=grower_of(network, config))
    if fitted and device.type != "meta":
        state.fit(config)
    return state
