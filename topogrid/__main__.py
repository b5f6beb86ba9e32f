"""``python -m topogrid``: the same as the command ``topogrid``."""

import sys

from topogrid.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
