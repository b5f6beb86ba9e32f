"""How fast steps go by, and how long a run will take here: a step of every phase is rehearsed before it begins."""

from __future__ import annotations

import copy
import dataclasses
import datetime
import itertools
import math
import time
from collections.abc import Callable
from pathlib import Path

import torch

from topogrid.model.units import at_moments
from topogrid.settings.config import TrainConfig
from topogrid.settings.cost import MOST_MOMENTS, evaluation_cost
from topogrid.settings.presets import PRESETS, settings_of
from topogrid.streams import make_generators
from topogrid.training.batch import make_batch
from topogrid.training.cuda_graph import captured, on_side_stream
from topogrid.training.hardware import wait
from topogrid.training.objective import (
    TOTAL,
    Batch,
    Context,
    Phase,
    growth_steps,
    objective,
    phase_of,
    read_steps,
    readout_steps,
    tau_diversity_cost,
    tau_smoothness_cost,
    walk_length,
)
from topogrid.training.state import TrainState

REHEARSED_SHARE = 8  # a rehearsed walk has one in so many steps of the real one, and as many as one reading takes
PATIENCE = 20 * 60.0  # seconds; to a run expected to take longer, shorter presets are named
OF_A_STEP = 1e-4  # seconds that a step of an evaluation takes, however few units there are
OF_A_UNIT = 0.01  # seconds of a core in which a unit is scored against its null
WORTH_SAYING = 60.0  # seconds below which nobody minds how long something takes
MUCH_SHORTER = 0.5  # share of a run's duration below which another preset is worth naming


def expected_seconds(state: TrainState, config: TrainConfig, *, recorded: bool = False) -> float:
    """Time shortened steps on a copy of the network; nothing of the state changes.

    Parameters
    ----------
    state : TrainState
    config : TrainConfig
    recorded : bool
        Whether training replays its steps from a recording.

    Returns
    -------
    float
        Seconds that the training steps from ``state.step`` to ``config.steps`` will take, without evaluations.
    """
    twin = dataclasses.replace(state, network=copy.deepcopy(state.network), averaged=None)
    seconds = 0.0
    for phase, first, count in phases_left(state.step, config):
        if phase != "growth":
            seconds += count * _step_seconds(twin, config, first, recorded)
    grown = max(0, growth_steps(config) - state.step)
    if grown:
        seconds += grown * config.tau_own_steps * _second_time(lambda: _own_step(twin, config), twin)
    return seconds


def phases_left(done: int, config: TrainConfig) -> list[tuple[Phase, int, int]]:
    """Return each phase that is left with its next step and the number of its steps."""
    borders = {done, config.steps, growth_steps(config) if config.wiring == "attractor" else done}
    if config.wiring == "learned":
        borders.add(config.steps - readout_steps(config))
    edges = sorted(edge for edge in borders if done <= edge <= config.steps)
    return [(phase_of(low + 1, config), low + 1, high - low) for low, high in itertools.pairwise(edges)]


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

    def rehearse(_generator: torch.Generator) -> None:
        prediction = twin.predict(shorter, phase, read)
        context = Context(twin.network, twin.place_cells, prediction, shorter, config, twin.topoloss_weight, read)
        terms = objective(context, phase)
        terms[TOTAL].backward()  # type: ignore[no-untyped-call]
        twin.network.zero_grad(set_to_none=True)

    return making + _second_time(_as_taken(rehearse, twin, config, recorded), twin) * length / short


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
    cost = tau_smoothness_cost(twin.network, config) + tau_diversity_cost(twin.network, config)
    cost.backward()  # type: ignore[no-untyped-call]
    twin.network.zero_grad(set_to_none=True)


def _second_time(work: Callable[[], object], twin: TrainState) -> float:
    """Return the seconds that work takes when it is done again: the first time also makes room for it."""
    device = twin.network.encoder.device
    work()
    wait(device)
    began = time.perf_counter()
    work()
    wait(device)
    return time.perf_counter() - began


def operations(config: TrainConfig, done: int = 0) -> float:
    """Multiplications of the training steps after ``done``, as far as they grow with settings.

    Durations are compared by them.
    """
    total = 0.0
    for phase, first, count in phases_left(done, config):
        states = config.batch_size * walk_length(first, config)
        readings = len(read_steps(first, config)) * config.batch_size
        passes = 0 if phase == "growth" else 1 if phase == "readout" else 3
        work = passes * states * _of_a_step(config)
        work += 0 if phase in ("growth", "modules") else 3 * readings * config.n_grid_cells * config.n_place_cells
        if phase == "modules":
            work += 3 * config.n_grid_cells * min(states, config.isometry_states) ** 2
        total += count * work
    return total


def _of_a_step(config: TrainConfig) -> float:
    """Return the multiplications of a step of one walk, without reading the place."""
    if config.network == "lstm":
        return 4 * config.lstm_units * (config.lstm_units + 3) + config.lstm_units * config.n_grid_cells
    return config.n_grid_cells * config.n_grid_cells / config.modules_per_side**2


def evaluation_seconds(config: TrainConfig, per_operation: float) -> float:
    """Return about how long one evaluation takes, by the seconds that a multiplication of training takes here."""
    cost = evaluation_cost(config)
    readings = config.eval_walks * config.seq_length + config.long_walks * min(
        MOST_MOMENTS, config.long_seconds / config.dt
    )
    work = cost.walk_steps * _of_a_step(config) + config.n_grid_cells * readings * config.n_place_cells
    return work * per_operation + cost.steps * OF_A_STEP + config.n_grid_cells * OF_A_UNIT


def evaluations_left(done: int, config: TrainConfig, *, at_start: bool) -> int:
    """Count the evaluations after ``done`` steps: every so often, at the end, and at the start if that is one."""
    between = (config.steps - 1) // config.eval_every - done // config.eval_every
    return at_start + max(0, between) + (done < config.steps)


def shorter_presets(config: TrainConfig, seconds: float) -> list[tuple[str, float]]:
    """Return presets for this kind of network that take much less than ``seconds`` here, the longest first.

    Parameters
    ----------
    config : TrainConfig
        Of the run.
    seconds : float
        What its training will take here.

    Returns
    -------
    list of (str, float)
        Flags, such as ``--preset laptop --tau``, and the seconds they will take here, by their number of operations.
    """
    whole, found = operations(config), []
    for name in PRESETS:
        if name in ("smoke", "original", config.preset):
            continue
        wanted = {"tau": config.tau} | ({"wiring": config.wiring} if not PRESETS[name].settings.get("wiring") else {})
        of_preset = PRESETS[name].settings
        if any(of_preset.get(one, getattr(config, one)) != getattr(config, one) for one in ("wiring", "network")):
            continue
        there = TrainConfig(**settings_of(name, wanted | {"network": config.network}))
        takes = seconds * operations(there) / whole
        if takes < MUCH_SHORTER * seconds:
            flags = f"--preset {name}" + (" --tau" if config.tau else "")
            if config.network != of_preset.get("network", "leaky"):
                flags += f" --network {config.network}"
            if config.wiring not in ("dense", settings_of(name, {"tau": config.tau})["wiring"]):
                flags += f" --wiring {config.wiring}"
            found.append((flags, takes))
    return sorted(found, key=lambda one: -one[1])


def announcement(state: TrainState, config: TrainConfig, path: Path, *, at_start: bool, recorded: bool = False) -> str:
    """Say how long training will take on this machine, and which preset is really shorter where that is long.

    Parameters
    ----------
    state : TrainState
    config : TrainConfig
    path : Path
        Folder of the run, to go on with after it was stopped.
    at_start : bool
        Whether the network is evaluated before the first step.
    recorded : bool
        Whether training replays its steps from a recording, as it does on a GPU.
    """
    seconds = expected_seconds(state, config, recorded=recorded)
    work = operations(config, state.step)
    evaluation = evaluation_seconds(config, seconds / work if work else 0.0)
    times = evaluations_left(state.step, config, at_start=at_start)
    line = (
        f"Training will take about {in_words(seconds)} here, by steps just timed; on top "
        f"{'comes 1 evaluation' if times == 1 else f'come {times} evaluations'} of about {in_words(evaluation)}"
        f"{'' if times == 1 else ' each'}."
    )
    if recorded and seconds > WORTH_SAYING and not config.compile:
        line += " --compile makes such steps about twice as fast."
    line += _fewer_evaluations(state.step, config, max(seconds, WORTH_SAYING) / evaluation, at_start)
    if seconds > PATIENCE:
        shorter = [f"{flags} ({in_words(takes)})" for flags, takes in shorter_presets(config, seconds)]
        line += f" Shorter: {', '.join(shorter)}." if shorter else " Fewer --steps make it shorter."
        line += f" Ctrl-C saves, --resume {path} goes on."
    return line


def _fewer_evaluations(done: int, config: TrainConfig, as_long: float, at_start: bool) -> str:
    """Say how to evaluate more seldom where that would take longer than training, as it does on a GPU; else nothing.

    ``as_long`` is how many evaluations take as long as the steps.
    """
    most = max(1, math.floor(as_long))
    times = evaluations_left(done, config, at_start=at_start)
    for count in range(min(most, times), 0, -1):
        every = 100 * math.ceil(config.steps / count / 100)
        left = evaluations_left(done, dataclasses.replace(config, eval_every=every), at_start=at_start)
        if left <= most < times:
            told = "once, at the end" if left == 1 else f"{left} times"
            return f" Most of the time goes to evaluations: --eval_every {every} evaluates {told}."
    if most < times and at_start:
        return " Most of the time goes to evaluations: --eval_at_start false leaves out that of the untrained network."
    return ""


class Pace:
    """How fast steps go by."""

    def __init__(self, first_step: int) -> None:
        self._step = first_step
        self._time = time.perf_counter()

    def steps_per_second(self, step: int, busy_elsewhere: float) -> float:
        """Return steps a second since the last call, without the seconds that were spent on other things."""
        now = time.perf_counter()
        steps, seconds = step - self._step, now - self._time - busy_elsewhere
        self._step, self._time = step, now
        return steps / seconds if seconds > 0 else 0.0


def clock(seconds: float) -> str:
    """Write a duration as hours, minutes and seconds."""
    return "?" if math.isnan(seconds) else str(datetime.timedelta(seconds=round(seconds)))


def in_words(seconds: float) -> str:
    """Write a duration the way people say it."""
    for size, unit in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 1.5 * size:
            return f"{seconds / size:.1f} {unit}" if seconds < 10 * size else f"{seconds / size:.0f} {unit}"
    whole = max(1, round(seconds))
    return "1 second" if whole == 1 else f"{whole} seconds"
