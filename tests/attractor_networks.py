"""An attractor network that has learned nothing: its walks and maps are as many as those of one that has."""

import functools
from typing import NamedTuple

import torch

from tests.quick_evaluations import few_surrogates
from topogrid.evaluation.evaluate import evaluate
from topogrid.evaluation.results import Evaluation
from topogrid.model.network import PathIntegrator
from topogrid.settings.config import TrainConfig
from topogrid.streams import make_generators
from topogrid.trained.trained import Trained
from topogrid.world.place_cells import PlaceCells
from topogrid.world.walks import Walks, simulate_walks

CONFIG = TrainConfig(
    n_grid_cells=144, n_place_cells=48, tau=True, tau_min=2.4, tau_max=4.0, tau_init="gradient", drive=1.0, seed=3,
    wiring="attractor", modules_per_side=1, eval_walks=40, eval_bins=12, long_seconds=3.0, long_walks=12,
    error_seconds=(0.4, 1.0, 2.0, 10.0), device="cpu", precision="fp32",
)  # fmt: skip


class Subject(NamedTuple):
    """A network and its place cells."""

    network: PathIntegrator
    place_cells: PlaceCells

    def trained(self, config: TrainConfig = CONFIG) -> Trained:
        """Return both as what is measured."""
        return Trained(self.network, self.place_cells, config, 0)


@functools.cache
def untrained_attractor() -> Subject:
    """Return the network of `CONFIG`, which no test may change."""
    sources = make_generators(CONFIG.seed, "cpu", ("weights", "place_cells", "training"))
    network = PathIntegrator.from_config(CONFIG, generator=sources["weights"])
    with torch.no_grad():  # an untrained read-out is 0 and always says the same place
        for weight in (network.encoder, network.readout):
            weight.add_(torch.rand(weight.shape, generator=sources["training"]))
    return Subject(network, PlaceCells.from_config(CONFIG, sources["place_cells"]))


@functools.cache
def usual_evaluation() -> Evaluation:
    """Return its evaluation on walks as in training."""
    with few_surrogates():
        return evaluate(untrained_attractor().trained())


def walks(n_steps: int, n_walks: int = 5) -> Walks:
    """Return walks in its box."""
    return simulate_walks(
        n_walks, n_steps, box_size=CONFIG.box_size, dt=CONFIG.dt, generator=torch.Generator().manual_seed(1)
    )
