"""The step that topogrid's is compared with: a plain autograd loop in fp32, built the way TopographicGridCells is.

One ``F.linear`` per time step for movement and one for the units, states stacked at the end, PyTorch's default Adam,
clipping, and every metric read back with ``.item()`` in every step. Same first weights, same batches.

``python -m benchmarks.speed.plain_loop`` takes steps in a process of its own, as `PlainProcess` asks it to: topogrid
tells the C library to keep freed memory, and what is compared with it must not profit from that.
"""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.speed.timing import CLOCKS, chosen_clock, fresh_state
from topogrid.model.network import PathIntegrator
from topogrid.settings.config import TrainConfig
from topogrid.training import losses
from topogrid.training.batch import make_batch
from topogrid.training.objective import Batch
from topogrid.world.place_cells import PlaceCells


class PlainLoop(nn.Module):
    """A path integrator as one would first write it.

    Parameters
    ----------
    network : PathIntegrator
        Where its first weights are copied from.
    config : TrainConfig
        Learning rate, clipping and the weights of the loss terms.
    """

    def __init__(self, network: PathIntegrator, config: TrainConfig) -> None:
        super().__init__()
        self.config = config
        units = network.units
        self.encoder, self.w_in, self.w_rec, self.readout = (
            nn.Parameter(weight.detach().clone())
            for weight in (network.encoder, units.w_in, units.wiring.weight, network.readout)
        )
        self.tau = None if units.tau is None else nn.Parameter(units.tau.detach().clone())
        self.optimiser = torch.optim.Adam(self.parameters(), lr=config.lr)

    def forward(self, start_code: Tensor, displacement: Tensor) -> tuple[Tensor, Tensor]:
        """Return activity ``(time, batch, unit)`` and logits ``(time, batch, place)``."""
        state = functional.linear(start_code, self.encoder)
        if not self.config.starts_signed:
            state = torch.relu(state)
        states = []
        for move in displacement:
            drive = torch.relu(functional.linear(move, self.w_in) + functional.linear(state, self.w_rec))
            state = drive if self.tau is None else state + (drive - state) / self.tau
            states.append(state)
        activity = torch.stack(states)
        return activity, functional.linear(activity, self.readout)

    def loss_terms(self, activity: Tensor, logits: Tensor, code: Tensor) -> dict[str, Tensor]:
        """Return the weighted terms of topogrid's default objective, the obvious way."""
        config = self.config
        terms = {
            "ce": -(code * functional.log_softmax(logits, dim=-1)).sum(dim=-1).mean(),
            "reg": config.weight_decay * (self.w_rec**2).sum(),
            "activity": config.activity_cost * (activity**2).mean(),
        }
        if self.tau is not None:
            bounds = (config.tau_min, config.tau_max)
            terms["smoothness"] = config.tau_smoothness_weight * losses.tau_smoothness(self.tau)
            diversity = losses.tau_diversity(self.tau, config.tau_diversity, bounds)
            terms["diversity"] = config.tau_variance_weight * diversity
        return terms

    def train_step(self, batch: Batch, place_cells: PlaceCells) -> dict[str, float]:
        """Learn from one batch; returns the metrics, each read back on its own."""
        activity, logits = self(batch.start_code, batch.displacement)
        terms = self.loss_terms(activity, logits, batch.code)
        total = torch.stack(list(terms.values())).sum()
        self.optimiser.zero_grad()
        total.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.parameters(), self.config.grad_clip)
        self.optimiser.step()
        if self.tau is not None:
            with torch.no_grad():
                self.tau.clamp_(self.config.tau_min, self.config.tau_max)
        with torch.no_grad():
            error = place_cells.error(place_cells.decode(logits), batch.position).mean()
        return {name: term.item() for name, term in terms.items()} | {"total": total.item(), "error": error.item()}


class PlainProcess:
    """A plain loop in a process of its own, which takes a step whenever it is called.

    Parameters
    ----------
    config : TrainConfig
    """

    def __init__(self, config: TrainConfig) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.speed.plain_loop"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._ask({"config": dataclasses.asdict(config), "threads": torch.get_num_threads(), "clock": chosen_clock()})

    def __call__(self) -> float:
        """Take a step; returns its seconds as the process itself counted them."""
        return self._ask("step")

    def __del__(self) -> None:
        """End the process, which waits for the next question."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        self._process.wait()

    def _ask(self, question: object) -> float:
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise RuntimeError("the process of the plain loop has no pipes")
        stdin.write(json.dumps(question) + "\n")
        stdin.flush()
        answer = stdout.readline()
        if not answer:
            raise RuntimeError(f"the process of the plain loop ended with {self._process.wait()}")
        return float(answer)


def main() -> int:
    """Answer questions: settings first, then a step for every line."""
    asked = json.loads(sys.stdin.readline())
    torch.set_num_threads(asked["threads"])
    clock = CLOCKS[asked["clock"]]
    config = TrainConfig(**asked["config"])
    state = fresh_state(config, torch.device("cpu"), "fp32")
    loop = PlainLoop(state.network, config)
    place_cells, generator = state.place_cells, state.generators["walks"]
    del state
    print(0.0, flush=True)
    for _ in sys.stdin:
        began = clock()
        loop.train_step(make_batch(config, place_cells, generator), place_cells)
        print(clock() - began, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
