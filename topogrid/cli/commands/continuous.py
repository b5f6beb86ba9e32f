"""``topogrid continuous``: a sheet without module borders, and whether a smooth gradient of tau breaks it up."""

from __future__ import annotations

import argparse
import math
import shlex
import sys
import time

from topogrid.cli.arguments import declare_format

_COLUMNS, _STEPS, _WALKS = 288, 12_000, 40
_ROWS, _RATIOS, _SEEDS = [32, 48, 64], [2.0, 4.0], [0, 1, 2]


def declare(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "--rows",
        nargs="+",
        type=_whole,
        metavar="N",
        default=_ROWS,
        help="rows of units across the gradient, 16 a row of bumps, one sheet each (default: 32 48 64)",
    )
    parser.add_argument(
        "--columns", type=_whole, metavar="N", default=_COLUMNS, help="units along the gradient (default: %(default)s)"
    )
    parser.add_argument(
        "--tau_ratio",
        "--tau-ratio",
        nargs="+",
        type=_ratio,
        metavar="X",
        default=_RATIOS,
        help="longest over shortest tau, one sheet each (default: 2 4)",
    )
    parser.add_argument(
        "--seeds",
        nargs="+",
        type=_whole,
        metavar="N",
        default=_SEEDS,
        help="of the noise from which bumps grow (default: 0 1 2)",
    )
    parser.add_argument(
        "--steps", type=_whole, metavar="N", default=_STEPS, help="of every straight run (default: %(default)s)"
    )
    parser.add_argument(
        "--walks", type=_whole, metavar="N", default=_WALKS, help="in the box; 0: no box (default: %(default)s)"
    )
    parser.add_argument("--out", default="continuous", metavar="FOLDER", help="where it goes (default: %(default)s)")
    declare_format(parser)


def _whole(text: str) -> int:
    if not text.isdecimal() or len(text) > 9:
        raise argparse.ArgumentTypeError(f"a whole number of 0 or more is wanted, got {text!r}")
    return int(text)


def _ratio(text: str) -> float:
    try:
        ratio = float(text)
    except ValueError:
        ratio = math.nan
    if not 1 <= ratio <= 100:
        raise argparse.ArgumentTypeError(f"a ratio of 1 to 100 is wanted, got {text!r}")
    return ratio


def run(arguments: argparse.Namespace) -> None:
    """Run the command."""
    from pathlib import Path

    from topogrid.continuous.conduct import measure
    from topogrid.continuous.page import sentences, write_page
    from topogrid.files import check_writable
    from topogrid.tables import plain

    out, began = Path(arguments.out), time.monotonic()
    check_writable(out)

    def say(line: str) -> None:
        print(plain(line), file=sys.stderr, flush=True)

    record = measure(
        list(dict.fromkeys(arguments.rows)),
        arguments.columns,
        list(dict.fromkeys(arguments.tau_ratio)),
        list(dict.fromkeys(arguments.seeds)),
        n_walks=arguments.walks,
        n_steps=arguments.steps,
        say=lambda line: say(f"{line}, {(time.monotonic() - began) / 60:.1f} min"),
    )
    for line in sentences(record):
        print(plain(line), flush=True)
    written = write_page(record, out, command=_command(arguments), figure_format=arguments.format)
    say(f"Page: {written.page}   Picture: {written.picture}   Numbers: {written.numbers}")


def _command(arguments: argparse.Namespace) -> str:
    """Return the command as it was given, without what is the default."""
    words = ["topogrid", "continuous"]
    for name, default in (
        ("rows", _ROWS),
        ("columns", _COLUMNS),
        ("tau_ratio", _RATIOS),
        ("seeds", _SEEDS),
        ("steps", _STEPS),
        ("walks", _WALKS),
    ):
        given = getattr(arguments, name)
        if given != default:
            each = given if isinstance(given, list) else [given]
            words += [f"--{name}", *(f"{value:g}" for value in each)]
    if arguments.out != "continuous":
        words += ["--out", arguments.out]
    return shlex.join(words)
