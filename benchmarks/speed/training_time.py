"""How long a training step takes, beside a plain loop and beside its own matrix products; how that grows; memory."""

from __future__ import annotations

import dataclasses
import gc
import json
import math
import subprocess
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from tqdm import tqdm

from benchmarks.speed.plain_loop import PlainProcess
from benchmarks.speed.timing import fresh_state, interleaved, step_flop, step_products
from topogrid.model.products import Precision
from topogrid.settings.config import TrainConfig
from topogrid.settings.machine import memory_needed
from topogrid.training.batch import make_batch
from topogrid.training.hardware import choose_precision
from topogrid.training.state import TrainState
from topogrid.training.step import train_step

CPU = torch.device("cpu")
# Above this many bytes for one network, networks are not kept side by side but timed one after the other.
SIDE_BY_SIDE = 2 * 2**30


class StepTimes(NamedTuple):
    """Median seconds of one step of one kind of network at one size."""

    units: int
    kind: str
    plain_loop: float
    fp32: float
    bf16: float
    """NaN where the machine has no bf16 products."""
    fp32_products: float
    bf16_products: float
    gflop: float

    @property
    def best(self) -> float:
        """Seconds in the precision that ``auto`` takes."""
        return self.fp32 if math.isnan(self.bf16) else self.bf16

    @property
    def share_of_limit(self) -> float:
        """Share of the step that its matrix products alone would take."""
        return (self.fp32_products if math.isnan(self.bf16) else self.bf16_products) / self.best


def our_step(config: TrainConfig, precision: Precision) -> Callable[[], object]:
    """Return a function that makes a batch and learns from it, as a run does between two logged steps."""
    state = fresh_state(config, CPU, precision)
    return lambda: train_step(state, _batch(config, state), config)


def _batch(config: TrainConfig, state: TrainState) -> Any:
    return make_batch(config, state.place_cells, state.generators["walks"])


def step_times(config: TrainConfig, rounds: int, bar: tqdm[Any] | None = None) -> StepTimes:
    """Time steps and their bare products in turns; large networks one after the other, to fit in memory."""
    precisions: tuple[Precision, ...] = ("fp32",) if choose_precision("auto", CPU) == "fp32" else ("fp32", "bf16")
    makers: dict[str, Callable[[], Callable[[], object]]] = {"plain_loop": lambda: PlainProcess(config)}
    for precision in precisions:
        makers[precision] = lambda precision=precision: our_step(config, precision)
        makers[f"{precision}_products"] = lambda precision=precision: step_products(config, CPU, precision)
    if memory_needed(config) <= SIDE_BY_SIDE:
        seconds = interleaved({name: make() for name, make in makers.items()}, rounds, bar=bar)
    else:
        seconds = {}
        for name, make in makers.items():
            seconds |= interleaved({name: make()}, rounds, bar=bar)
            gc.collect()
    seconds = {"bf16": math.nan, "bf16_products": math.nan} | seconds
    kind = "tau" if config.tau else "plain"
    return StepTimes(config.n_grid_cells, kind, gflop=step_flop(config) / 1e9, **seconds)


class Growth(NamedTuple):
    """How the duration of a step grows with one setting: seconds ~ setting ** exponent between its two ends."""

    setting: str
    values: tuple[int, ...]
    seconds: tuple[float, ...]

    @property
    def exponent(self) -> float:
        """Slope between the first and the last value, both logarithmic."""
        return math.log(self.seconds[-1] / self.seconds[0]) / math.log(self.values[-1] / self.values[0])


def growth(config: TrainConfig, setting: str, values: tuple[int, ...], rounds: int) -> Growth:
    """Time a step at several values of one setting, in turns."""
    precision = choose_precision("auto", CPU)
    work = {
        str(value): our_step(dataclasses.replace(config, **{setting: value}), precision)  # type: ignore[arg-type]
        for value in values
    }
    seconds = interleaved(work, rounds)
    return Growth(setting, values, tuple(seconds[str(value)] for value in values))


def peak_memory_gib(config: TrainConfig, *, evaluate: bool) -> float:
    """Most memory that a process of its own held while it trained two steps, and evaluated where asked."""
    settings = json.dumps(dataclasses.asdict(config) | {"_evaluate": evaluate})
    command = [sys.executable, "-m", "benchmarks.speed.peak_memory"]
    done = subprocess.run(command, input=settings, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed: {done.stderr.strip().splitlines()[-1]}")
    return float(done.stdout.split()[-1])
