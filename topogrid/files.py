"""Files written whole or not at all, and what can be said about a folder before anything is written."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO


def check_writable(path: str | Path) -> None:
    """Make sure that a folder at ``path`` exists or can be made, and can be written; nothing is left behind.

    Raises
    ------
    ValueError
        If ``path``, or a part of it, is a file.
    OSError
        If the file system says no.
    """
    path = Path(path)
    try:
        nearest = next(parent for parent in (path, *path.parents) if parent.exists())
    except OSError as error:
        raise OSError(f"cannot use the folder {path}: {error.strerror}; choose another one") from error
    if not nearest.is_dir():
        raise ValueError(f"cannot use {path} as a folder: {nearest} is a file; choose another one")
    try:
        with tempfile.TemporaryFile(dir=nearest):
            pass
    except OSError as error:
        raise OSError(f"cannot write to {nearest}: {error.strerror}; choose another folder for {path}") from error


def write_json_atomic(path: Path, value: object) -> None:
    """Write ``value`` as JSON so that a reader finds either the old file or the whole new one."""
    write_text_atomic(path, json.dumps(value, indent=2) + "\n")


def write_text_atomic(path: Path, text: str) -> None:
    """Write ``text`` so that a reader finds either the old file or the whole new one."""
    write_bytes_atomic(path, text.encode())


def write_bytes_atomic(path: Path, content: bytes) -> None:
    """Write ``content`` so that a reader finds either the old file or the whole new one."""
    put_in_place(write_beside(path, lambda file: file.write(content)), path)


def write_beside(path: Path, write: Callable[[IO[bytes]], object]) -> Path:
    """Write a temporary file beside ``path``, down to the disk; it is gone again if writing fails."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return temporary


def put_in_place(temporary: Path, path: Path) -> None:
    """Give a file that is on the disk its real name, in one go; it is gone if that fails."""
    try:
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    # The new name is on the disk only once its folder is. Some file systems cannot sync a folder: nothing is lost then.
    with suppress(OSError):
        descriptor = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def one_line(error: BaseException) -> str:
    """Return the first line of an error's message, and not too much of it."""
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]
