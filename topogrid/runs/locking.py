"""The lock of an open file, as each system has it: ``flock`` on Linux and macOS, a locked byte on Windows."""

from __future__ import annotations

import errno
import os
from importlib import import_module
from types import ModuleType

_FAR_AWAY = 2**30  # a byte that is locked on Windows cannot be read by others, who want to know whose lock it is


def _imported(name: str) -> ModuleType | None:
    try:
        return import_module(name)
    except ImportError:  # it is of another system
        return None


_FCNTL = _imported("fcntl")
_MSVCRT = _imported("msvcrt") if _FCNTL is None else None


def lock(descriptor: int) -> None:
    """Lock an open file for this process, at once or not at all; the lock ends when the file is closed.

    Raises
    ------
    BlockingIOError
        If another process has it.
    OSError
        If there are no locks here.
    """
    if _FCNTL is not None:
        _FCNTL.flock(descriptor, _FCNTL.LOCK_EX | _FCNTL.LOCK_NB)
    elif _MSVCRT is not None:
        os.lseek(descriptor, _FAR_AWAY, os.SEEK_SET)
        try:
            _MSVCRT.locking(descriptor, _MSVCRT.LK_NBLCK, 1)
        except OSError as error:
            if error.errno not in (errno.EACCES, errno.EDEADLK):
                raise
            raise BlockingIOError(errno.EAGAIN, "locked by another process") from None
    else:
        raise OSError(errno.ENOLCK, "this system has no locks that Python knows")
