"""``topogrid intervene``: one thing changed in a trained network, and everything measured again."""

from __future__ import annotations

import argparse
import dataclasses

from topogrid.cli.arguments import declare_settings, declare_silence, given_settings, planned
from topogrid.cli.measuring import measure_headline_of, measure_interventions
from topogrid.evaluation.reanalysis import MEASUREMENT_SETTINGS
from topogrid.interventions.interventions import (
    INTERVENTIONS,
    Subject,
    choose,
)
from topogrid.interventions.modules import (
    obstacle,
)
from topogrid.trained.trained import load_run


def declare(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("run", help="folder of a run")
    parser.add_argument("--checkpoint", help="one of its checkpoints (default: the newest)")
    declare_settings(parser, ("eval_bins", *MEASUREMENT_SETTINGS))
    parser.add_argument(
        "--only",
        nargs="+",
        metavar="NAME",
        help=f"all, or some of {', '.join(INTERVENTIONS)} (default: for a sheet with modules, tau and speed changed "
        "and every module compared with what is predicted; else all)",
    )
    declare_silence(parser)


def run(arguments: argparse.Namespace) -> None:
    """Run the command."""
    wanted, chosen = planned(arguments.only, arguments.silence)
    run = load_run(arguments.run, arguments.checkpoint)
    config = dataclasses.replace(run.config, **given_settings(arguments, ("eval_bins", *MEASUREMENT_SETTINGS)))
    subject = Subject(run.network, run.place_cells, config, run.step)
    if not wanted and not chosen and not obstacle(subject):
        measure_headline_of(subject, run.folder)
        return
    if not wanted and not chosen:
        wanted = choose(None)
    measure_interventions(subject, wanted, chosen, run.folder)
