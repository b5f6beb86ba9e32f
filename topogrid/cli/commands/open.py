"""``topogrid open``: the page of a run in a browser."""

from __future__ import annotations

import argparse
import sys
import webbrowser
from pathlib import Path


def declare(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("run", help="folder of a run, or of an analysis")
    parser.add_argument(
        "--no_browser", "--no-browser", action="store_true", help="only make sure that the page is there, and say where"
    )


def run(arguments: argparse.Namespace) -> None:
    """Run the command."""
    from topogrid.reports.explorer import is_current, write_report
    from topogrid.runs.folder import RunFolder
    from topogrid.settings.saved import read_settings
    from topogrid.tables import plain

    folder = RunFolder(Path(arguments.run), Path(arguments.run))
    # The page of an analysis was written with settings that its folder does not hold.
    if not folder.report.is_file() or (folder.config_path.is_file() and not is_current(folder)):
        folder = RunFolder.open(arguments.run)
        print(plain(f"Writing {folder.report} ..."), file=sys.stderr)
        write_report(folder, read_settings(folder.config_path).config)
    print(plain(folder.report))
    if not arguments.no_browser and not webbrowser.open(folder.report.resolve().as_uri()):
        print("No browser could be started here; open that file with one.", file=sys.stderr)
