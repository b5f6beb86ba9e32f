"""``topogrid export``: weights written to a safetensors file."""

from __future__ import annotations

import argparse
from pathlib import Path

from topogrid.cli.arguments import check_there
from topogrid.cli.screen import complain


def declare(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("run", help="folder of a run")
    parser.add_argument("file", help="file to write, *.safetensors; `analyze` opens it again")
    parser.add_argument("--half", action="store_true", help="in half precision: half the size, weights of three digits")
    parser.add_argument("--checkpoint", help="one of its checkpoints (default: the newest)")


def run(arguments: argparse.Namespace) -> None:
    """Run the command."""
    check_there(arguments.run)

    from topogrid.files import check_writable
    from topogrid.tables import plain
    from topogrid.trained.opening import open_trained
    from topogrid.trained.safetensors import export_weights

    check_writable(Path(arguments.file).parent)
    trained = open_trained(arguments.run, checkpoint=arguments.checkpoint)
    for note in trained.notes:
        complain(f"Note: {note}.")
    path = export_weights(trained, arguments.file, half=arguments.half)
    print(plain(f"Weights of {trained.origin}, with their settings: {path}"))
