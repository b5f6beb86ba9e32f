"""Everything that changes while a network is trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from topogrid.model.build import build_network
from topogrid.model.network import PathIntegrator, Prediction
from topogrid.model.products import Precision
from topogrid.runs.content import checked_step
from topogrid.settings.carried import Turn, carried, check_carried, checked_turns, learning_changes, read_carried
from topogrid.settings.config import TrainConfig
from topogrid.streams import generator_states, restore_generators
from topogrid.training.module_shares import ModuleShare, splits_modules
from topogrid.training.objective import (
    Batch,
    Phase,
    length_scale,
    predicted,
    topoloss_weight,
    training_feedback,
)
from topogrid.training.optimiser import Adam, grower_of, parameter_groups, set_learning_rate
from topogrid.training.processes import ALONE, Processes
from topogrid.training.restore import (
    checked_centres,
    checked_generators,
    checked_moments,
    checked_network,
    grown_by,
    steps_taken,
)
from topogrid.world.place_cells import PlaceCells


@dataclass
class TrainState:
    """Everything that changes while training, and so everything a checkpoint keeps."""

    config: TrainConfig
    """What it is trained with."""
    network: PathIntegrator
    optimiser: torch.optim.Optimizer
    place_cells: PlaceCells
    generators: dict[str, torch.Generator]
    step: int = 0
    turns: list[Turn] = field(default_factory=list)
    """Where it went on with other settings of learning than before."""
    processes: Processes = ALONE
    averaged: nn.Module | None = None
    """The network inside what averages its gradients over several processes."""
    share: ModuleShare | None = None
    """The modules that this process computes, where several split them."""
    grower: torch.optim.Optimizer | None = None
    """What grows the map of time constants by its own loss."""
    topoloss_weight: Tensor = field(default_factory=lambda: torch.zeros(()))
    """Scalar on the device of the network: weight of the topographic loss in the step that `prepare` made ready."""

    def prepare(self, step: int, config: TrainConfig) -> None:
        """Give a step its learning rate and the strength of its losses, in place where a recorded step reads them."""
        set_learning_rate(self.optimiser, step, config)
        if self.share is not None:
            self.share.take(self.optimiser)
        self.topoloss_weight.fill_(topoloss_weight(step, config))

    def spread(self, processes: Processes) -> None:
        """Train together with other processes; all have to call this, in the same state."""
        self.processes = processes
        if splits_modules(self.network, self.config, processes):
            self.share = ModuleShare(self.network, processes)
            return
        # Where some weights rest in some phases, gradients are averaged after the step: `average_gradients`.
        together = not processes.alone and self.network.learns_at_once
        self.averaged = processes.wrap(self.network) if together else None

    def predict(self, batch: Batch, phase: Phase = "all", moments: list[int] | None = None) -> Prediction:
        """Follow the walks of a batch and read the place code at some moments, all by default."""
        if self.share is not None:
            return self.share.predict(batch, phase, moments or [])
        looped = training_feedback(self.config, self.place_cells)
        return predicted(self.averaged or self.network, batch, phase, moments, looped)

    def gather(self) -> None:
        """Bring the weights of all processes together, before somebody looks at them; all have to call this."""
        if self.share is not None:
            self.share.gather(self.optimiser)

    def fit(self, config: TrainConfig) -> None:
        """Fit encoder and read-out to what the wiring does untrained; see `topogrid.model.wiring.base.Wiring.fit`.

        All processes have to call this.
        """
        self.gather()
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
            "turns": [(turn.step, list(turn.changes)) for turn in self.turns],
            **carried(self.config),
        } | grower

    def load_state_dict(self, state: Mapping[str, Any], where: str = "the checkpoint") -> None:
        """Go back to where ``state`` was taken. All of it is checked before any of it is used.

        Parameters
        ----------
        state : mapping
            What `state_dict` gave, perhaps in a file that somebody changed.
        where : str
            The file, for messages.

        Raises
        ------
        CheckpointError
            If anything in it is not what this network and its optimisers can have.
        SettingsError
            If it was trained with other settings of network, task, seed or batches.
        ValueError
            If a generator cannot take its saved state, as on another kind of device.
        """
        step = checked_step(state, where)
        trained = read_carried(state, where)
        check_carried(trained, self.config, where)
        turns = checked_turns(state, step, where)
        weights = checked_network(state.get("network"), self.network, where)
        centres = checked_centres(state.get("place_centres"), self.place_cells, where)
        generators = checked_generators(state.get("generators"), self.generators, where)
        moments = self._checked_moments(state, step, trained, unbroken=trained is not None and not turns, where=where)
        restore_generators(self.generators, generators)
        self.network.load_state_dict(weights)
        for optimiser, memory in moments:
            _restore(optimiser, memory)
        self.place_cells.load_state_dict({"centres": centres})
        self.step = step
        if step:  # a run saved again before its next step is saved as it was
            set_learning_rate(self.optimiser, step, self.config)
        changes = learning_changes(trained, self.config) if trained is not None and step else []
        self.turns = turns + ([Turn(step, tuple(changes))] if changes else [])

    def _checked_moments(
        self, state: Mapping[str, Any], step: int, trained: TrainConfig | None, *, unbroken: bool, where: str
    ) -> list[tuple[torch.optim.Optimizer, dict[int, dict[str, Tensor]]]]:
        """Return what every optimiser remembers of each weight, by its ``id``."""
        config = trained or self.config
        names = {id(weight): name for name, weight in self.network.named_parameters()}
        groups = parameter_groups(self.network, config)
        if trained is None:  # scales may have been changed since
            groups = [group | {"lr_scale": None} for group in groups]
        taken = {name: steps_taken(name, step, config, unbroken=unbroken) for name in names.values()}
        saved, what = state.get("optimiser"), f"the optimiser in {where}"
        found = [(self.optimiser, checked_moments(saved, self.optimiser, names, groups, taken, what))]
        if self.grower is not None:
            grown = {name: grown_by(step, config, unbroken=unbroken) for name in names.values()}
            saved, what, groups = state.get("grower"), f"the grower in {where}", self.grower.param_groups
            found.append((self.grower, checked_moments(saved, self.grower, names, groups, grown, what)))
        by_id = {name: weight for weight, name in names.items()}
        return [(one, {by_id[name]: memory for name, memory in memories.items()}) for one, memories in found]


def _restore(optimiser: torch.optim.Optimizer, memory: Mapping[int, Mapping[str, Tensor]]) -> None:
    """Give an optimiser its memory back; how it steps stays as the settings made it."""
    fresh = optimiser.state_dict()
    weights = [weight for group in optimiser.param_groups for weight in group["params"]]
    fresh["state"] = {number: dict(memory[id(weight)]) for number, weight in enumerate(weights) if id(weight) in memory}
    optimiser.load_state_dict(fresh)


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
    network = build_network(config, precision=precision, generator=generators["weights"]).to(device)
    optimiser = Adam(parameter_groups(network, config), fused=device.type != "meta")
    state = TrainState(config, network, optimiser, place_cells, generators, grower=grower_of(network, config))
    state.topoloss_weight = torch.zeros((), device=device)
    if fitted and device.type != "meta":
        state.fit(config)
    return state
