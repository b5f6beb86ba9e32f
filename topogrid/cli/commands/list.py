"""``topogrid list``: the runs on disk."""

from __future__ import annotations

import argparse

from topogrid.reports.records import find_runs, list_table
from topogrid.tables import to_text


def declare(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("folder", nargs="?", default="runs", help="folder that holds runs (default: %(default)s)")


def run(arguments: argparse.Namespace) -> None:
    """Run the command."""
    found = find_runs([arguments.folder])
    if found.records:
        print(to_text(*list_table(found)), end="")
    for path, reason in found.broken:
        print(f"{path.name}: broken, {reason}")
    if not found.records and not found.broken:
        print(f"{arguments.folder} holds no run; python train_grid.py makes one.")
