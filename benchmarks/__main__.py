"""Measure how fast topogrid is on this machine: ``python -m benchmarks``.

Prints one table a topic, and writes them with date, machine and versions into docs/performance.md and, as JSON, beside
it. Times are medians of runs in turns within one process, so that ratios hold on a busy machine as well. ``--quick``
runs the same code on small sizes and writes nothing.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import math
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from tqdm import tqdm

from benchmarks.document import check_writable_between, write_between
from benchmarks.speed.data_time import batch_times
from benchmarks.speed.evaluation_time import evaluation_times
from benchmarks.speed.module_time import against_dense, by_modules, by_processes, module_step
from benchmarks.speed.timing import CLOCKS, describe_machine, set_clock
from benchmarks.speed.training_time import growth, peak_memory_gib, step_times
from topogrid.files import write_json_atomic
from topogrid.settings.config import TrainConfig
from topogrid.settings.machine import machine_memory, memory_needed
from topogrid.tables import to_markdown
from topogrid.training.hardware import keep_freed_memory

DOCUMENT = Path("docs/performance.md")
TABLES = {"speed": ("step", "batch", "evaluation", "memory", "growth"), "module speed": ("modules", "processes")}
"""What is written between which markers: topics, once all of them are measured."""


@dataclasses.dataclass(frozen=True)
class Sizes:
    """How much is measured."""

    units: tuple[int, ...] = (576, 1024, 4096, 16384)
    """Sheets whose steps are timed."""
    rounds: dict[int, int] = dataclasses.field(default_factory=lambda: {576: 15, 1024: 11, 4096: 5, 16384: 1})
    """Timed rounds for each of them."""
    memory_units: tuple[int, ...] = (576, 4096, 16384)
    """Sheets whose memory is measured."""
    growth_units: tuple[int, ...] = (576, 1024, 2304, 4096)
    growth_batches: tuple[int, ...] = (50, 100, 200, 400)
    growth_lengths: tuple[int, ...] = (10, 20, 40, 80)
    growth_rounds: int = 5
    evaluated: dict[str, Any] = dataclasses.field(default_factory=lambda: {"n_grid_cells": 4096, "eval_walks": 10_000})
    """Settings of the evaluation: 10,000 walks of 20 settled steps are 200,000 samples."""
    modules: dict[str, dict[str, Any]] = dataclasses.field(
        default_factory=lambda: {
            "16x16, one learned module": {
                "preset": "laptop",
                "tau": True,
                "wiring": "learned",
                "n_grid_cells": 256,
                "modules_per_side": 1,
            },
            "36x36 attractor": {"preset": "laptop", "tau": True, "wiring": "attractor"},
            "36x36 learned": {"preset": "laptop", "tau": True, "wiring": "learned"},
            "64x64 attractor": {"preset": "sheet64", "tau": True, "wiring": "attractor"},
            "64x64 learned": {"preset": "sheet64", "tau": True, "wiring": "learned"},
        }
    )
    """Sheets with modules whose steps are timed."""
    grown_from: str = "64x64 attractor"
    """That of them which is compared with a dense sheet, and with sheets of fewer and more modules."""
    module_rounds: int = 7
    module_counts: tuple[int, ...] = (1, 2, 4, 8)
    """Modules along each side."""
    large: dict[str, Any] = dataclasses.field(
        default_factory=lambda: {"preset": "sheet128", "tau": True, "wiring": "attractor"}
    )
    """The sheet that processes share."""
    base: dict[str, Any] = dataclasses.field(default_factory=dict)
    """Settings of everything."""


QUICK = Sizes(
    units=(16, 64),
    rounds={16: 2, 64: 2},
    memory_units=(64,),
    growth_units=(16, 64),
    growth_batches=(4, 8),
    growth_lengths=(2, 4),
    growth_rounds=2,
    evaluated={"n_grid_cells": 16, "eval_walks": 40, "eval_bins": 12, "long_seconds": 0.2, "long_walks": 4},
    modules={
        "attractor": {"preset": "smoke", "tau": True, "wiring": "attractor"},
        "learned": {"preset": "smoke", "tau": True, "wiring": "learned"},
        "larger attractor": {"preset": "smoke", "tau": True, "wiring": "attractor", "n_grid_cells": 1024},
    },
    grown_from="larger attractor",
    module_rounds=2,
    module_counts=(1, 2),
    large={"preset": "smoke", "tau": True, "wiring": "attractor"},
    base={"n_place_cells": 16, "pc_width": (0.3,), "batch_size": 8, "seq_length": 4},
)


class Section(NamedTuple):
    """One measured topic."""

    name: str
    caption: str
    columns: list[str]
    rows: list[list[str]]
    values: Any
    """What was measured, for JSON."""

    def markdown(self) -> str:
        """Return caption and table."""
        return f"{self.caption}\n\n{to_markdown(self.columns, self.rows)}"


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print, write; 2 if there is no place to write into."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes, nothing written: does it run?")
    parser.add_argument(
        "--only", nargs="+", choices=sorted(TOPICS), help="measure these topics alone; writes the tables that are whole"
    )
    parser.add_argument(
        "--clock",
        choices=sorted(CLOCKS),
        default="wall",
        help="cpu: seconds of this process alone, for a busy machine, with --threads 1; writes nothing (default: wall)",
    )
    parser.add_argument("--threads", type=int, default=0, help="CPU threads (default: PyTorch's choice)")
    parser.add_argument("--units", type=int, nargs="+", help="sheets whose steps are timed; writes nothing")
    parser.add_argument("--into", type=Path, default=DOCUMENT, help="document to write into (default: %(default)s)")
    arguments = parser.parse_args(argv)
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    names = arguments.only or list(TOPICS)
    writes = not (arguments.quick or arguments.units or arguments.clock != "wall")
    whole = [table for table, topics in TABLES.items() if writes and set(topics) <= set(names)]
    for table in whole:
        problem = check_writable_between(arguments.into, table)
        if problem:
            print(f"benchmarks: {problem}", file=sys.stderr)
            return 2
    set_clock(arguments.clock)
    sizes = QUICK if arguments.quick else Sizes()
    if arguments.units:
        sizes = dataclasses.replace(sizes, units=tuple(arguments.units))
    machine = describe_machine()
    keep_freed_memory()
    sections = {}
    bar = tqdm(names, unit="topic", file=sys.stderr)
    for name in bar:
        bar.set_description(name)
        sections[name] = TOPICS[name](sizes, bar)
        tqdm.write(sections[name].markdown(), file=sys.stdout)
    for table in whole:
        _write(arguments.into, table, machine, [sections[name] for name in TABLES[table]])
    return 0


def _write(into: Path, table: str, machine: dict[str, str], sections: list[Section]) -> None:
    described = "; ".join(f"{name} {value}" for name, value in machine.items())
    text = f"Measured on: {described}.\n\n" + "\n".join(section.markdown() for section in sections)
    write_between(into, text, table)
    first = table == next(iter(TABLES))
    beside = into.with_suffix(".json") if first else into.with_name(f"{into.stem}_{table.replace(' ', '_')}.json")
    write_json_atomic(beside, {"machine": machine, **{section.name: section.values for section in sections}})
    print(f"written into {into} and {beside}", file=sys.stderr)


# --- Topics ----------------------------------------------------------------------------------------------------------


def step_section(sizes: Sizes, bar: tqdm[Any]) -> Section:
    """Whole training steps beside the plain loop and the bare products."""
    rows, values = [], []
    for units in sizes.units:
        for tau in (False, True):
            config = TrainConfig(n_grid_cells=units, tau=tau, **sizes.base)
            # Four networks' worth at once is more than the largest sheets leave room for; tau adds little to them.
            if memory_needed(config) > machine_memory() / 2 or (tau and units > max(4096, sizes.units[0])):
                continue
            times = step_times(config, sizes.rounds.get(units, 3), bar)
            values.append(times._asdict() | {"share_of_limit": times.share_of_limit})
            rows.append(
                [
                    str(units),
                    times.kind,
                    _seconds(times.plain_loop),
                    _seconds(times.fp32),
                    _seconds(times.bf16),
                    _times(times.plain_loop / times.fp32),
                    _times(times.plain_loop / times.best),
                    f"{times.gflop / times.fp32_products:.0f}",
                    "-" if math.isnan(times.bf16_products) else f"{times.gflop / times.bf16_products:.0f}",
                    f"{100 * times.share_of_limit:.0f} %",
                ]
            )
    caption = (
        "**Training step**, batch 200, 20 steps, 512 place cells, walks and place code included. `plain loop`: "
        "autograd in fp32 (benchmarks/speed/plain_loop.py). `faster`: plain loop over ours, in fp32 and in the "
        "precision that `auto` takes. `GFLOP/s`: the step's own matrix products alone, in their shapes. `share`: time "
        "of those products over that of our whole step."
    )
    columns = ["units", "network", "plain loop", "fp32", "bf16", "faster (fp32)", "faster (auto)"]
    columns += ["fp32 GFLOP/s", "bf16 GFLOP/s", "share"]
    return Section("training_step", caption, columns, rows, values)


def data_section(sizes: Sizes, _bar: tqdm[Any]) -> Section:
    """Time walks and place codes."""
    config = TrainConfig(**sizes.base)
    times = batch_times(config, rounds=3 if sizes is QUICK else 15)
    ours, numpys = times["topogrid"], times["numpy"]
    caption = (
        f"**One batch**: {config.batch_size} walks of {config.seq_length} steps with the code of "
        f"{config.n_place_cells} place cells."
    )
    rows = [
        ["topogrid", "NumPy, double precision", "faster"],
        [_seconds(ours), _seconds(numpys), _times(numpys / ours)],
    ]
    return Section("batch", caption, rows[0], rows[1:], times)


def evaluation_section(sizes: Sizes, _bar: tqdm[Any]) -> Section:
    """One evaluation and its parts."""
    config = TrainConfig(**(sizes.base | sizes.evaluated))
    times = evaluation_times(config)
    caption = (
        f"**Evaluation** of {config.n_grid_cells} units on {config.eval_walks} walks of {config.seq_length} steps, "
        f"{config.eval_bins} bins, twice (settled, and from the start). All parts up to `summarise` are in `evaluate`."
    )
    return Section(
        "evaluation", caption, ["part", "time"], [[name, _seconds(value)] for name, value in times.items()], times
    )


def memory_section(sizes: Sizes, _bar: tqdm[Any]) -> Section:
    """Peak memory of a process that trains and evaluates."""
    rows, values = [], []
    for units in sizes.memory_units:
        config = TrainConfig(n_grid_cells=units, **({"tau": True} | sizes.base))
        if memory_needed(config) > machine_memory() / 1.5:
            continue
        # A sheet of 16384 units is measured in training only: its null takes minutes.
        peaks = {which: peak_memory_gib(config, evaluate=which) for which in (False, True) if not which or units < 9000}
        values.append({"units": units, "training": peaks[False], "with_evaluation": peaks.get(True)})
        rows.append([str(units), f"{peaks[False]:.2f} GiB", f"{peaks[True]:.2f} GiB" if True in peaks else "-"])
    caption = "**Peak memory** of a whole process with a tau network, libraries included."
    return Section("memory", caption, ["units", "training", "training and evaluation"], rows, values)


def growth_section(sizes: Sizes, _bar: tqdm[Any]) -> Section:
    """How the step grows with one setting at a time."""
    small = {"n_grid_cells": sizes.units[1], **sizes.base}
    rows, values = [], []
    for setting, options in (
        ("n_grid_cells", sizes.growth_units),
        ("batch_size", sizes.growth_batches),
        ("seq_length", sizes.growth_lengths),
    ):
        grown = growth(TrainConfig(**small), setting, options, sizes.growth_rounds)
        values.append(grown._asdict() | {"exponent": grown.exponent})
        course = ", ".join(f"{value}: {_seconds(one)}" for value, one in zip(options, grown.seconds, strict=True))
        rows.append([setting, course, f"{grown.exponent:.2f}"])
    caption = (
        f"**Growth** of a step of a plain network with one setting at a time, from {sizes.units[1]} units and the "
        "defaults. `exponent`: 1 is proportional; units above 1024 tend to 2."
    )
    return Section("growth", caption, ["setting", "step", "exponent"], rows, values)


def modules_section(sizes: Sizes, bar: tqdm[Any]) -> Section:
    """Time steps of modules beside plain loops and their bare products, on one core; and beside a dense sheet."""
    configs = {name: TrainConfig(**settings) for name, settings in sizes.modules.items()}
    rows, values = [], []
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    for name, config in configs.items():
        times = module_step(name, config, sizes.module_rounds, bar)
        values.append(times._asdict())
        everything = times.all_states
        rows.append(
            [
                name,
                _seconds(times.plain),
                _seconds(times.ours),
                _times(times.plain / times.ours),
                "-" if everything is None else _seconds(everything),
                "-" if everything is None else _times(everything / times.ours),
                _seconds(times.making),
                f"{100 * times.products / times.ours:.0f} %",
                f"{100 * times.products / (times.ours - times.making):.0f} %",
            ]
        )
    torch.set_num_threads(threads)
    large = configs[sizes.grown_from]
    both = against_dense(large, max(2, sizes.module_rounds // 2))
    beside = "; ".join(
        f"{'every step' if one.every == 1 else f'every {one.every} steps'}: {_seconds(one.dense)} and "
        f"{_seconds(one.modules)}, {_times(one.dense / one.modules)} as fast"
        for one in both
    )
    caption = (
        f"All to all and in modules: a step of {large.n_grid_cells} units, all to all and in "
        f"{large.sheet.n_modules} modules (`--wiring blocks`), in fp32 with the same batches of 200 walks of 20 steps, "
        f"where both read the place code at {beside}.\n\n"
        "**Step of modules**, fp32, one thread, walks and place code included, in the phase in which the network "
        "learns. `plain loop`: autograd (benchmarks/speed/plain_modules.py), the same work. `all pairs`: the plain "
        "loop where isometry compares all states of a batch, not `--isometry_states` of them. `share`: time of the "
        "step's own matrix products, alone and in their shapes, over that of our step with and without making its "
        "batch."
    )
    columns = ["sheet", "plain loop", "ours", "faster", "all pairs", "faster than that", "batch alone"]
    columns += ["share", "share without batch"]
    measured = {"steps": values, "against_dense": [one._asdict() for one in both]}
    return Section("module_step", caption, columns, rows, measured)


def processes_section(sizes: Sizes, _bar: tqdm[Any]) -> Section:
    """Growth with the number of modules, and processes that split them."""
    config = TrainConfig(**sizes.large)
    base = TrainConfig(**sizes.modules[sizes.grown_from])
    grown = by_modules(base, sizes.module_counts, max(2, sizes.module_rounds // 2))
    counts = list(grown)
    exponents = [
        math.log(grown[more] / grown[fewer]) / math.log(more / fewer) for fewer, more in itertools.pairwise(counts)
    ]
    settings = {name: value for name, value in dataclasses.asdict(config).items() if name != "preset"}
    seconds = {count: by_processes(settings, count, max(2, sizes.module_rounds // 2)) for count in (1, 2)}
    memory = peak_memory_gib(config, evaluate=False)
    course = ", ".join(f"{count}: {_seconds(one)}" for count, one in grown.items())
    caption = (
        f"**Modules and processes.** A step with so many modules of {base.n_grid_cells // base.sheet.n_modules} units: "
        f"{course}; exponents between neighbours {', '.join(f'{one:.2f}' for one in exponents)} (1 is proportional). "
        f"A sheet of {config.n_grid_cells} units in "
        f"{config.sheet.n_modules} modules by processes of one thread each, in {memory:.2f} GiB by one:"
    )
    rows = [["1", _seconds(seconds[1]), "-"], ["2", _seconds(seconds[2]), _times(seconds[1] / seconds[2])]]
    values = {"growth": grown, "exponents": exponents, "processes": seconds, "memory_gib": memory}
    return Section("module_processes", caption, ["processes", "step", "faster"], rows, values)


TOPICS: dict[str, Callable[[Sizes, tqdm[Any]], Section]] = {
    "step": step_section,
    "batch": data_section,
    "evaluation": evaluation_section,
    "memory": memory_section,
    "growth": growth_section,
    "modules": modules_section,
    "processes": processes_section,
}


def _seconds(value: float) -> str:
    if math.isnan(value):
        return "-"
    return f"{value:.2f} s" if value >= 1 else f"{1000 * value:.1f} ms"


def _times(ratio: float) -> str:
    return f"{ratio:.2f} x"


if __name__ == "__main__":
    sys.exit(main())
