"""What is said on the screen, by a thread of its own: whoever trains never waits for somebody who reads."""

from __future__ import annotations

import errno
import io
import os
import queue
import sys
import threading
import time
from contextlib import suppress
from typing import Any

MOST_WAITING = 2000  # pieces of text, which wait for a reader; what comes on top is dropped
LAST_WAIT = 1.0  # seconds that the end of a run waits for a reader
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT}


class Screen:
    """A text file that stands for stderr: writing to it never waits and never fails.

    Stderr may be closed, full, a terminal that is gone or stopped, or a pipe that nobody drains. What nobody takes is
    dropped; ``log.txt`` has the lines too. A stderr that is no open file of the system (a notebook's, a test's) is
    written to directly.
    """

    def __init__(self, stream: Any = None) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._descriptor = _descriptor_of(self._stream)
        self._gone = self._stream is None
        self._queue: queue.Queue[bytes | None] = queue.Queue(MOST_WAITING)
        self._thread: threading.Thread | None = None
        self.encoding: str = getattr(self._stream, "encoding", None) or "utf-8"

    def __enter__(self) -> Screen:
        if self._descriptor is not None:
            with suppress(OSError, ValueError):
                self._stream.flush()
            # A daemon: a write that never ends must not keep the process from ending.
            self._thread = threading.Thread(target=self._work, name="screen", daemon=True)
            self._thread.start()
        return self

    def __exit__(self, *_reason: object) -> None:
        if self._thread is None:
            return
        with suppress(queue.Full):
            self._queue.put(None, timeout=LAST_WAIT)
            self._thread.join(LAST_WAIT)
        self._thread = None

    def write(self, text: str) -> int:
        """Write as soon as somebody takes it."""
        if self._gone:
            pass
        elif self._thread is not None:
            with suppress(queue.Full):
                self._queue.put_nowait(text.encode(self.encoding, "backslashreplace"))
        else:
            with suppress(OSError, ValueError):
                self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Pass on what a direct stream holds back."""
        if self._thread is None and not self._gone:
            with suppress(OSError, ValueError):
                self._stream.flush()

    def isatty(self) -> bool:
        """Whether this is a terminal."""
        try:
            return not self._gone and bool(self._stream.isatty())
        except (OSError, ValueError):
            return False

    def fileno(self) -> int:
        """Return the number of the open file, by which a bar asks how wide a terminal is.

        Raises
        ------
        OSError
            If there is none.
        """
        if self._descriptor is None:
            raise OSError("the screen is no open file")
        return self._descriptor

    def _work(self) -> None:
        while (text := self._queue.get()) is not None:
            if not self._gone:
                self._put(text)

    def _put(self, text: bytes) -> None:
        assert self._descriptor is not None  # noqa: S101 -- there is no thread without one
        while text:
            try:
                text = text[os.write(self._descriptor, text) :]
            except BlockingIOError:  # somebody else made it non-blocking
                time.sleep(0.05)
            except OSError as error:
                # A disk may have room again later; a reader that is gone does not come back.
                self._gone = error.errno not in _NO_ROOM
                return


def _descriptor_of(stream: Any) -> int | None:
    """Return the number of the open file behind a stream of Python's own; of others, what its own write does counts."""
    with suppress(AttributeError, OSError, ValueError):
        if isinstance(stream.buffer.raw, io.FileIO):
            return int(stream.fileno())
    return None
