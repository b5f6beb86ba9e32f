"""``topogrid COMMAND``: everything that is not training. Only the chosen command is imported."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence

from topogrid.runs.errors import CheckpointError
from topogrid.settings.errors import SettingsError

DONE, BAD_ARGUMENTS, INTERRUPTED = 0, 2, 130  # exit codes

COMMANDS = {
    "list": "List the runs on disk.",
    "open": "Open the sheet explorer of a run in a browser.",
    "intervene": "Change one thing at a time and measure everything again.",
    "follow": "Follow a recorded walk with a trained network.",
    "analyze": "Measure a run or a checkpoint again and say what it shows.",
    "compare": "Compare groups of runs over their seeds.",
    "export": "Write the weights of a run to a safetensors file.",
    "replay": "Take a step that was not finite again and say where it goes wrong.",
}
"""What each command does, in the order in which people need them; its code is a module of `topogrid.cli.commands`."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    named = next((word for word in words if not word.startswith("-")), "")
    arguments = _parser(named).parse_args(words)
    try:
        importlib.import_module(f"topogrid.cli.commands.{named}").run(arguments)
    except (SettingsError, CheckpointError, ValueError, OSError) as error:
        print(f"topogrid {arguments.command}: {error}", file=sys.stderr)
        return BAD_ARGUMENTS
    return DONE


def _parser(named: str) -> argparse.ArgumentParser:
    """Return the parser of all commands, with the arguments of the one that is named."""
    parser = argparse.ArgumentParser(prog="topogrid", description="Look at a trained network.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, about in COMMANDS.items():
        command = commands.add_parser(name, help=about, description=about)
        if name == named:
            importlib.import_module(f"topogrid.cli.commands.{name}").declare(command)
    return parser
