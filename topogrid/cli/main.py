"""``topogrid COMMAND``. Only the chosen command is imported, and it imports what is slow once it runs."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from importlib import import_module

from topogrid import __version__
from topogrid.cli.interrupts import INTERRUPTED, SAID, prompt
from topogrid.cli.screen import complain, dependable

DONE, BAD_ARGUMENTS = 0, 2  # exit codes

COMMANDS = {
    "train": "Train a network: the same as python train_grid.py.",
    "list": "List the runs on disk.",
    "open": "Open the sheet explorer of a run in a browser.",
    "intervene": "Change one thing at a time and measure everything again.",
    "follow": "Follow a recorded walk with a trained network.",
    "analyze": "Measure a run or a checkpoint again and say what it shows.",
    "compare": "Compare groups of runs over their seeds.",
    "theory": "Predict the spacing from the place code, and let its patterns form.",
    "continuous": "Ask whether a sheet without module borders breaks into modules by itself.",
    "study": "Train and measure the networks of the study, and say what sets their scale.",
    "export": "Write the weights of a run to a safetensors file.",
    "replay": "Take a step that was not finite again and say where it goes wrong.",
}
"""What each command does, in the order in which people need them; its code is a module of `topogrid.cli.commands`."""

MEANT = {
    "ls": "list",
    "show": "open",
    "report": "open",
    "explore": "open",
    "view": "open",
    "run": "train",
    "fit": "train",
    "resume": "train",
    "evaluate": "analyze",
    "eval": "analyze",
    "analyse": "analyze",
    "measure": "analyze",
    "diff": "compare",
    "silence": "intervene",
    "save": "export",
}
"""Words that other programs have for commands; for hints only."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    if words[:1] == ["train"]:
        return train(words[1:], "topogrid train")
    with _at_the_door("topogrid"):
        return _run(words)
    return INTERRUPTED


def train(words: Sequence[str], program: str) -> int:
    """Train, under the name that the program was started by; returns the exit code."""
    with _at_the_door(program, also_schedulers=True):
        from topogrid.cli.commands import train

        return train.main(words, program=program)
    return INTERRUPTED


@contextlib.contextmanager
def _at_the_door(program: str, *, also_schedulers: bool = False) -> Iterator[None]:
    """Say Ctrl-C in one line, wherever it comes, and go on behind; let no output that nobody reads end anything."""
    # Nothing here opens a window. A backend that Matplotlib does not know would stop its import.
    os.environ["MPLBACKEND"] = "agg"
    with dependable(), prompt(program, also_schedulers=also_schedulers):
        try:
            yield
        except KeyboardInterrupt:
            complain(f"{program}: {SAID}")


def _run(words: list[str]) -> int:
    named = words[0] if words else "--help"
    if named in ("-h", "--help", "help"):
        print(_overview(), end="")
        return DONE
    if named in ("-V", "--version", "version"):
        print(f"topogrid {__version__}")
        return DONE
    if named not in COMMANDS:
        return _unknown(named)
    return _look(named, words[1:])


def _look(named: str, words: list[str]) -> int:
    """Run a command that is not training."""
    from topogrid.cli.parsing import Parser
    from topogrid.runs.errors import CheckpointError

    command = import_module(f"topogrid.cli.commands.{named}")
    parser = Parser(prog=f"topogrid {named}", description=COMMANDS[named])
    command.declare(parser)
    try:
        code: int | None = command.run(parser.read(words))
    except SystemExit as ended:  # after --help
        return int(ended.code or DONE)
    except (CheckpointError, ValueError, OSError) as error:
        complain(f"topogrid {named}: {error}")
        return BAD_ARGUMENTS
    return code or DONE


def _overview() -> str:
    width = max(map(len, COMMANDS))
    lines = [f"  {name:{width}}  {about}" for name, about in COMMANDS.items()]
    return "\n".join(
        [
            "usage: topogrid COMMAND ...",
            "",
            "Train path integrators on a cortical sheet, and look at what they learned.",
            "",
            "commands:",
            *lines,
            "",
            "topogrid COMMAND --help shows what a command takes; topogrid --version, which version this is.",
            "",
        ]
    )


def _unknown(named: str) -> int:
    from topogrid.settings.errors import did_you_mean, show

    if named.startswith("-"):
        known = ["--help", "--version"]
        hint = did_you_mean(named, known) or "; the command comes first, as in topogrid train --tau"
        complain(f"topogrid: unknown flag {show(named)}{hint}")
        return BAD_ARGUMENTS
    meant = MEANT.get(named.lower())
    hint = f"; did you mean {meant}?" if meant else did_you_mean(named, list(COMMANDS))
    complain(f"topogrid: there is no command {show(named)}{hint or '; topogrid alone lists the commands'}")
    return BAD_ARGUMENTS
