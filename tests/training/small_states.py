"""Networks of few units with all that belongs to training them, for tests of training."""

import dataclasses
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from topogrid.model.network import Prediction
from topogrid.settings.config import TrainConfig
from topogrid.training.batch import make_batch
from topogrid.training.objective import Batch, Context, read_steps
from topogrid.training.state import TrainState, new_state
from topogrid.training.step import StepRecord, train

CPU = torch.device("cpu")
SMALL = TrainConfig(
    n_grid_cells=64,
    activity_cost=5.0,
    tau_max=10.0,
    tau_diversity="uniform",
    n_place_cells=64,
    pc_width=(0.2,),
    batch_size=40,
    seq_length=8,
    steps=12,
    warmup_steps=4,
    print_every=5,
)
BOTH = {"tau": True, "topoloss": True}
MODULES: dict[str, Any] = {
    "tau": True, "modules_per_side": 2, "n_grid_cells": 256, "tau_init": "random", "tau_levels": (2, 4), "DoG": False,
    "weight_decay": 0.0, "activity_cost": 0.0,
}  # fmt: skip
ATTRACTOR: dict[str, Any] = MODULES | {
    "wiring": "attractor", "tau_min": 2.4, "tau_max": 4.8, "drive": 1.0, "readout_every": 4,
}  # fmt: skip
LEARNED: dict[str, Any] = MODULES | {"wiring": "learned", "norm": "module", "tau_min": 1.25, "readout_length": 20}
LSTM: dict[str, Any] = {
    "network": "lstm", "lstm_units": 12, "head_direction_cells": 12, "activity_cost": 0.0, "readout_every": 3,
}  # fmt: skip


def settings(**changes: Any) -> TrainConfig:
    return dataclasses.replace(SMALL, **changes)


def generators(seed: int = 0) -> dict[str, torch.Generator]:
    names = ("weights", "place_cells", "walks", "held_out")
    return {name: torch.Generator().manual_seed(10 * seed + index) for index, name in enumerate(names)}


def state_of(config: TrainConfig, seed: int = 0, device: torch.device = CPU, precision: str = "fp32") -> TrainState:
    return new_state(config, device, precision, generators(seed))  # type: ignore[arg-type]


def batch_for(state: TrainState, config: TrainConfig) -> Batch:
    walks, scale = state.generators["walks"], state.length_scale(config)
    return make_batch(config, state.place_cells, walks, step=state.step + 1, scale=scale)


def context_of(state: TrainState, prediction: Prediction, batch: Batch) -> Context:
    """Return what terms of the loss look at in the next step."""
    state.prepare(state.step + 1, state.config)
    moments = read_steps(state.step + 1, state.config)
    return Context(state.network, state.place_cells, prediction, batch, state.config, state.topoloss_weight, moments)


def weights(state: TrainState) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in state.network.state_dict().items()}


def same(one: Iterable[Tensor], other: Iterable[Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def moments(state: TrainState) -> list[Tensor]:
    """Return what the optimiser remembers of every parameter."""
    return [value.clone() for kept in state.optimiser.state_dict()["state"].values() for value in kept.values()]


def run(state: TrainState, config: TrainConfig) -> list[StepRecord]:
    return list(train(state, config))
