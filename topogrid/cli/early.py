"""Ctrl-C before the command line can answer it. Imports next to nothing, as that is what it covers."""

import signal


def end_silently() -> None:
    """Let Ctrl-C end the process without a word, until `topogrid.cli.interrupts.prompt` answers it in a line.

    Python would print where in an import it was. Whoever ignores the signal on purpose goes on ignoring it.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
