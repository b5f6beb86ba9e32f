"""How long until a run's network worked.

``python -m benchmarks.science.time_to_grids tau_imgs/dense64-plain/record ...``.

Reads the rows of ``metrics.jsonl``, each of which has the time it was written at. A network *works* from the first
evaluation on at which its error is below ``--error`` and both shares of grid scores are within ``--points`` of a
reference: of the same run's last evaluation, or of the run given by ``--reference``. Evaluations, figures and
checkpoints count, a pause between a run and its resumption does not.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from topogrid.runs.metrics_log import read_metrics
from topogrid.tables import to_markdown

ERROR, SHARES = "validation/trajectory_error_cm", ("validation/share_above_0.3", "validation/share_above_0.8")
# Saving and drawing take seconds; what is longer than this beyond steps and evaluation is a pause.
PAUSE = 120.0  # seconds

Row = dict[str, float]


class Moment(NamedTuple):
    """An evaluation and when it was done."""

    minutes: float
    """Since the run began, pauses left out."""
    row: Row


def moments(rows: Sequence[Row]) -> list[Moment]:
    """Every evaluation of a run with its time.

    Raises
    ------
    ValueError
        If there is none, or rows have no time.
    """
    evaluated = []
    if any("time" not in row for row in rows):
        raise ValueError("its rows have no time; only runs of this version of topogrid can be read")
    seconds, before = 0.0, None
    for row in rows:
        seconds += _work(row, before)
        before = row
        if ERROR in row:
            evaluated.append(Moment(seconds / 60, row))
    if not evaluated:
        raise ValueError("it was never evaluated")
    return evaluated


def _work(row: Row, before: Row | None) -> float:
    """Seconds between two rows without the pause between them; before the first row, the evaluation it tells of."""
    if before is None:
        return row.get("perf/eval_seconds", 0.0)
    passed = row["time"] - before["time"]
    accounted = (row["step"] - before["step"]) * row.get("perf/step_ms", 0.0) / 1000 + row.get("perf/eval_seconds", 0.0)
    return accounted if passed - accounted > PAUSE else passed


def first_working(evaluated: Sequence[Moment], reference: Row, error_cm: float, points: float) -> Moment | None:
    """Return the first evaluation at which the network works, ``None`` if there is none."""
    for moment in evaluated:
        near = all(100 * abs(moment.row[share] - reference[share]) <= points for share in SHARES)
        if moment.row[ERROR] < error_cm and near:
            return moment
    return None


def describe(run: Path, reference: Row | None, error_cm: float, points: float) -> list[list[str]]:
    """Rows of the table for one run: every evaluation, with the first at which the network works marked."""
    evaluated = moments(read_metrics(run / "metrics.jsonl"))
    working = first_working(evaluated, reference or evaluated[-1].row, error_cm, points)
    return [
        [
            str(run),
            f"{moment.row['step']:.0f}",
            f"{moment.minutes:.1f}",
            f"{moment.row[ERROR]:.1f}",
            *(f"{100 * moment.row[share]:.1f}" for share in SHARES),
            "works" if moment is working else "",
        ]
        for moment in evaluated
    ]


def main(argv: Sequence[str] | None = None) -> int:
    """Print one table of all runs; 2 if one of them cannot be read."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.science.time_to_grids", description=__doc__)
    parser.add_argument("runs", type=Path, nargs="+", help="folders with a metrics.jsonl")
    parser.add_argument("--reference", type=Path, help="run whose last evaluation the shares are compared with")
    parser.add_argument("--error", type=float, default=10.0, help="cm (default: %(default)s)")
    parser.add_argument("--points", type=float, default=5.0, help="percentage points (default: %(default)s)")
    asked = parser.parse_args(argv)
    table: list[list[str]] = []
    for run in [*asked.runs, *([asked.reference] if asked.reference else [])]:
        if not (run / "metrics.jsonl").is_file():
            print(f"time_to_grids: {run} has no metrics.jsonl; give the folder of a run or its record", file=sys.stderr)
            return 2
    try:
        reference = moments(read_metrics(asked.reference / "metrics.jsonl"))[-1].row if asked.reference else None
        for run in asked.runs:
            table += describe(run, reference, asked.error, asked.points)
    except ValueError as error:
        print(f"time_to_grids: {run}: {error}", file=sys.stderr)
        return 2
    columns = ["run", "step", "minutes", "error, cm", "GS > 0.3, %", "GS > 0.8, %", ""]
    print(to_markdown(columns, table))
    return 0


if __name__ == "__main__":
    sys.exit(main())
