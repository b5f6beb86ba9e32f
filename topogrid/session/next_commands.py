"""Commands that a run proposes to go on with, as they are typed."""

from __future__ import annotations

import shlex
from pathlib import Path


def resuming_command(path: Path) -> str:
    """Return the command that goes on with a run that was stopped."""
    return f"topogrid train --resume {shlex.quote(str(path))}"


def next_commands(path: Path) -> str:
    """Return the commands that look into a run that is done."""
    where = shlex.quote(str(path))
    return f"topogrid open {where}   topogrid intervene {where}"
