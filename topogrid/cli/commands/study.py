"""``topogrid study``: the networks of the study trained and measured, and what they say of tau and scale."""

from __future__ import annotations

import argparse
import shlex
import sys

from topogrid.study.arms import ARMS, SEEDS


def declare(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--arms", nargs="+", metavar="ARM", help=f"some of {', '.join(ARMS)} (default: all)")
    parser.add_argument(
        "--seeds",
        nargs="+",
        type=_seed,
        metavar="N",
        default=list(SEEDS),
        help=f"seeds of each arm (default: {' '.join(map(str, SEEDS))})",
    )
    parser.add_argument(
        "--out", default="study", metavar="FOLDER", help="page, picture, numbers, records (default: %(default)s)"
    )
    parser.add_argument(
        "--save_dir", "--save-dir", default="runs/study", metavar="FOLDER", help="its runs (default: %(default)s)"
    )
    parser.add_argument(
        "--measure_only",
        "--measure-only",
        action="store_true",
        help="train nothing: measure what is trained, write the page",
    )


def _seed(text: str) -> int:
    if not text.isdecimal() or len(text) > 18:
        raise argparse.ArgumentTypeError(f"a seed is a whole number of 0 or more, got {text!r}")
    return int(text)


def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    from pathlib import Path

    from topogrid.files import check_writable
    from topogrid.study.arms import choose_arms
    from topogrid.study.conduct import carry_out, plan, records_in
    from topogrid.study.page import write_study
    from topogrid.study.table import rows_of, verdict
    from topogrid.tables import plain

    arms, out, save_dir = choose_arms(arguments.arms), Path(arguments.out), Path(arguments.save_dir)
    check_writable(out)
    todo = plan(arms, list(dict.fromkeys(arguments.seeds)), out)

    def say(line: str) -> None:
        print(plain(line), file=sys.stderr, flush=True)

    say(f"{len(todo.done)} networks are measured, {len(todo.left)} are left; stopped, the same command goes on")
    for number, network in enumerate(todo.left, 1):
        say(f"network {number} of {len(todo.left)}: {network.name}, {network.arm.title}")
        code = carry_out(network, out, save_dir, say, measure_only=arguments.measure_only)
        if code:
            return code
    records = records_in(out)
    command = shlex.join(["topogrid", "study", *_flags(arguments)])
    written = write_study(records, out, command=command)
    for row in rows_of(records):
        print(plain(f"* {row.arm.name}: {verdict(row)}"))
    say(f"Page: {written.page}   Picture: {written.pictures[0]}   Numbers: {written.numbers}")
    return 0


def _flags(arguments: argparse.Namespace) -> list[str]:
    arms = ["--arms", *arguments.arms] if arguments.arms else []
    return [*arms, "--seeds", *map(str, arguments.seeds), "--out", arguments.out, "--save_dir", arguments.save_dir]
