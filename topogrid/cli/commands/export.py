"""``topogrid export``: weights written to a safetensors file."""

from __future__ import annotations

import argparse

from topogrid.trained.safetensors import export_weights
from topogrid.trained.trained import load_run


def declare(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("run", help="folder of a run")
    parser.add_argument("file", help="file to write, *.safetensors; `analyze` opens it again")
    parser.add_argument("--checkpoint", help="one of its checkpoints (default: the newest)")


def run(arguments: argparse.Namespace) -> None:
    """Run the command."""
    run = load_run(arguments.run, arguments.checkpoint)
    path = export_weights(run, arguments.file)
    print(f"Weights of {run.folder.name} after {run.step} steps, with their settings: {path}")
