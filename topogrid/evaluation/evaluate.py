"""Run a trained network along walks it never saw and measure its units. The only place where torch becomes NumPy.

Rate maps come twice. ``settled`` maps are taken after every unit has forgotten its first state; ``start`` maps are
taken from the first step on, as is common, when a slow unit still holds the encoder's view of where the walk began.
The difference between them is a result of its own: the part of a unit's tuning that path integration did not make.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import torch

from topogrid.analysis.maps.lattice import scores_and_lattice
from topogrid.analysis.maps.units import measure_units
from topogrid.evaluation.decoding import measure_decoding
from topogrid.evaluation.held_out import burn_in_of, held_out_activity, tau_of
from topogrid.evaluation.maps import accumulator_of, count_rates, stream_rate_maps
from topogrid.evaluation.probe import AS_TRAINED, Probe
from topogrid.evaluation.results import Evaluation, Glance
from topogrid.settings.config import TrainConfig
from topogrid.streams import make_generators, numpy_generator
from topogrid.trained.trained import Trained

STAGES = ("walks", "settled maps against their null", "maps from the start against theirs", "long walks")
"""What an evaluation does, in its order."""


@torch.no_grad()
def evaluate(
    trained: Trained,
    *,
    probe: Probe = AS_TRAINED,
    progress: Callable[[str], None] = lambda stage: None,
) -> Evaluation:
    """Measure a network on held-out walks.

    The walks and the surrogates depend on ``config.seed`` alone, so two evaluations of one run see the same animals and
    training's random stream is not touched.

    Parameters
    ----------
    trained : Trained
        Its settings name the box, walks, bins and burn-in; its step goes into the result.
    probe : Probe
        How the animals walk where that differs from training.
    progress : callable
        Told each of `STAGES` when it begins.

    Returns
    -------
    Evaluation
    """
    began = time.perf_counter()
    network, config = trained.network, trained.config
    generators = make_generators(config.seed, network.encoder.device, ("held_out_walks", "held_out_long_walks"))
    rng = numpy_generator(config.seed, "surrogate maps")
    tau = tau_of(network)
    burn_in = burn_in_of(tau, config, probe)
    walks, settled_maps, start_maps, long_walks = STAGES
    progress(walks)
    maps = stream_rate_maps(trained, probe, generators["held_out_walks"], burn_in)
    progress(settled_maps)
    settled = measure_units(maps.settled, rng, n_surrogates=surrogates_of(config))
    progress(start_maps)
    start = measure_units(maps.start, rng, n_surrogates=surrogates_of(config))
    progress(long_walks)
    return Evaluation(
        step=trained.step,
        tau=tau,
        burn_in=burn_in,
        settled=settled,
        start=start,
        negative_share=maps.negative_share,
        decoding=measure_decoding(trained, probe, maps, generators["held_out_long_walks"]),
        seconds_taken=time.perf_counter() - began,
    )


def surrogates_of(config: TrainConfig) -> int | None:
    """Return how many surrogate maps a unit gets; ``None`` where the test says how many it needs."""
    return None if config.eval_surrogates == "auto" else int(config.eval_surrogates)


@torch.no_grad()
def glance(trained: Trained, *, probe: Probe = AS_TRAINED, share: float = 1.0) -> Glance:
    """Measure the settled lattices of a network, and nothing else: no null, no start view, no long walks.

    The walks are those of `evaluate`, and so are the maps.

    Parameters
    ----------
    trained, probe
        See `evaluate`.
    share : float
        Of its walks; below 1 the maps are of fewer.

    Returns
    -------
    Glance
    """
    network, config = trained.network, trained.config
    generator = make_generators(config.seed, network.encoder.device, ("held_out_walks",))["held_out_walks"]
    tau = tau_of(network)
    burn_in = burn_in_of(tau, config, probe)
    accumulator = accumulator_of(config, probe)
    for first, activity, position, _displacement, _start in held_out_activity(
        trained, probe, generator, burn_in, share
    ):
        once_settled = slice(max(0, burn_in - first), None)
        count_rates(accumulator, position[once_settled].flatten(0, 1), activity[once_settled].flatten(0, 1))
    maps = accumulator.rate_maps()
    return Glance(trained.step, tau, burn_in, maps, *scores_and_lattice(maps, maps.box_size))
