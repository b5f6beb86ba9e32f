"""``topogrid list``: the runs on disk."""

from __future__ import annotations

import argparse


def declare(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("folder", nargs="?", default="runs", help="folder that holds runs (default: %(default)s)")


def run(arguments: argparse.Namespace) -> None:
    """Run the command."""
    from topogrid.reports.records import find_runs, list_table
    from topogrid.tables import plain, to_text

    found = find_runs([arguments.folder])
    if found.records:
        print(to_text(*list_table(found)), end="")
    told = [f"{path.name}: broken, {reason}" for path, reason in found.broken]
    told += [f"{record.name}: {note}" for record in found.records for note in record.damage]
    if not found.records and not found.broken:
        told.append(f"{arguments.folder} holds no run; python train_grid.py makes one.")
    for line in told:
        print(plain(line))
