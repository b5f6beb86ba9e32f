"""``topogrid intervene``: one thing changed in a trained network, and everything measured again."""

from __future__ import annotations

import argparse

from topogrid.cli.arguments import check_there, declare_settings, declare_silence, given_settings, planned
from topogrid.cli.screen import complain
from topogrid.interventions.catalogue import INTERVENTIONS, choose
from topogrid.settings.fields import MEASUREMENT_SETTINGS


def declare(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("run", help="folder of a run, a checkpoint, or *.safetensors")
    parser.add_argument("--checkpoint", help="one of its checkpoints (default: the newest)")
    declare_settings(parser, ("eval_bins", *MEASUREMENT_SETTINGS))
    parser.add_argument(
        "--only",
        nargs="+",
        metavar="NAME",
        help=f"all, or some of {', '.join(INTERVENTIONS)}; doses at any level, such as tau_x1.1; in one module of the "
        "sheet tau_x1.25@module3 and silence@module3 (default: for a sheet with modules, tau and speed changed "
        "and every module compared with what is predicted; else all)",
    )
    declare_silence(parser)


def run(arguments: argparse.Namespace) -> None:
    """Run the command."""
    wanted, chosen = planned(arguments.only, arguments.silence)
    settings = given_settings(arguments, ("eval_bins", *MEASUREMENT_SETTINGS))

    check_there(arguments.run)

    from topogrid.cli.interventions import show_headline, show_table
    from topogrid.evaluation.reanalysis import results_folder
    from topogrid.interventions.condition import Condition
    from topogrid.interventions.modules import obstacle
    from topogrid.trained.opening import open_trained

    trained = open_trained(arguments.run, checkpoint=arguments.checkpoint, settings=settings)
    for note in trained.notes:
        complain(f"Note: {note}.")
    condition, folder = Condition(trained), results_folder(trained, arguments.run)
    if wanted or chosen:
        show_table(condition, wanted, chosen, folder)
    elif obstacle(condition):
        show_table(condition, choose(None), (), folder)
    else:
        show_headline(condition, folder)
