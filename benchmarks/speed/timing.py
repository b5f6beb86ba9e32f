"""Time things against each other: in turns within one process, so that whatever slows the machine slows all of them."""

from __future__ import annotations

import datetime
import importlib.metadata
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from topogrid.model.products import Precision, multiply
from topogrid.settings.config import TrainConfig
from topogrid.streams import make_generators
from topogrid.training.hardware import wait
from topogrid.training.state import TrainState, new_state

CLOCKS: dict[str, Callable[[], float]] = {"wall": time.perf_counter, "cpu": time.process_time}
"""What can be counted: the time that passes, or that this process computes, over all its threads."""

_clock = "wall"


def set_clock(name: str) -> None:
    """Choose what every timing of this process counts, one of `CLOCKS`."""
    global _clock
    _clock = name


def chosen_clock() -> str:
    """Return the name of the clock in use."""
    return _clock


def seconds_of(work: Callable[[], object]) -> float:
    """Return how long a call takes; one that returns a float has counted its seconds itself."""
    clock = CLOCKS[_clock]
    began = clock()
    result = work()
    return result if isinstance(result, float) else clock() - began


def interleaved(
    work: Mapping[str, Callable[[], object]], rounds: int, *, warm_up: int = 1, bar: tqdm[Any] | None = None
) -> dict[str, float]:
    """Time every function once a round, ``rounds`` times.

    Returns
    -------
    dict
        Median seconds of each.
    """
    seconds: dict[str, list[float]] = {name: [] for name in work}
    for count in range(warm_up + rounds):
        for name, function in work.items():
            taken = seconds_of(function)
            if count >= warm_up:
                seconds[name].append(taken)
            if bar is not None:
                bar.set_postfix_str(name)
    return {name: statistics.median(values) for name, values in seconds.items()}


def fresh_state(config: TrainConfig, device: torch.device, precision: Precision) -> TrainState:
    """Return an untrained network with what belongs to it, drawn as a run draws it."""
    generators = make_generators(config.seed, "cpu", ("weights", "place_cells"))
    generators |= make_generators(config.seed, device, ("walks",))
    return new_state(config, device, precision, generators)


def step_flop(config: TrainConfig) -> float:
    """Multiply and add operations of one training step's products: forward, and twice as much backward."""
    samples = config.batch_size * config.seq_length
    return 6.0 * samples * config.n_grid_cells * (config.n_grid_cells + config.n_place_cells)


def step_products(config: TrainConfig, device: torch.device, precision: Precision) -> Callable[[], None]:
    """Return a function that does the matrix products of one training step, in their shapes, and nothing else."""
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    units, places, rows = config.n_grid_cells, config.n_place_cells, config.batch_size * config.seq_length

    def some(*shape: int) -> torch.Tensor:
        # Not constants: hardware spends less power, and so goes faster, on bits that do not change.
        generator = torch.Generator(device).manual_seed(0)
        return torch.randn(*shape, generator=generator, device=device).to(dtype)

    state, weights, states = some(config.batch_size, units), some(units, units), some(rows, units)
    readout, logits = some(places, units), some(rows, places)

    def products() -> None:
        for _ in range(config.seq_length):
            multiply(state, weights.t())
            multiply(state, weights)
        states.t() @ states
        multiply(states, readout.t())
        multiply(logits, readout)
        logits.t() @ states
        wait(device)

    return products


def describe_machine() -> dict[str, str]:
    """Return date, processor, threads, load and versions: what a figure has to be read with."""
    described = {
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d"),
        "processor": _processor(),
        "cores": str(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()),
        "threads": str(torch.get_num_threads()),
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in ("torch", "numpy", "scipy")},
    }
    if hasattr(os, "getloadavg"):
        described["load before"] = f"{os.getloadavg()[0]:.1f}"
    if torch.cuda.is_available():
        described["gpu"] = torch.cuda.get_device_name()
    return described


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
