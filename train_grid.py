"""Train a path-integrating network on a sheet of units: ``python train_grid.py --help``."""

from __future__ import annotations

from topogrid.cli.early import end_silently

if __name__ == "__main__":
    end_silently()

import sys
from collections.abc import Sequence

from topogrid.cli.main import train

PROGRAM = "train_grid.py"


def main(argv: Sequence[str] | None = None) -> int:
    """Parse, check and train; returns the exit code."""
    return train(sys.argv[1:] if argv is None else argv, PROGRAM)


if __name__ == "__main__":
    sys.exit(main())
