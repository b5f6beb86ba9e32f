"""What a run says: one logger, ``topogrid``, whose lines go to the screen and to ``log.txt`` of the run folder.

Who trains from Python may add handlers to ``logging.getLogger("topogrid")``; one that writes to stderr or stdout, there
or on the root logger, takes the place of the screen.
"""

from __future__ import annotations

import datetime
import logging
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tqdm import tqdm

from topogrid.files import open_to_append
from topogrid.session.screen import Screen

Say = Callable[[str], None]

LOGGER = logging.getLogger("topogrid")
_MOST_WAITING = 1000  # lines that a full disk does not take


def tell(line: str) -> None:
    """Say a line to whoever listens."""
    LOGGER.info("%s", line)


class _ScreenHandler(logging.Handler):
    """Lines above a progress bar, which they do not tear."""

    def __init__(self, screen: Screen) -> None:
        super().__init__()
        self._screen = screen

    def emit(self, record: logging.LogRecord) -> None:
        tqdm.write(_shown(record), file=self._screen)


class _SayHandler(logging.Handler):
    """Lines for a function."""

    def __init__(self, say: Say) -> None:
        super().__init__()
        self._say = say

    def emit(self, record: logging.LogRecord) -> None:
        self._say(_shown(record))


class _FileHandler(logging.Handler):
    """Lines with their time, appended to a file; those that a full disk does not take wait for the next."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self._waiting: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        stamp = datetime.datetime.fromtimestamp(record.created, datetime.UTC).strftime("%Y-%m-%d %H:%M:%S")
        self._waiting = [*self._waiting[-_MOST_WAITING:], f"{stamp} {_shown(record)}\n"]
        content = "".join(self._waiting).encode(errors="backslashreplace")
        with suppress(OSError), open_to_append(self._path) as file:
            length = file.seek(0, os.SEEK_END)
            if file.write(content) == len(content):
                self._waiting = []
            else:
                file.truncate(length)


class LastSaid(logging.Handler):
    """Remembers when something was last said."""

    def __init__(self) -> None:
        super().__init__()
        self.at = time.monotonic()

    def emit(self, record: logging.LogRecord) -> None:
        """Take note of a line."""
        self.at = time.monotonic()


def _shown(record: logging.LogRecord) -> str:
    """Return a line as one line, with what does not print written as an escape."""
    return "".join(
        one if one.isprintable() else one.encode("unicode_escape").decode("ascii") for one in record.getMessage()
    )


@contextmanager
def heard(handler: logging.Handler) -> Iterator[None]:
    """Let a handler have what is said meanwhile."""
    level = LOGGER.level
    if not LOGGER.isEnabledFor(logging.INFO):
        LOGGER.setLevel(logging.INFO)
    LOGGER.addHandler(handler)
    try:
        yield
    finally:
        LOGGER.removeHandler(handler)
        LOGGER.setLevel(level)


@contextmanager
def kept(path: Path) -> Iterator[None]:
    """Append what is said meanwhile to a file."""
    with heard(_FileHandler(path)):
        yield


@contextmanager
def on_screen(say: Say | None = None) -> Iterator[Screen]:
    """Show what is said meanwhile, or hand it to ``say``; yields the screen, for bars."""
    with Screen() as screen:
        if say is not None:
            with heard(_SayHandler(say)):
                yield screen
        elif _is_shown():
            with heard(logging.NullHandler()):
                yield screen
        else:
            with heard(_ScreenHandler(screen)):
                yield screen


def _is_shown() -> bool:
    """Whether somebody else already sends the lines to the terminal."""
    handlers = [*LOGGER.handlers, *(logging.getLogger().handlers if LOGGER.propagate else ())]
    return any(
        isinstance(handler, logging.StreamHandler) and handler.stream in (sys.stderr, sys.stdout)
        for handler in handlers
    )
