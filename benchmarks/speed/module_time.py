"""How long a step of modules takes: beside a plain loop, its products, a dense sheet, more modules, more processes."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from tqdm import tqdm

from benchmarks.speed.plain_modules import PlainModules
from benchmarks.speed.timing import fresh_state, interleaved
from topogrid.model.low_rank import MOST_PATTERNS
from topogrid.model.products import module_groups
from topogrid.settings.config import TrainConfig
from topogrid.training.batch import make_batch
from topogrid.training.objective import growth_steps, read_steps, walk_length
from topogrid.training.step import train_step

CPU = torch.device("cpu")


class ModuleStep(NamedTuple):
    """Median seconds of one step of modules."""

    name: str
    plain: float
    """Autograd's, batch included."""
    all_states: float | None
    """The same, where it compares all states of a batch: of learned modules alone, which compare some."""
    ours: float
    products: float
    """Its matrix products alone, in their shapes."""
    making: float
    """Its batch alone."""


READ_BY_MODULES = 4
"""At every how-manieth step of a walk the recipe of ``--wiring blocks`` reads the place code."""


class DenseAndModules(NamedTuple):
    """Median seconds of one step of both."""

    every: int
    """At every how-manieth step of a walk both read the place code."""
    dense: float
    modules: float


def step_number(config: TrainConfig) -> int:
    """Return a step after the growth of the map of tau, in which the network learns."""
    return growth_steps(config) + 1


def our_step(config: TrainConfig) -> Callable[[], object]:
    """Return a function that makes a batch and learns from it, as a run does between two logged steps."""
    state, number = fresh_state(config, CPU, "fp32"), step_number(config)

    def step() -> None:
        state.step = number - 1
        train_step(state, _batch(config, state, number), config)

    return step


def plain_step(config: TrainConfig, *, all_states: bool = False) -> Callable[[], object]:
    """Return a function that makes a batch and learns from it by a plain loop."""
    state, number = fresh_state(config, CPU, "fp32"), step_number(config)
    loop, moments = PlainModules(state.network, config, all_states=all_states), read_steps(number, config)
    return lambda: loop.train_step(_batch(config, state, number), moments)


def _batch(config: TrainConfig, state: Any, number: int) -> Any:
    scale = state.length_scale(config)
    return make_batch(config, state.place_cells, state.generators["walks"], step=number, scale=scale)


def products_of(config: TrainConfig) -> Callable[[], object]:
    """Return a function that does the matrix products of one step of modules, in their shapes, and nothing else."""
    number = step_number(config)
    time, moments, batch = walk_length(number, config), read_steps(number, config), config.batch_size
    modules, places = config.sheet.n_modules, config.n_place_cells
    across = config.n_grid_cells // modules
    generator = torch.Generator().manual_seed(0)
    state, weights = (torch.randn(modules, rows, across, generator=generator) for rows in (batch, across))
    room = torch.empty_like(state)
    states = torch.randn(modules, time * batch, across, generator=generator)
    rows = torch.randn(len(moments) * batch, config.n_grid_cells, generator=generator)
    readout = torch.randn(places, config.n_grid_cells, generator=generator)
    logits = torch.randn(len(rows), places, generator=generator)
    encoder = torch.randn(modules, places, across, generator=generator)
    codes = torch.randn(modules, batch, places, generator=generator)
    compared = min(config.isometry_states, (time + 1) * batch)
    some = torch.randn(modules, compared, across, generator=generator)
    pairs = torch.randn(modules, compared, compared, generator=generator)
    learns = config.wiring == "learned"
    patterns = torch.randn(modules, MOST_PATTERNS, across, generator=generator)
    few_patterns = config.wiring == "attractor" and not config.learn_recurrent

    def by_patterns() -> None:
        for _ in range(2 * time):
            few = torch.bmm(patterns, state.transpose(1, 2))
            torch.bmm(few.transpose(1, 2), patterns, out=room)

    def by_weights() -> None:
        for group in module_groups(weights):
            for _ in range(time):
                torch.bmm(state[group], weights[group].transpose(1, 2), out=room[group])
                torch.bmm(state[group], weights[group], out=room[group])

    def products() -> None:
        (by_patterns if few_patterns else by_weights)()
        torch.bmm(codes, encoder)
        torch.bmm(codes.transpose(1, 2), state)
        if learns:
            torch.bmm(states.transpose(1, 2), states)
            torch.bmm(some, some.transpose(1, 2))
            torch.bmm(pairs, some)
        if moments:
            rows @ readout.t()
            logits @ readout
            logits.t() @ rows

    return products


def module_step(name: str, config: TrainConfig, rounds: int, bar: tqdm[Any] | None = None) -> ModuleStep:
    """Time a step, a plain step, its products and its batch, in turns."""
    state, number = fresh_state(config, CPU, "fp32"), step_number(config)
    work: dict[str, Callable[[], object]] = {
        "plain": plain_step(config),
        "ours": our_step(config),
        "products": products_of(config),
        "making": lambda: _batch(config, state, number),
    }
    if config.wiring == "learned":
        work["all_states"] = plain_step(config, all_states=True)
    return ModuleStep(name, **{"all_states": None} | interleaved(work, rounds, bar=bar))


def against_dense(config: TrainConfig, rounds: int) -> list[DenseAndModules]:
    """Time a step of a dense sheet and of the same sheet in modules, with the same batches; both in fp32.

    Once with the place code read in every step of a walk, once as seldom as recipes of modules read it.
    """
    every = (1, READ_BY_MODULES)
    settings = {"n_grid_cells": config.n_grid_cells, "n_place_cells": config.n_place_cells, "seed": 0}
    blocks = {"wiring": "blocks", "modules_per_side": config.modules_per_side}
    work = {}
    for one in every:
        work[f"dense {one}"] = our_step(TrainConfig(**settings, readout_every=one))
        work[f"modules {one}"] = our_step(TrainConfig(**settings, **blocks, readout_every=one))
    seconds = interleaved(work, rounds)
    return [DenseAndModules(one, seconds[f"dense {one}"], seconds[f"modules {one}"]) for one in every]


def by_modules(base: TrainConfig, counts: Sequence[int], rounds: int) -> dict[int, float]:
    """Time a step of sheets with so many modules along each side, all modules of one size."""
    across = base.sheet_side // base.modules_per_side
    work = {
        str(count): our_step(dataclasses.replace(base, n_grid_cells=(across * count) ** 2, modules_per_side=count))
        for count in counts
    }
    return {int(count) ** 2: seconds for count, seconds in interleaved(work, rounds).items()}


def by_processes(settings: dict[str, Any], count: int, steps: int) -> float:
    """Return the median seconds of a step of a network that ``count`` processes train, of one thread each."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={count}"]
    command += ["-m", "benchmarks.speed.process_steps"]
    given = json.dumps({"settings": settings, "steps": steps})
    environment = os.environ | {"OMP_NUM_THREADS": "1", "TOPOGRID_BENCHMARK": given}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed: {done.stderr.strip().splitlines()[-1]}")
    return float(done.stdout.split()[-1])
