"""``topogrid compare``: kinds of networks compared over their seeds."""

from __future__ import annotations

import argparse
import shlex
import sys

from topogrid.cli.arguments import declare_format


def declare(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "runs", nargs="+", metavar="RUN", help="folder of a run or of its record, or one that holds some"
    )
    parser.add_argument(
        "--by", nargs="+", default=[], metavar="SETTING",
        help="settings that tell the groups apart, or mode: wiring, tau, topoloss (default: all that differ)",
    )  # fmt: skip
    parser.add_argument("--out", default="comparison", metavar="FOLDER", help="where it goes (default: %(default)s)")
    declare_format(parser)


def run(arguments: argparse.Namespace) -> None:
    """Run the command."""
    import numpy as np

    from topogrid.reports.comparison.comparison import compare
    from topogrid.reports.comparison.page import write_comparison
    from topogrid.reports.comparison.text import findings, means_table
    from topogrid.reports.records import find_runs
    from topogrid.tables import plain, to_text

    found = find_runs(arguments.runs)
    notes = [f"Left out: {one.path.name}, {one.reason}." for one in found.broken]
    if found.empty:
        notes.append(f"Left out, for they hold no run: {', '.join(path.name for path in found.empty)}.")
    comparison = compare(found.records, np.random.default_rng(0), by=arguments.by, notes=notes)
    flags = [word for name in ("by",) if getattr(arguments, name) for word in (f"--{name}", *getattr(arguments, name))]
    command = shlex.join(["topogrid", "compare", *arguments.runs, *flags, "--out", arguments.out])
    paths = write_comparison(comparison, arguments.out, command=command, figure_format=arguments.format)
    for warning in comparison.warnings:
        print(plain(f"Note: {warning}"), file=sys.stderr)
    for sentence in findings(comparison):
        print(plain(f"* {sentence}"))
    print(f"\n{to_text(*means_table(comparison))}")
    print(plain(f"Page: {paths['html']}   All: {', '.join(str(path) for path in paths.values())}"), file=sys.stderr)
