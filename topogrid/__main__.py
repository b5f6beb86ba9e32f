"""``python -m topogrid``: the same as the command ``topogrid``."""

from topogrid.cli.early import end_silently

end_silently()

import sys  # noqa: E402

from topogrid.cli.main import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main())
