"""``python -m topogrid COMMAND``: everything that is not training."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from tqdm import tqdm

from topogrid.analysis.figures import followed_walk, save_figure
from topogrid.config import SettingsError, TrainConfig
from topogrid.evaluation import evaluate, follow, save_evaluation, summarise, unit_rows
from topogrid.gallery import coupling_of, draw_evaluation
from topogrid.intervention_report import KEY, as_page, as_record, draw_outcomes, full_table, key_table
from topogrid.interventions import INTERVENTIONS, Outcome, Subject, choose, intervene, obstacles
from topogrid.runs import CheckpointError, LoadedRun, load_run, read_metrics, write_json_atomic, write_text_atomic
from topogrid.tables import to_csv, to_text
from topogrid.tracking import FIGURES
from topogrid.trajectories import Walks, load_walks, shipped_walk

BAD_ARGUMENTS = 2  # exit code


class Command(NamedTuple):
    """A word after ``python -m topogrid``."""

    about: str
    declare: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], None]


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code."""
    arguments = _parser().parse_args(argv)
    try:
        COMMANDS[arguments.command].run(arguments)
    except (SettingsError, CheckpointError, ValueError, OSError) as error:
        print(f"topogrid {arguments.command}: {error}", file=sys.stderr)
        return BAD_ARGUMENTS
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m topogrid", description="Look at a trained network.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, command in COMMANDS.items():
        command.declare(commands.add_parser(name, help=command.about, description=command.about))
    return parser


# --- follow ----------------------------------------------------------------------------------------------------------


def _declare_follow(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", help="folder of a run")
    parser.add_argument(
        "walk", help="recorded walk (.npz with t in s and pos in m), or sargolini: the one in ratinabox"
    )
    parser.add_argument(
        "--restart",
        type=float,
        default=20.0,
        metavar="S",
        help="tell the network where the animal is every S seconds; 0: only at the start (default: %(default)s)",
    )


def _follow(arguments: argparse.Namespace) -> None:
    if not arguments.restart >= 0:
        raise ValueError(f"--restart must be 0 or more seconds, got {arguments.restart}")
    walk_path = shipped_walk() if arguments.walk == "sargolini" else Path(arguments.walk)
    run = load_run(arguments.run)
    walk = load_walks(walk_path, dt=run.config.dt, box_size=run.config.box_size)
    every = round(arguments.restart / run.config.dt) or len(walk.displacement)
    decoded = _follow_in_parts(run, walk, every)
    true = walk.position[:, 0].double().numpy()
    error_cm = 100 * run.place_cells.error(decoded, walk.position[:, 0]).double().numpy()
    seconds = run.config.dt * np.arange(1, len(true) + 1)
    name = f"follow_{walk_path.stem}"
    told = f"told where it is every {arguments.restart:g} s" if arguments.restart else "told where it began"
    figure = followed_walk(
        true,
        decoded.double().numpy(),
        seconds,
        run.config.box_size,
        name=f"{walk_path.stem}, {told}",
        network="tau" if run.config.tau else "plain",
    )
    for folder in (run.folder.figures, run.folder.gallery):
        folder.mkdir(parents=True, exist_ok=True)
        save_figure(figure, folder / f"{name}.png")
    result = {
        "walk": walk_path.name,
        "seconds": float(seconds[-1]),
        "restart_seconds": arguments.restart,
        "mean_error_cm": float(error_cm.mean()),
        "median_error_cm": float(np.median(error_cm)),
        "error_cm_at_end_of_parts": float(error_cm[every - 1 :: every].mean()),
        "hold_still_error_cm": float(_hold_still_cm(run, walk, every).mean()),
    }
    write_json_atomic(run.folder.path / f"{name}.json", result)
    print(
        f"Followed {walk_path.name} for {seconds[-1]:.0f} s, told the place "
        f"{f'every {arguments.restart:g} s' if arguments.restart else 'once'}: mean error {error_cm.mean():.1f} cm "
        f"(an animal thought to sit still: {result['hold_still_error_cm']:.1f} cm)."
    )
    print(f"Picture: {run.folder.gallery / f'{name}.png'}")


def _follow_in_parts(run: LoadedRun, walk: Walks, every: int) -> torch.Tensor:
    """Decode a path ``(time, 2)`` in parts of ``every`` steps, each begun from the true place."""
    decoded = []
    start = walk.start
    for moves, places in zip(torch.split(walk.displacement, every), torch.split(walk.position, every), strict=True):
        decoded.append(follow(run.network, run.place_cells, Walks(start, moves, places))[:, 0])
        start = places[-1]
    return torch.cat(decoded)


def _hold_still_cm(run: LoadedRun, walk: Walks, every: int) -> np.ndarray:
    path = torch.cat((walk.start, walk.position[:, 0]))
    told = torch.arange(len(path) - 1) // every * every
    return 100 * run.place_cells.error(path[told], path[1:]).double().numpy()


# --- evaluate --------------------------------------------------------------------------------------------------------

_REMEASURED = ("eval_walks", "eval_bins", "eval_burn_in", "long_seconds", "long_walks")


def _declare_evaluate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", help="folder of a run")
    parser.add_argument("--checkpoint", help="one of its checkpoints (default: the newest)")
    for field in dataclasses.fields(TrainConfig):
        if field.name in _REMEASURED:
            parser.add_argument(f"--{field.name}", f"--{field.name.replace('_', '-')}", help=field.metadata["help"])


def _evaluate(arguments: argparse.Namespace) -> None:
    run = load_run(arguments.run, arguments.checkpoint)
    config = _with_changes(run.config, arguments)
    evaluation = evaluate(run.network, run.place_cells, config, step=run.step)
    row = summarise(evaluation, config)
    columns, rows = unit_rows(evaluation, config)
    write_text_atomic(run.folder.units_csv, to_csv(columns, rows))
    save_evaluation(evaluation, run.folder.evaluation / f"step_{run.step:08d}.npz")
    write_json_atomic(run.folder.evaluation / f"step_{run.step:08d}.json", row)
    drawn = draw_evaluation(evaluation, config, rows=read_metrics(run.folder.metrics_path), coupling=coupling_of(row))
    for key, figure in drawn.items():
        for folder in (run.folder.figures, run.folder.gallery):
            folder.mkdir(parents=True, exist_ok=True)
            save_figure(figure, folder / FIGURES[key].file)
    print(json.dumps(row, indent=2))
    print(f"Pictures: {run.folder.gallery}   Units: {run.folder.units_csv}", file=sys.stderr)


def _with_changes(config: TrainConfig, arguments: argparse.Namespace) -> TrainConfig:
    """Return the settings of the run with the evaluation flags on top."""
    given = {name: getattr(arguments, name) for name in _REMEASURED if getattr(arguments, name) is not None}
    try:
        numbers = {name: float(text) if name == "long_seconds" else _whole(text) for name, text in given.items()}
    except ValueError as error:
        raise SettingsError(f"the evaluation flags take numbers: {error}") from error
    return dataclasses.replace(config, **numbers)  # type: ignore[arg-type]


def _whole(text: str) -> int | str:
    return text if text == "auto" else int(text)


# --- intervene -------------------------------------------------------------------------------------------------------


def _declare_intervene(parser: argparse.ArgumentParser) -> None:
    _declare_evaluate(parser)
    parser.add_argument(
        "--only", nargs="+", metavar="NAME", help=f"some of {', '.join(INTERVENTIONS)} (default: all of them)"
    )


def _intervene(arguments: argparse.Namespace) -> None:
    wanted = choose(arguments.only)
    run = load_run(arguments.run, arguments.checkpoint)
    config = _with_changes(run.config, arguments)
    subject = Subject(run.network, run.place_cells, config, run.step)
    skipped = obstacles(subject, wanted)
    for name, reason in skipped.items():
        print(f"left out {name}: {reason}", file=sys.stderr)
    names = [name for name in wanted if name not in skipped]
    stem = run.folder.path / "interventions" / ("table" if arguments.only is None else "selection")
    stem.parent.mkdir(exist_ok=True)
    outcomes: list[Outcome] = []
    with tqdm(total=1 + len(names), unit="intervention", disable=not sys.stderr.isatty()) as bar:
        for outcome in intervene(subject, names):
            outcomes.append(outcome)
            # Written after each, so that whoever stops an hour of measuring keeps what there is.
            _write_outcomes(stem, outcomes, skipped, run)
            bar.set_postfix_str(outcome.name)
            bar.update(not outcome.hidden)
    save_figure(draw_outcomes(outcomes, config), stem.with_suffix(".png"))
    print(to_text(*key_table(outcomes)))
    for outcome in outcomes:
        if outcome.note:
            print(f"{outcome.name}: {outcome.note}")
    print(KEY)
    print(f"Everything measured: {stem}.csv .json .md .png", file=sys.stderr)


def _write_outcomes(stem: Path, outcomes: Sequence[Outcome], left_out: dict[str, str], run: LoadedRun) -> None:
    title = f"Interventions on {run.folder.name} after {run.step} steps of training"
    write_text_atomic(stem.with_suffix(".csv"), to_csv(*full_table(outcomes)))
    write_text_atomic(stem.with_suffix(".md"), as_page(title, outcomes, left_out))
    result = {"run": run.folder.name, "step": run.step, "outcomes": as_record(outcomes), "left_out": left_out}
    write_json_atomic(stem.with_suffix(".json"), result)


COMMANDS = {
    "follow": Command("Follow a recorded walk with a trained network.", _declare_follow, _follow),
    "evaluate": Command("Measure a run again and draw its figures.", _declare_evaluate, _evaluate),
    "intervene": Command("Change one thing at a time and measure everything again.", _declare_intervene, _intervene),
}


if __name__ == "__main__":
    sys.exit(main())
