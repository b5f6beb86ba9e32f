"""Train recipes with several seeds and write their curves into docs/recipe.

``python -m benchmarks.science.recipe_search``.

Each run is one call of ``train_grid.py`` on a 24x24 sheet with one CPU thread, several at a time. Finished runs are not
trained again, stopped ones go on, so the command can be interrupted and repeated. ``--quick`` trains smoke networks and
writes nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.document import check_writable_between, write_between
from benchmarks.science.training_runs import WantedRun, ensure_run, in_parallel
from topogrid.files import write_text_atomic
from topogrid.runs.metrics_log import read_metrics
from topogrid.tables import to_markdown

DOCUMENT, MARKER = Path("docs/recipe.md"), "seeds"
CURVES = Path("docs/recipe/seeds.jsonl")

RECIPES: dict[str, tuple[str, ...]] = {
    "rate 1e-3": ("--lr", "1e-3"),
    "rate 2e-3": ("--lr", "2e-3"),
    "rate 2e-3 rectified start": ("--lr", "2e-3", "--signed_start=false"),
    "rate 2e-3 independent starts": ("--lr", "2e-3", "--even_starts=false"),
    "rate 2e-3 tau": ("--lr", "2e-3", "--tau"),
}
"""What each recipe changes in the preset `laptop`."""

LEVELS = (40.0, 20.0)  # cm; shares are read off where the error first falls below these
KEYS = {
    "error_cm": "validation/trajectory_error_cm",
    "above_0.3": "validation/share_above_0.3",
    "above_0.8": "validation/share_above_0.8",
    "null_above_0.3": "validation/null_share_above_0.3",
    "null_above_0.8": "validation/null_share_above_0.8",
    "dead": "validation/share_dead",
}
"""What a point of a curve holds, and its tracked name."""


class Curve(NamedTuple):
    """One run of a recipe."""

    recipe: str
    flags: tuple[str, ...]
    seed: int
    points: list[dict[str, float]]
    """One for each evaluation: ``step`` and `KEYS`, shares between 0 and 1."""


def run_name(recipe: str, seed: int) -> str:
    """Name of the folder of a run."""
    return f"{recipe.replace(' ', '-')}-seed{seed}"


def wanted_run(recipe: str, seed: int, *, quick: bool) -> WantedRun:
    """Return the run of one recipe and seed."""
    size = ("--preset", "smoke") if quick else ("--preset", "dense24", "--steps", "1500", "--eval_every", "250")
    return WantedRun(run_name(recipe, seed), (*size, "--seed", str(seed), *RECIPES[recipe]))


def train(recipe: str, seed: int, folder: Path, *, quick: bool) -> Curve:
    """Train one run unless it is finished, and read its curve.

    Raises
    ------
    RuntimeError
        If training fails; the message ends with what the run said last.
    """
    run = ensure_run(wanted_run(recipe, seed, quick=quick), folder)
    return Curve(recipe, RECIPES[recipe], seed, _points(run))


def _points(run: Path) -> list[dict[str, float]]:
    evaluated = [row for row in read_metrics(run / "metrics.jsonl") if KEYS["error_cm"] in row]
    return [
        {"step": row["step"]} | {name: round(float(row[key]), 4) for name, key in KEYS.items()} for row in evaluated
    ]


def shares_at(curve: Curve, error_cm: float) -> tuple[float, float]:
    """Shares above 0.3 and 0.8 where a curve first falls below an error, interpolated; NaN if it never does."""
    errors = np.array([point["error_cm"] for point in curve.points])
    shares = np.array([[point["above_0.3"], point["above_0.8"]] for point in curve.points])
    below = np.flatnonzero(errors < error_cm)
    if not below.size or not below[0]:
        return np.nan, np.nan
    after = below[0]
    weight = (errors[after - 1] - error_cm) / (errors[after - 1] - errors[after])
    first, second = shares[after - 1] + weight * (shares[after] - shares[after - 1])
    return float(first), float(second)


def table(curves: Sequence[Curve]) -> tuple[list[str], list[list[str]]]:
    """One row for each recipe: means over seeds, and in brackets every seed's share above 0.3."""
    levels = [f"at {level:g} cm" for level in LEVELS]
    columns = ["recipe", "seeds", *levels, "at the end", "null at the end", "error, cm"]
    rows = []
    for recipe in dict.fromkeys(curve.recipe for curve in curves):
        mine = [curve for curve in curves if curve.recipe == recipe]
        ends = [curve.points[-1] for curve in mine]
        cells = [_shares([shares_at(curve, level) for curve in mine]) for level in LEVELS]
        cells.append(_shares([(end["above_0.3"], end["above_0.8"]) for end in ends]))
        cells.append(_shares([(end["null_above_0.3"], end["null_above_0.8"]) for end in ends]))
        errors = [end["error_cm"] for end in ends]
        cells.append(f"{np.mean(errors):.1f} ({', '.join(f'{error:.1f}' for error in errors)})")
        rows.append([recipe, str(len(mine)), *cells])
    return columns, rows


def _shares(pairs: Sequence[tuple[float, float]]) -> str:
    reached = [pair for pair in pairs if not np.isnan(pair[0])]
    if not reached:
        return "not reached"
    means = 100 * np.mean(reached, axis=0)
    seeds = ", ".join(f"{100 * first:.0f}" for first, _ in reached)
    return f"{means[0]:.0f} / {means[1]:.0f} ({seeds})"


def as_lines(curves: Sequence[Curve]) -> str:
    """Every curve as a line of JSON."""
    return "".join(json.dumps(_record(curve)) + "\n" for curve in curves)


def _record(curve: Curve) -> dict[str, Any]:
    return curve._asdict() | {"flags": " ".join(curve.flags)}


def main(argv: Sequence[str] | None = None) -> int:
    """Train what is missing and write the curves; returns the exit code."""
    parser = argparse.ArgumentParser(description="Compare recipes over seeds.")
    parser.add_argument("--recipes", nargs="+", choices=RECIPES, default=list(RECIPES), metavar="NAME", help="which")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2], metavar="N", help="default: 0 1 2")
    parser.add_argument("--at_once", type=int, default=os.cpu_count() or 1, help="runs at a time (default: every core)")
    parser.add_argument("--save_dir", type=Path, default=Path("runs/recipe"), help="where the runs are kept")
    parser.add_argument("--quick", action="store_true", help="smoke networks, to see that it runs; writes nothing")
    asked = parser.parse_args(argv)
    fault = None if asked.quick else check_writable_between(DOCUMENT, MARKER)
    if fault:
        print(f"recipe_search: {fault}", file=sys.stderr)
        return 2
    jobs = [(recipe, seed) for recipe in asked.recipes for seed in asked.seeds]
    folder = asked.save_dir.resolve()
    try:
        curves = in_parallel(lambda job: train(*job, folder, quick=asked.quick), jobs, asked.at_once)
    except RuntimeError as error:
        print(f"recipe_search: {error}", file=sys.stderr)
        return 1
    page = to_markdown(*table(curves))
    print(page)
    if not asked.quick:
        write_text_atomic(CURVES, as_lines(curves))
        write_between(DOCUMENT, page, MARKER)
    return 0


if __name__ == "__main__":
    sys.exit(main())
