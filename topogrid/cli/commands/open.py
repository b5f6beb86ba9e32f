"""``topogrid open``: the page of a run in a browser."""

from __future__ import annotations

import argparse
import sys
import webbrowser
from pathlib import Path

from topogrid.cli.arguments import check_there


def declare(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("run", help="folder of a run, of an analysis or of a published network, or *.safetensors")
    parser.add_argument(
        "--no_browser", "--no-browser", action="store_true", help="only make sure that the page is there, and say where"
    )


def run(arguments: argparse.Namespace) -> None:
    """Run the command."""
    check_there(arguments.run)

    from topogrid.reports.explorer import is_current, write_report
    from topogrid.runs.folder import RunFolder
    from topogrid.settings.saved import read_settings
    from topogrid.tables import plain

    folder = RunFolder(_page_of_weights(Path(arguments.run)), Path(arguments.run))
    # The page of an analysis was written with settings that its folder does not hold.
    if not folder.report.is_file() or (folder.config_path.is_file() and not is_current(folder)):
        folder = RunFolder.open(arguments.run)
        print(plain(f"Writing {folder.report} ..."), file=sys.stderr)
        write_report(folder, read_settings(folder.config_path).config)
    print(plain(folder.report))
    if not arguments.no_browser and not webbrowser.open(folder.report.resolve().as_uri()):
        print("No browser could be started here; open that file with one.", file=sys.stderr)


def _page_of_weights(path: Path) -> Path:
    """Measure exported weights unless that was done since, and return the folder of the analysis; else the path."""
    from topogrid.trained.opening import open_trained, weights_in
    from topogrid.trained.safetensors import SUFFIX

    weights = weights_in(path)
    if weights.suffix != SUFFIX or not weights.is_file():
        return path
    from topogrid.cli.progress import Progress
    from topogrid.evaluation.reanalysis import measure_again, results_folder, write_results
    from topogrid.reports.explorer import write_report

    trained = open_trained(weights)
    folder = results_folder(trained, path)
    if not folder.report.is_file() or folder.report.stat().st_mtime < weights.stat().st_mtime:
        beginning = f"Measuring {trained.origin}, once; what is found stays in {folder.path} ..."
        with Progress("stage", beginning) as progress:
            result = measure_again(trained, [trained.config.eval_bins], progress)
        write_results(trained, folder, result)
        write_report(folder, trained.config)
    return folder.path
