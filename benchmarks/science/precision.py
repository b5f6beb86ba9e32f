"""Is a network trained with bf16 products the same science? Writes a table into docs/performance.md.

``python -m benchmarks.science.precision`` trains a 24x24 sheet with three seeds in fp32 and in bf16, each with one
CPU thread, several at a time. Finished runs are not trained again, stopped ones go on. ``--quick`` trains smoke
networks and writes nothing.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.document import check_writable_between, write_between
from benchmarks.science.training_runs import WantedRun, ensure_run, in_parallel
from benchmarks.speed.timing import describe_machine
from topogrid.runs.metrics_log import read_metrics
from topogrid.tables import to_markdown

DOCUMENT = Path("docs/performance.md")
TABLES = "precision"
PRECISIONS = ("fp32", "bf16")


class Measure(NamedTuple):
    """A figure of the last evaluation that is compared."""

    heading: str
    key: str
    factor: float
    decimals: int


MEASURES = (
    Measure("20-step error, cm", "validation/trajectory_error_cm", 1, 2),
    Measure("10 s error, cm", "validation/long_error_cm", 1, 1),
    Measure("GS > 0.3, %", "validation/share_above_0.3", 100, 1),
    Measure("GS > 0.8, %", "validation/share_above_0.8", 100, 1),
    Measure("median spacing, m", "validation/spacing_median_m", 1, 3),
)

Results = Mapping[tuple[str, int], Mapping[str, float]]
"""Last evaluation by precision and seed."""


def wanted_run(precision: str, seed: int, steps: int, *, quick: bool) -> WantedRun:
    """Return the run of one precision and seed."""
    size = (
        ("--preset", "smoke") if quick else ("--preset", "dense24", "--steps", str(steps), "--eval_every", str(steps))
    )
    return WantedRun(f"{precision}-seed{seed}", (*size, "--seed", str(seed), "--precision", precision))


def last_evaluation(run: Path) -> dict[str, float]:
    """Return the row of metrics of the last evaluation of a run."""
    return [row for row in read_metrics(run / "metrics.jsonl") if MEASURES[0].key in row][-1]


def table(results: Results) -> tuple[list[str], list[list[str]]]:
    """One row a measure: every seed in both precisions, the mean difference, and the spread of the fp32 seeds."""
    seeds = sorted({seed for _, seed in results})
    columns = ["measure", *(f"{precision}, seeds {_listed(seeds)}" for precision in PRECISIONS)]
    columns += ["bf16 - fp32", "range of fp32", "within"]
    rows = []
    for measure in MEASURES:
        fp32, bf16 = (
            [measure.factor * results[precision, seed][measure.key] for seed in seeds] for precision in PRECISIONS
        )
        difference, spread = statistics.mean(bf16) - statistics.mean(fp32), max(fp32) - min(fp32)
        texts = [[f"{value:.{measure.decimals}f}" for value in values] for values in (fp32, bf16)]
        within = "yes" if abs(difference) <= spread else "no"
        numbers = [f"{difference:+.{measure.decimals}f}", f"{spread:.{measure.decimals}f}"]
        rows.append([measure.heading, *(" / ".join(each) for each in texts), *numbers, within])
    return columns, rows


def _listed(seeds: Sequence[int]) -> str:
    return " / ".join(map(str, seeds))


def main(argv: Sequence[str] | None = None) -> int:
    """Train what is missing, compare, write; 1 if a run fails, 2 if there is no place to write into."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.science.precision", description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], metavar="N", help="default: 0 1 2")
    parser.add_argument("--steps", type=int, default=1500, help="steps of every run (default: %(default)s)")
    parser.add_argument("--at_once", type=int, default=os.cpu_count() or 1, help="runs at a time (default: every core)")
    parser.add_argument("--save_dir", type=Path, default=Path("runs/precision"), help="where the runs are kept")
    parser.add_argument("--into", type=Path, default=DOCUMENT, help="document to write into (default: %(default)s)")
    parser.add_argument("--quick", action="store_true", help="smoke networks, to see that it runs; writes nothing")
    asked = parser.parse_args(argv)
    problem = None if asked.quick else check_writable_between(asked.into, TABLES)
    if problem:
        print(f"precision: {problem}", file=sys.stderr)
        return 2
    jobs = [(precision, seed) for precision in PRECISIONS for seed in asked.seeds]
    folder = asked.save_dir.resolve()
    try:
        paths = in_parallel(
            lambda job: ensure_run(wanted_run(*job, asked.steps, quick=asked.quick), folder), jobs, asked.at_once
        )
    except RuntimeError as error:
        print(f"precision: {error}", file=sys.stderr)
        return 1
    page = to_markdown(*table({job: last_evaluation(path) for job, path in zip(jobs, paths, strict=True)}))
    print(page)
    if not asked.quick:
        machine = describe_machine()
        about = f"{asked.steps} steps of `--preset dense24`, {machine['date']}, torch {machine['torch']}."
        write_between(asked.into, f"{about}\n\n{page}", TABLES)
    return 0


if __name__ == "__main__":
    sys.exit(main())
