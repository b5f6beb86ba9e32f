"""What the terminal is told: output that nobody reads ends nothing, and no text moves the cursor."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import Any


def complain(text: str) -> None:
    """Write one line to stderr, with control characters shown and not sent."""
    print(escaped(text), file=sys.stderr)


def escaped(text: str) -> str:
    """Return text with everything that does not print, line ends too, written as an escape."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode("ascii") for one in text)


class _Dependable:
    """A stream whose writes never fail: once it is closed, full or broken, what is written to it is dropped."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._gone = stream is None
        self.encoding: str = getattr(stream, "encoding", None) or "utf-8"
        with contextlib.suppress(AttributeError, OSError, ValueError):
            # A name that the terminal cannot show is shown by its code.
            stream.reconfigure(errors="backslashreplace")

    def write(self, text: str) -> int:
        """Write, or drop what cannot be written."""
        self._try("write", text)
        return len(text)

    def flush(self) -> None:
        """Write what is held back."""
        self._try("flush")

    def isatty(self) -> bool:
        """Whether somebody may be looking."""
        return not self._gone and bool(self._stream.isatty())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def _try(self, method: str, *values: str) -> None:
        if self._gone:
            return
        try:
            getattr(self._stream, method)(*values)
        except (OSError, ValueError):  # a ValueError is of a stream that was closed
            self._gone = True
            # Python flushes its streams once more at its end, and would end with 120 if it could not.
            with contextlib.suppress(OSError, ValueError, AttributeError):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, self._stream.fileno())
                os.close(nowhere)


@contextlib.contextmanager
def dependable() -> Iterator[None]:
    """Let nothing inside fail because stdout or stderr is closed, full, or read by nobody any more."""
    _fill_closed_descriptors()
    before = sys.stdout, sys.stderr
    wrapped = _Dependable(sys.stdout), _Dependable(sys.stderr)
    sys.stdout, sys.stderr = wrapped
    try:
        yield
    finally:
        for stream in wrapped:
            stream.flush()
        sys.stdout, sys.stderr = before


def _fill_closed_descriptors() -> None:
    """Open what was closed before the start as nowhere: the next file would else take its number, and its output."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
