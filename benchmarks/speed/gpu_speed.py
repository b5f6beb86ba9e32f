"""How fast sheets train on a GPU, by the ways there are to take a step; `benchmarks.speed.gpu_check` runs it."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch

from benchmarks.document import write_between
from benchmarks.speed.timing import describe_machine, fresh_state, step_products, wait
from topogrid.files import write_json_atomic
from topogrid.model.products import Precision
from topogrid.settings.config import TrainConfig
from topogrid.tables import to_markdown
from topogrid.training.cuda_graph import WARM_UP_STEPS, GraphedStep
from topogrid.training.hardware import choose_precision, use_tensor_cores
from topogrid.training.objective import growth_steps
from topogrid.training.state import TrainState
from topogrid.training.step import train

TABLE = "gpu"
PRODUCT_REPEATS = 5
COLUMNS = ("sheet", "way of a step", "precision", "steps/s", "a step", "all steps", "share of the limit", "peak memory")


class Sheet(NamedTuple):
    """A sheet whose steps are timed, in the phase in which it learns."""

    name: str
    config: TrainConfig

    @property
    def is_dense(self) -> bool:
        """Whether all its units are connected."""
        return self.config.wiring == "dense"


def dense_sheets(units: Sequence[int]) -> list[Sheet]:
    """Return sheets connected all to all, without and with time constants, as ``--steps 100000`` trains them."""
    config = {"steps": 100_000, "print_every": 10**6}
    return [
        Sheet(f"{count:,} units, dense{words}", TrainConfig(n_grid_cells=count, tau=bool(words), **config))
        for count in units
        for words in ("", ", --tau")
    ]


SHEETS = tuple(
    Sheet(f"sheet64, {wiring}, --tau", TrainConfig(preset="sheet64", tau=True, wiring=wiring, print_every=10**6))
    for wiring in ("attractor", "learned")
)
"""Full sheets of modules."""


class Way(NamedTuple):
    """How a step is taken."""

    graph: bool = False
    """Replayed from a recording."""
    compiled: bool = False
    """With what ``torch.compile`` makes of the work between products."""

    def __str__(self) -> str:
        return ("graph" if self.graph else "one by one") + (", compiled" if self.compiled else "")


class Speed(NamedTuple):
    """How fast a sheet trains."""

    sheet: str
    way: str
    precision: str
    steps_per_second: float
    steps: int
    """Of its whole training."""
    share: float | None
    """Of the speed of its matrix products alone that whole steps reach; ``None`` where these were not timed."""
    peak_bytes: int
    """Most memory held on the GPU; 0 on a CPU."""

    def cells(self) -> list[str]:
        """Return the row of a table."""
        return [
            self.sheet,
            self.way,
            self.precision,
            f"{self.steps_per_second:.1f}",
            f"{1000 / self.steps_per_second:.2f} ms",
            f"{self.steps:,} in {_in_time(self.steps / self.steps_per_second)}",
            "-" if self.share is None else f"{100 * self.share:.0f} %",
            f"{self.peak_bytes / 2**30:.2f} GiB" if self.peak_bytes else "-",
        ]


def speed_of(sheet: Sheet, way: Way, device: torch.device, steps: int) -> Speed:
    """Time whole training steps, walks included; those of dense sheets beside their bare products."""
    config = dataclasses.replace(sheet.config, compile=way.compiled)
    precision: Precision = choose_precision("auto", device) if sheet.is_dense else "fp32"
    use_tensor_cores(device, precision)
    limit = 1 / _seconds_of_products(config, device, precision) if sheet.is_dense else None
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)
    state = fresh_state(config, device, precision)
    state.network.units.compiled = state.place_cells.compiled = way.compiled
    state.step = growth_steps(config) if config.wiring != "dense" else 0
    speed = _steps_per_second(state, config, steps, graph=way.graph)
    peak = torch.cuda.max_memory_allocated(device) if device.type == "cuda" else 0
    share = None if limit is None else speed / limit
    return Speed(sheet.name, str(way), precision, speed, sheet.config.steps, share, peak)


def keep(into: Path, rows: Sequence[Speed]) -> None:
    """Write rows as JSON beside a document, and their table into it."""
    record = {"machine": describe_machine(), "rows": [row._asdict() for row in rows]}
    write_json_atomic(record_path(into), record)
    write_between(into, table(record["machine"], rows), TABLE)


def record_path(into: Path) -> Path:
    """Return where the record of a document's table is kept."""
    return into.with_name(f"{into.stem}_gpu.json")


def read(path: Path) -> tuple[dict[str, str], list[Speed]]:
    """Return the machine and the rows of a record."""
    record = json.loads(path.read_text(encoding="utf-8"))
    return record["machine"], [Speed(**row) for row in record["rows"]]


def table(machine: dict[str, str], rows: Sequence[Speed]) -> str:
    """Return rows as Markdown, with the machine they were measured on."""
    told = f"{machine.get('gpu', machine['processor'])}, PyTorch {machine['torch']}, {machine['date']}."
    return f"{told}\n\n{to_markdown(COLUMNS, [row.cells() for row in rows])}"


def _in_time(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.1f} min"


def _steps_per_second(state: TrainState, config: TrainConfig, steps: int, *, graph: bool) -> float:
    """Train on from a state, first as many steps as a recording waits for, and time the next."""
    device = state.network.encoder.device
    records = train(state, config, GraphedStep(state, config, insist=True) if graph else None)
    for _ in range(WARM_UP_STEPS + 1):
        next(records)
    wait(device)
    began = time.perf_counter()
    for _ in range(steps):
        next(records)
    wait(device)
    return steps / (time.perf_counter() - began)


def _seconds_of_products(config: TrainConfig, device: torch.device, precision: Precision) -> float:
    """Return the seconds of a step's matrix products alone, with the limits of this device's memory and arithmetic."""
    products = step_products(config, device, precision)
    products()
    began = time.perf_counter()
    for _ in range(PRODUCT_REPEATS):
        products()
    return (time.perf_counter() - began) / PRODUCT_REPEATS
