"""``topogrid replay``: a step that was not finite, taken again."""

from __future__ import annotations

import argparse


def declare(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("dump", help="nonfinite_step_....pt in the folder of a run that stopped on a non-finite loss")


def run(arguments: argparse.Namespace) -> None:
    """Run the command."""
    from topogrid.session.failures import replay

    print("\n".join(replay(arguments.dump).lines()))
