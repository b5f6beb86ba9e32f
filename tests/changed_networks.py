"""Small networks that are as if they had been trained, to change one thing in, and what differs then."""

import dataclasses
import functools

import torch

from tests.quick_evaluations import few_surrogates
from topogrid.evaluation.evaluate import evaluate
from topogrid.evaluation.results import Evaluation
from topogrid.interventions.condition import Condition
from topogrid.model.network import PathIntegrator
from topogrid.settings.config import TrainConfig
from topogrid.streams import make_generators
from topogrid.trained.trained import Trained
from topogrid.world.place_cells import PlaceCells

CONFIG = TrainConfig(
    n_grid_cells=36,
    n_place_cells=32,
    tau=True,
    tau_max=6.0,
    seq_length=8,
    eval_walks=20,
    eval_bins=10,
    long_seconds=0.4,
    long_walks=4,
)
TAU_CHANGES = ("tau_x0.5", "tau_x2", "tau_flat", "tau_permuted", "tau_swapped")
BY_MODULE = ("tau_permuted_modules", "tau_reversed")  # a sheet without modules cannot have them


def subject_of(config: TrainConfig = CONFIG) -> Condition:
    """Return a network that is not at its first weights, as if it had been trained."""
    generators = make_generators(config.seed, "cpu", ("weights", "place_cells", "training"))
    network = PathIntegrator.from_config(config, generator=generators["weights"])
    with torch.no_grad():
        for parameter in (network.units.w_in, network.units.wiring.weight, network.readout):
            parameter.add_(0.02 * torch.randn(parameter.shape, generator=generators["training"]))
        if network.units.log_tau is not None:
            shift = torch.rand(config.n_grid_cells, generator=generators["training"])
            network.units.log_tau.add_(0.1 * shift).clamp_(min=0)
    return Condition(Trained(network, PlaceCells.from_config(config, generators["place_cells"]), config, 7))


@functools.cache
def usual_subject() -> Condition:
    """Return the network of `CONFIG`, which no test may change."""
    return subject_of()


@functools.cache
def usual_measures() -> Evaluation:
    """Return its evaluation."""
    with few_surrogates():
        return evaluate(usual_subject().trained)


def of_modules() -> Condition:
    """Return a network of four learned modules."""
    return subject_of(
        dataclasses.replace(
            CONFIG, n_grid_cells=64, wiring="learned", norm="module", modules_per_side=2, DoG=False, pc_width=(0.3,)
        )
    )


def weights(network: PathIntegrator) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in network.state_dict().items()}


def differing(one: PathIntegrator, other: PathIntegrator) -> set[str]:
    theirs = other.state_dict()
    return {name for name, value in one.state_dict().items() if not torch.equal(value, theirs[name])}


def tau_of(subject: Condition) -> torch.Tensor:
    tau = subject.network.units.tau
    assert tau is not None
    return tau.detach()
