"""``topogrid list``: the runs on disk."""

from __future__ import annotations

import argparse
from pathlib import Path

_USUAL = "runs"
_FIRST = "topogrid train --preset smoke"


def declare(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("folder", nargs="?", default=_USUAL, help="folder that holds runs (default: %(default)s)")


def run(arguments: argparse.Namespace) -> None:
    """Run the command."""
    from topogrid.reports.records import find_runs, list_table
    from topogrid.tables import plain, to_text

    if arguments.folder == _USUAL and not Path(_USUAL).exists():
        print(f"There is no run yet; {_FIRST} makes one.")
        return
    found = find_runs([arguments.folder])
    if found.records:
        print(to_text(*list_table(found)), end="")
    told = [f"{path.name}: broken, {reason}" for path, reason in found.broken]
    told += [f"{record.name}: {note}" for record in found.records for note in record.damage]
    if not found.records and not found.broken:
        told.append(f"{arguments.folder} holds no run; {_FIRST} makes one.")
    for line in told:
        print(plain(line))
