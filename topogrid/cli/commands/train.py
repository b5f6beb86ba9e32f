"""``topogrid train``, and ``python train_grid.py``, which is the same."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Sequence

from topogrid.cli.flags import parse_arguments
from topogrid.cli.screen import complain
from topogrid.settings.errors import SettingsError

BAD_ARGUMENTS = 2  # exit code
TIME_TO_SPEAK = 30  # seconds


def main(argv: Sequence[str] | None = None, *, program: str) -> int:
    """Parse, check and train; returns the exit code."""
    try:
        config = parse_arguments(argv, program=program).config
    except SystemExit as ended:  # after --help
        return int(ended.code or 0)
    except SettingsError as error:
        # Started by torchrun, every process finds the same fault; one a machine says it.
        if os.environ.get("LOCAL_RANK", "0") == "0":
            complain(f"{program}: {error}")
        else:
            # torchrun stops all processes once one has ended, also the one that says it; this one ends without a word.
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            time.sleep(TIME_TO_SPEAK)
        return BAD_ARGUMENTS
    # PyTorch takes seconds to import; a wrong flag is answered at once.
    from topogrid.session.run import run_training

    return run_training(config, say=_say)


def _say(line: str) -> None:
    """Print a line without tearing the progress bar."""
    from tqdm import tqdm

    tqdm.write(line, file=sys.stderr)
