"""Train a path-integrating network on a sheet of units: ``python train_grid.py --help``."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence

from topogrid.cli.flags import parse_arguments
from topogrid.settings.errors import SettingsError

BAD_ARGUMENTS, INTERRUPTED = 2, 130  # exit codes
TIME_TO_SPEAK = 30  # seconds


def main(argv: Sequence[str] | None = None) -> int:
    """Parse, check and train; returns the exit code."""
    try:
        config = parse_arguments(argv).config
    except SettingsError as error:
        # Started by torchrun, every process finds the same fault; one a machine says it.
        if os.environ.get("LOCAL_RANK", "0") == "0":
            print(f"train_grid.py: {error}", file=sys.stderr)
        else:
            time.sleep(TIME_TO_SPEAK)  # torchrun stops all processes once one has ended, also the one that says it
        return BAD_ARGUMENTS
    # PyTorch takes seconds to import; a wrong flag is answered at once.
    from topogrid.session.run import run_training

    return run_training(config, say=_say)


def _say(line: str) -> None:
    """Print a line without tearing the progress bar."""
    from tqdm import tqdm

    tqdm.write(line, file=sys.stderr)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:  # before there was anything to save
        sys.exit(INTERRUPTED)
