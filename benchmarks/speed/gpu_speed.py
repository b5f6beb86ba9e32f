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
from benchmarks.speed.timing import describe_machine, fresh_state, step_products
from topogrid.files import write_json_atomic
from topogrid.model.products import Precision
from topogrid.settings.config import TrainConfig
from topogrid.tables import to_markdown
from topogrid.training.cuda_graph import WARM_UP_STEPS, GraphedStep
from topogrid.training.hardware import choose_precision, use_tensor_cores, wait
from topogrid.training.objective import growth_steps
from topogrid.training.state import TrainState
from topogrid.training.step import train

TABLE = "gpu"
PRODUCT_REPEATS = 5
COLUMNS = ("sheet", "way of a step", "precision", "steps/s", "a step", "100,000 steps", "share of the limit")


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
    """In the phase in which the sheet learns, walks included."""
    limit_seconds: float | None
    """Of the matrix products of a step alone; ``None`` where these were not timed."""


def speed_of(sheet: Sheet, way: Way, device: torch.device, steps: int) -> Speed:
    """Time whole training steps, walks included; those of dense sheets beside their bare products."""
    config = dataclasses.replace(sheet.config, compile=way.compiled)
    precision: Precision = choose_precision("auto", device) if sheet.is_dense else "fp32"
    use_tensor_cores(device, precision)
    limit = _seconds_of_products(config, device, precision) if sheet.is_dense else None
    state = fresh_state(config, device, precision)
    state.network.units.compiled = state.place_cells.compiled = way.compiled
    state.step = growth_steps(config)
    return Speed(sheet.name, str(way), precision, _steps_per_second(state, config, steps, graph=way.graph), limit)


def cells(row: Speed, rows: Sequence[Speed]) -> list[str]:
    """Return a row of the table; the limit of a sheet is the shortest that was measured for any of its rows."""
    limits = [one.limit_seconds for one in rows if one.sheet == row.sheet and one.limit_seconds is not None]
    dense = bool(limits)
    return [
        row.sheet,
        row.way,
        row.precision,
        f"{row.steps_per_second:.1f}",
        f"{1000 / row.steps_per_second:.2f} ms",
        # The steps of modules are not all of one kind.
        f"{100_000 / row.steps_per_second / 60:.1f} min" if dense else "-",
        f"{100 * min(limits) * row.steps_per_second:.0f} %" if dense else "-",
    ]


def keep(into: Path, rows: Sequence[Speed], checks: Sequence[str], steps: int) -> None:
    """Write a record beside a document, and its table into it."""
    record = {"machine": describe_machine(), "checks": list(checks), "timed_steps": steps}
    write_json_atomic(record_path(into), record | {"rows": [row._asdict() for row in rows]})
    write_between(into, table(record_path(into)), TABLE)


def record_path(into: Path) -> Path:
    """Return where the record of a document's table is kept."""
    return into.with_name(f"{into.stem}_gpu.json")


def table(path: Path) -> str:
    """Return a record as Markdown: on which machine, what was compared, and how fast steps are."""
    record = json.loads(path.read_text(encoding="utf-8"))
    machine, rows = record["machine"], [Speed(**row) for row in record["rows"]]
    told = f"{machine.get('gpu', machine['processor'])}, PyTorch {machine['torch']}, {machine['date']}; "
    told += f"{record['timed_steps']} steps of each were timed."
    compared = "\n".join(f"* {line}" for line in record["checks"])
    return f"{compared}\n\n{told}\n\n{to_markdown(COLUMNS, [cells(row, rows) for row in rows])}"


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
    """Return the seconds of a step's matrix products alone."""
    products = step_products(config, device, precision)
    for _ in range(PRODUCT_REPEATS):  # a GPU is slow at first
        products()
    began = time.perf_counter()
    for _ in range(PRODUCT_REPEATS):
        products()
    return (time.perf_counter() - began) / PRODUCT_REPEATS
