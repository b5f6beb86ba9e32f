"""``topogrid intervene``: one thing changed in a trained network, and everything measured again."""

from __future__ import annotations

import argparse

from topogrid.cli.arguments import declare_settings, declare_silence, given_settings, planned
from topogrid.cli.measuring import measure_headline_of, measure_interventions
from topogrid.evaluation.reanalysis import MEASUREMENT_SETTINGS, results_folder
from topogrid.interventions.condition import Condition
from topogrid.interventions.modules import (
    obstacle,
)
from topogrid.interventions.table import INTERVENTIONS, choose
from topogrid.trained.opening import open_trained


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
    settings = given_settings(arguments, ("eval_bins", *MEASUREMENT_SETTINGS))
    trained = open_trained(arguments.run, checkpoint=arguments.checkpoint, settings=settings)
    condition, folder = Condition(trained), results_folder(trained, arguments.run)
    if not wanted and not chosen and not obstacle(condition):
        measure_headline_of(condition, folder)
        return
    if not wanted and not chosen:
        wanted = choose(None)
    measure_interventions(condition, wanted, chosen, folder)
