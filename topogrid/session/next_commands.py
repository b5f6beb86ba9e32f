"""Commands that a run proposes to go on with, as they are typed."""

from __future__ import annotations

import shlex
from pathlib import Path


def resuming_command(path: Path) -> str:
    """Return the command that goes on with a run that was stopped."""
    return f"topogrid train --resume {_typed(path)}"


def next_commands(path: Path) -> str:
    """Return the commands that look into a run that is done."""
    where = _typed(path)
    return f"topogrid open {where}   topogrid intervene {where}"


def _typed(path: Path) -> str:
    """Return a path as a shell takes it, and no command for a flag."""
    text = str(path)
    return shlex.quote(f"./{text}" if text.startswith("-") else text)
