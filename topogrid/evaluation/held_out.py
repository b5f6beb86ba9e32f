"""Walks that training never saw, and the activity of a network along them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from topogrid.evaluation.probe import AS_TRAINED, Probe
from topogrid.model.network import Feedback, PathIntegrator
from topogrid.settings.config import TrainConfig
from topogrid.settings.cost import WALKS_AT_ONCE, burn_in_steps
from topogrid.streams import make_generators
from topogrid.trained.trained import Trained
from topogrid.world.place_cells import PlaceCells
from topogrid.world.walks import Walks, join_steps, simulate_walks, split_steps

Float = NDArray[np.float64]


STEPS_AT_ONCE = 64  # bounds memory: activity is held for this many steps of `WALKS_AT_ONCE` walks


# Larger blocks go back to the system when freed, and clearing the next takes as long as walking.
_KEPT_BYTES = 24_000_000


ANCHORED_SECONDS = 10.0  # counted of every anchored walk: enough to get everywhere in the box


ANCHOR = (2e-3, 2e-3)  # metres around the middle of the box in which these start


FEWEST_ANCHORED_WALKS = 60


def tau_of(network: PathIntegrator) -> Float:
    """Return time constants ``(unit,)``, steps; ones in a plain network."""
    tau = network.units.tau
    return np.ones(network.n_units) if tau is None else tau.detach().double().cpu().numpy()


def burn_in_of(tau: Float, config: TrainConfig, probe: Probe) -> int:
    """Count the steps of the probe that are left out at the start of a walk."""
    if config.eval_burn_in == "auto":
        return burn_in_steps(float(tau.max()))
    return round(int(config.eval_burn_in) / probe.dt_factor)


class Part(NamedTuple):
    """Part of held-out walks."""

    first: int
    """Number of its first step, from 0."""
    activity: torch.Tensor
    """``(time, batch, unit)``"""
    position: torch.Tensor
    """``(time, batch, 2)``, metres, after each step."""
    displacement: torch.Tensor
    """``(time, batch, 2)``, metres, of each step."""
    start: torch.Tensor
    """``(batch, 2)``, where the walks began, metres."""


class HowMuch(NamedTuple):
    """How much of the held-out walks is counted."""

    n_walks: int
    settled: int
    """Steps of each after burn-in."""
    start: int
    """Steps of each from the first one on."""


def how_much(config: TrainConfig, probe: Probe) -> HowMuch:
    """Return how many walks are counted, and how much of each."""
    trained = probe.steps(config.seq_length)
    # A larger box takes as many more samples to cover, and longer walks to get to its far corners.
    usual = round(trained * probe.box_factor**2)
    if not probe.anchored:
        return HowMuch(config.eval_walks, usual, trained)
    seconds = ANCHORED_SECONDS / min(1, probe.speed_factor)
    covering = max(usual, round(probe.steps(seconds / config.dt) * probe.box_factor**2))
    n_walks = max(FEWEST_ANCHORED_WALKS, math.ceil(config.eval_walks * usual / covering))
    return HowMuch(n_walks, covering, covering)


def held_out_activity(
    trained: Trained,
    probe: Probe,
    generator: torch.Generator,
    burn_in: int,
    share: float = 1.0,
) -> Iterator[Part]:
    """Yield held-out walks part by part, with the activity along them; with a ``share`` below 1, so much of them."""
    config, counts = trained.config, how_much(trained.config, probe)
    if share < 1:
        fewest = min(FEWEST_ANCHORED_WALKS, counts.n_walks)
        counts = counts._replace(n_walks=max(fewest, math.ceil(share * counts.n_walks)))
    n_steps = burn_in + counts.settled
    start_box = ANCHOR if probe.anchored else config.box_size
    for done in range(0, counts.n_walks, WALKS_AT_ONCE):
        walks = walk_in_parts(config, probe, min(WALKS_AT_ONCE, counts.n_walks - done), n_steps, generator, start_box)
        for first, activity in in_parts(trained.network, trained.place_cells, walks, STEPS_AT_ONCE):
            steps = slice(first, first + len(activity))
            yield Part(first, activity, walks.position[steps], walks.displacement[steps], walks.start)


def settled_states(trained: Trained, count: int) -> Float:
    """Return states ``(sample, unit)`` of held-out walks after burn-in, evenly drawn from the first walks."""
    network, config = trained.network, trained.config
    generator = make_generators(config.seed, network.encoder.device, ("held_out_walks",))["held_out_walks"]
    burn_in = burn_in_of(tau_of(network), config, AS_TRAINED)
    kept = [
        part.activity[max(0, burn_in - part.first) :].flatten(0, 1).double().cpu().numpy()
        for part in held_out_activity(trained, AS_TRAINED, generator, burn_in)
        if part.first + len(part.activity) > burn_in
    ]
    states = np.concatenate(kept)
    return states[:: max(1, len(states) // count)][:count]


def walked_box(config: TrainConfig, probe: Probe) -> tuple[float, float]:
    """Return the sides of the box that animals walk in, metres."""
    width, height = config.box_size
    return width * probe.box_factor, height * probe.box_factor


def walk_in_parts(
    config: TrainConfig,
    probe: Probe,
    n_walks: int,
    n_steps: int,
    generator: torch.Generator,
    start_box: tuple[float, float],
) -> Walks:
    """Let animals walk for ``n_steps`` of the probe's steps."""
    box = walked_box(config, probe)
    walks = simulate_walks(
        n_walks,
        math.ceil(n_steps * probe.dt_factor),
        box_size=box,
        dt=config.dt,
        generator=generator,
        periodic=config.periodic,
        speed_factor=probe.speed_factor,
        start_box=start_box,
    )
    if probe.dt_factor < 1:
        walks = split_steps(walks, round(1 / probe.dt_factor), box_size=box, periodic=config.periodic)
    elif probe.dt_factor > 1:
        walks = join_steps(walks, round(probe.dt_factor))
    return Walks(walks.start, walks.displacement[:n_steps], walks.position[:n_steps])


def in_parts(
    network: PathIntegrator,
    place_cells: PlaceCells,
    walks: Walks,
    steps_at_once: int,
    feedback: Feedback | None = None,
    moments: Sequence[int] | None = None,
) -> Iterator[tuple[int, torch.Tensor]]:
    """Follow walks part by part.

    Parameters
    ----------
    network, place_cells
        What was trained.
    walks : Walks
    steps_at_once : int
        Length of a part; fewer on the CPU, where large ones cost more to allocate than to fill.
    feedback : Feedback, optional
        Closes the loop from the predicted place code back to the units.
    moments : sequence of int, optional
        Steps of the walks, counted from 0, in rising order, at which activity is wanted; all by default.

    Yields
    ------
    first : int
        Number of the part's first step.
    activity : Tensor, ``(time, batch, unit)``
        At the steps of the part that are wanted.
    """
    state, first = network.begin(place_cells.encode(walks.start), walks.displacement), 0
    if walks.start.device.type == "cpu":
        of_a_step = walks.start.element_size() * len(walks.start) * network.n_units
        steps_at_once = max(1, min(steps_at_once, _KEPT_BYTES // max(1, of_a_step)))
    for part in torch.split(walks.displacement, steps_at_once):
        here = None
        if moments is not None:
            here = [moment - first for moment in moments if first <= moment < first + len(part)]
        activity, state = network.walk(part, state, feedback=feedback, n_before=first, moments=here)
        yield first, activity
        first += len(part)
