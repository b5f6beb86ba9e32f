"""Train on walks of several lengths and measure where lattices form: ``python -m benchmarks.science.spacing``.

Theory puts the spacing of a network that knows where it is at 0.739 m, and trained networks have wider lattices. If the
reason is that lattices form while movement is not yet integrated, their first spacing has to follow how far an animal
gets within a training walk, and nothing else changes from row to row here. About ten minutes of one CPU core; writes
its table into docs/measurement.md. ``--quick`` runs the same code for a few steps and writes nothing.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch

from benchmarks.document import check_writable_between, write_between
from topogrid.evaluation.evaluate import evaluate
from topogrid.evaluation.summary import summarise
from topogrid.evaluation.theory import forming_line, theory_line
from topogrid.settings.config import TrainConfig
from topogrid.settings.presets import settings_of
from topogrid.streams import make_generators
from topogrid.tables import to_markdown
from topogrid.trained.trained import Trained
from topogrid.training.state import new_state
from topogrid.training.step import train

DOCUMENT = Path("docs/measurement.md")
SECTION = "spacing"
LENGTHS, SEEDS, STEPS = (5, 10, 20), (0, 1, 2), (200, 300, 1000)


def main(argv: Sequence[str] | None = None) -> int:
    """Train, print the table and write it into the document; 2 if that has no place for it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.science.spacing", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few units and steps, nothing written: does it run?")
    parser.add_argument("--into", type=Path, default=DOCUMENT, help="document to write into (default: %(default)s)")
    arguments = parser.parse_args(argv)
    problem = None if arguments.quick else check_writable_between(arguments.into, SECTION)
    if problem:
        print(f"spacing: {problem}", file=sys.stderr)
        return 2
    steps = (1, 2) if arguments.quick else STEPS
    lengths, seeds = (LENGTHS[:2], SEEDS[:1]) if arguments.quick else (LENGTHS, SEEDS)
    config = TrainConfig(**settings_of("smoke" if arguments.quick else "dense24", {}))
    rows = []
    for length in lengths:
        for seed in seeds:
            rows.append(row_of(dataclasses.replace(config, seq_length=length, seed=seed), steps))
            print(rows[-1], file=sys.stderr, flush=True)
    columns = ["steps a walk", "theory", "forming", "seed", *(f"step {step}" for step in steps)]
    print(to_markdown(columns, rows))
    if not arguments.quick:
        write_between(arguments.into, to_markdown(columns, rows), SECTION)
    return 0


def row_of(config: TrainConfig, steps: Sequence[int]) -> list[str]:
    """Train one plain network; return what theory says, and spacing, its n and the error at each of ``steps``."""
    lines = [f"{line:.3f} m" if line is not None else "-" for line in (theory_line(config), forming_line(config))]
    measured = [f"{spacing:.3f} m (n {n}), {error:.0f} cm" for spacing, n, error in measurements(config, steps)]
    return [str(config.seq_length), *lines, str(config.seed), *measured]


def measurements(config: TrainConfig, steps: Sequence[int]) -> Iterator[tuple[float, int, float]]:
    """Yield median spacing of all lattices in metres, their number and the error in cm at each of ``steps``."""
    # As many samples whatever the length of a walk, and no long walks: they are not asked about here.
    measuring = dataclasses.replace(
        config, eval_walks=max(1, config.eval_walks * 10 // config.seq_length), long_walks=1, long_seconds=config.dt
    )
    state = new_state(
        config, torch.device("cpu"), "fp32", make_generators(config.seed, "cpu", ("weights", "place_cells", "walks"))
    )
    for record in train(state, config):
        if record.step in steps:
            row = summarise(evaluate(Trained(state.network, state.place_cells, measuring, record.step)), measuring)
            n = round((1 - row["validation/spacing_nan_share"]) * config.n_grid_cells)
            yield row["validation/spacing_median_m"], n, row["validation/trajectory_error_cm"]
        if record.step >= max(steps):
            return


if __name__ == "__main__":
    sys.exit(main())
