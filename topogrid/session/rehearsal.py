"""How long steps take here: shortened steps of every phase are rehearsed on a copy of the network before training."""

from __future__ import annotations

import copy
import dataclasses
import time
from collections.abc import Callable
from typing import NamedTuple

import torch

from topogrid.model.units import at_moments
from topogrid.settings.config import TrainConfig
from topogrid.streams import make_generators
from topogrid.training.batch import make_batch
from topogrid.training.cuda_graph import captured, on_side_stream
from topogrid.training.hardware import wait
from topogrid.training.objective import (
    TOTAL,
    Batch,
    Context,
    growth_steps,
    objective,
    phase_of,
    phases_left,
    read_steps,
    tau_map_cost,
    walk_length,
)
from topogrid.training.state import TrainState

REPEATS, LONG = 3, 1.0  # times that a step is timed, and seconds after which there is no further time
REHEARSED_SHARE = 8  # a rehearsed walk has one in so many steps of the real one, and as many as one reading takes


class Rehearsed(NamedTuple):
    """Steps of one kind, and what one of them takes."""

    first: int
    """The step they begin with."""
    steps: int
    seconds: float
    """Of one step."""


def rehearse(state: TrainState, config: TrainConfig, *, recorded: bool = False) -> list[Rehearsed]:
    """Time shortened steps on a copy of the network; nothing of the state changes.

    Parameters
    ----------
    state : TrainState
    config : TrainConfig
    recorded : bool
        Whether training replays its steps from a recording.

    Returns
    -------
    list of Rehearsed
        The training steps from ``state.step`` to ``config.steps``, without evaluations. Where tau grows beside other
        steps, they come twice: as steps, and as what growth adds to them.
    """
    twin = dataclasses.replace(state, network=copy.deepcopy(state.network), averaged=None)
    found = [
        Rehearsed(first, count, _step_seconds(twin, config, first, recorded))
        for phase, first, count in phases_left(state.step, config)
        if phase != "growth"
    ]
    grown = max(0, growth_steps(config) - state.step)
    if grown:
        own = _second_time(lambda: _own_step(twin, config), twin)
        found.append(Rehearsed(state.step + 1, grown, config.tau_own_steps * own))
    return found


def _step_seconds(twin: TrainState, config: TrainConfig, step: int, recorded: bool) -> float:
    walks = _generator(twin, config)
    phase, moments = phase_of(step, config), read_steps(step, config)
    length = walk_length(step, config)
    scale = twin.length_scale(config) if phase == "modules" else None

    def make(generator: torch.Generator) -> Batch:
        return make_batch(config, twin.place_cells, generator, step=step, scale=scale)

    whole, making = make(walks), 0.0
    if phase == "modules":  # these walks are short already
        short = length
        making = _second_time(_as_taken(make, twin, config, recorded), twin)
    else:
        short = min(length, max(moments[0] + 1, length // REHEARSED_SHARE))
    position, read = whole.position[:short], [moment for moment in moments if moment < short]
    code = whole.code if phase == "modules" else twin.place_cells.encode(at_moments(position, read))
    shorter = whole._replace(displacement=whole.displacement[:short], position=position, code=code)
    shorter = shorter._replace(kept=whole.kept[: len(read)])

    def once(_generator: torch.Generator) -> None:
        prediction = twin.predict(shorter, phase, read)
        context = Context(twin.network, twin.place_cells, prediction, shorter, config, twin.topoloss_weight, read)
        terms = objective(context, phase)
        terms[TOTAL].backward()  # type: ignore[no-untyped-call]
        twin.network.zero_grad(set_to_none=True)

    return making + _second_time(_as_taken(once, twin, config, recorded), twin) * length / short


def _generator(twin: TrainState, config: TrainConfig) -> torch.Generator:
    return make_generators(config.seed, twin.network.encoder.device, ("rehearsal",))["rehearsal"]


def _as_taken(
    work: Callable[[torch.Generator], object], twin: TrainState, config: TrainConfig, recorded: bool
) -> Callable[[], object]:
    """Return work of a step the way training does it: replayed from a recording, or as it is."""
    generator = _generator(twin, config)
    if not recorded:
        return lambda: work(generator)
    device = twin.network.encoder.device
    on_side_stream(lambda: work(generator), torch.cuda.Stream(device))  # type: ignore[no-untyped-call]
    try:
        return captured(lambda: work(generator), generator)[1]
    except RuntimeError:
        # As training: the gradients were never filled, and the generator may believe that it is still being recorded.
        twin.network.zero_grad(set_to_none=True)
        fresh = _generator(twin, config)
        return lambda: work(fresh)


def _own_step(twin: TrainState, config: TrainConfig) -> None:
    tau_map_cost(twin.network, config).backward()  # type: ignore[no-untyped-call]
    twin.network.zero_grad(set_to_none=True)


def _second_time(work: Callable[[], object], twin: TrainState) -> float:
    """Return the seconds that work takes when it is done again: the first time also makes room for it.

    The quickest of a few times, unless these are long: other programs may take the cores away for a moment.
    """
    device = twin.network.encoder.device
    work()
    wait(device)
    taken: list[float] = []
    while len(taken) < REPEATS and sum(taken) < LONG:
        began = time.perf_counter()
        work()
        wait(device)
        taken.append(time.perf_counter() - began)
    return min(taken)
