"""``topogrid analyze``: a run or a checkpoint measured again."""

from __future__ import annotations

import argparse

from topogrid.cli.arguments import (
    check_there,
    declare_format,
    declare_settings,
    declare_silence,
    given_settings,
    planned,
)
from topogrid.cli.progress import Progress
from topogrid.cli.screen import complain
from topogrid.interventions.catalogue import INTERVENTIONS, choose
from topogrid.settings.config import from_text
from topogrid.settings.fields import LEFT_OUT_SETTINGS, MEASUREMENT_SETTINGS
from topogrid.tables import plain, to_text


def declare(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "run",
        help="folder of a run, a checkpoint (of a run, away from it, or of the original project), or *.safetensors",
    )
    parser.add_argument("--checkpoint", help="one checkpoint of the run (default: the newest)")
    parser.add_argument(
        "--bins",
        "--eval_bins",
        "--eval-bins",
        nargs="+",
        metavar="N",
        help="bins along each side of a rate map; shares are told for every number given, all else for the first",
    )
    declare_settings(parser, MEASUREMENT_SETTINGS)
    parser.add_argument(
        "--out", metavar="FOLDER", help="where results go (default: into the run, or beside a checkpoint)"
    )
    declare_format(parser)
    parser.add_argument(
        "--intervene",
        nargs="*",
        metavar="NAME",
        help=f"then change one thing at a time and measure again: all, or some of {', '.join(INTERVENTIONS)}",
    )
    declare_silence(parser)
    bare = parser.add_argument_group("for a checkpoint that does not know its settings")
    bare.add_argument(
        "--place_cells", "--place-cells", metavar="FILE", help=".npy or .npz of place-field centres, (place, 2), metres"
    )
    declare_settings(bare, LEFT_OUT_SETTINGS)
    bare.add_argument("--no_DoG", "--no-DoG", dest="DoG", action="store_const", const="false", help="no surround")


def run(arguments: argparse.Namespace) -> None:
    """Run the command."""
    wanted, chosen = planned(arguments.intervene, arguments.silence)
    if arguments.intervene == []:
        wanted = choose(None)
    settings = given_settings(arguments, (*MEASUREMENT_SETTINGS, *LEFT_OUT_SETTINGS))
    bins = [from_text("eval_bins", text, "--bins") for text in arguments.bins or ()]

    check_there(arguments.run)

    from topogrid.evaluation.reanalysis import bins_table, measure_again, results_folder, write_results
    from topogrid.reports.explorer import write_report
    from topogrid.trained.opening import open_trained

    trained = open_trained(
        arguments.run, checkpoint=arguments.checkpoint, settings=settings, place_cells=arguments.place_cells
    )
    folder = results_folder(trained, arguments.run, arguments.out)
    for note in trained.notes:
        complain(f"Note: {note}.")
    bins = bins or [trained.config.eval_bins]
    for count in bins:  # all are checked before the first is measured
        trained.with_settings({"eval_bins": count})
    with Progress("stage", f"Measuring {trained.origin} ...") as progress:
        result = measure_again(trained, bins, progress)
    write_results(trained, folder, result, figure_format=arguments.format)
    print(f"What {plain(trained.origin)} lets a person say, at {bins[0]} bins:\n")
    print("\n".join(f"* {sentence}" for sentence in result.claims))
    print(f"\nShares of all units, in brackets those of noise:\n\n{to_text(*bins_table(result.rows))}")
    complain(f"Units: {folder.units_csv}   Pictures: {folder.gallery}   All: {folder.summary_path}")
    trained = trained.with_settings({"eval_bins": bins[0]})
    complain(f"To explore: {write_report(folder, trained.config)}")
    if wanted or chosen:
        from topogrid.cli.interventions import show_table
        from topogrid.interventions.condition import Condition

        show_table(Condition(trained), wanted, chosen, folder)
