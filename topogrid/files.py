"""Files opened as what they should be and written whole or not at all, whoever made the folder they are in.

A folder may come from somebody else. What is read is a regular file of a size that fits into memory, never a pipe or a
device; what is written is written beside its place and renamed, or through a name that is no link, so that it stays in
its folder.
"""

from __future__ import annotations

import errno
import json
import math
import os
import shutil
import stat
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

MOST_BYTES = 64 * 2**20
"""How large a text file may be that is read at once; those that a run writes have kilobytes."""

# Opening a pipe must not wait for somebody at its other end; not every system has all of these.
_PLAIN = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)


def open_regular(path: str | Path) -> IO[bytes]:
    """Open a file to read it, if it is a regular one or a link to one.

    Raises
    ------
    OSError
        If it is a folder, a pipe, a device or a socket, which is not opened; or cannot be.
    """
    _check_regular(path, os.stat(path))
    descriptor = os.open(path, os.O_RDONLY | _PLAIN)
    try:
        _check_regular(path, os.fstat(descriptor))
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def read_bytes(path: str | Path, most: int = MOST_BYTES) -> bytes:
    """Return what a regular file holds.

    Raises
    ------
    OSError
        As `open_regular`.
    ValueError
        If it is larger than ``most`` bytes; no more than that is read.
    """
    with open_regular(path) as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise ValueError(f"{path} is larger than {most:,} bytes, which no file of its kind is")
    return content


def read_text(path: str | Path, most: int = MOST_BYTES) -> str:
    """Return the text in a regular file, UTF-8.

    Raises
    ------
    OSError, ValueError
        As `read_bytes`, or if it is no such text.
    """
    return read_bytes(path, most).decode("utf-8")


def read_json(path: str | Path, most: int = MOST_BYTES) -> Any:
    """Return the value in a JSON file.

    Raises
    ------
    OSError, ValueError
        As `read_text`, or if it is no JSON, or nested too deeply for one.
    """
    try:
        return json.loads(read_text(path, most))
    except RecursionError as error:
        raise ValueError(f"{path} is nested too deeply, which no file of its kind is") from error


def open_to_append(path: str | Path) -> IO[bytes]:
    """Open a regular file, made if it is not there, to read it and to write at its end; nothing waits in a buffer.

    A file that has a second name elsewhere, as in copies made of hard links, is parted from it first.

    Raises
    ------
    OSError
        If there is a link, a folder, a pipe or a device in its place, or it cannot be opened.
    """
    path = Path(path)
    with suppress(FileNotFoundError):
        if os.lstat(path).st_nlink > 1:
            with open_regular(path) as shared:
                put_in_place(write_beside(path, lambda file: shutil.copyfileobj(shared, file)), path)
    return os.fdopen(open_own(path, os.O_APPEND), "a+b", buffering=0)


def open_own(path: str | Path, flags: int = 0) -> int:
    """Return a descriptor to read and write a regular file, made if it is not there; see `os.open` for flags.

    Raises
    ------
    OSError
        If there is a link, a folder, a pipe or a device in its place, or it cannot be opened.
    """
    with suppress(FileNotFoundError):
        _check_regular(path, os.lstat(path))
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | flags | _PLAIN | _NO_LINK, 0o666)
    try:
        _check_regular(path, os.fstat(descriptor))
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def append_text(path: str | Path, text: str) -> None:
    """Write text at the end of a regular file; see `open_to_append`.

    Raises
    ------
    OSError
        As `open_to_append`, or if the disk does not take it.
    """
    with open_to_append(path) as file:
        file.write(text.encode(errors="backslashreplace"))


def check_own_folder(path: str | Path) -> None:
    """Refuse a link, or anything but a folder, in the place of a folder that is to be written into.

    Raises
    ------
    OSError
        If there is one. A folder that is not there may be made.
    """
    with suppress(FileNotFoundError):
        if not stat.S_ISDIR(os.lstat(path).st_mode):
            what = "a link" if os.path.islink(path) else "no folder"
            raise OSError(
                errno.ENOTDIR, f"{what} in place of a folder of this run, into which nothing is written", str(path)
            )


def _check_regular(path: str | Path, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        kind = "a link" if stat.S_ISLNK(found.st_mode) else "a folder" if stat.S_ISDIR(found.st_mode) else "no file"
        code = errno.EISDIR if stat.S_ISDIR(found.st_mode) else errno.EINVAL
        raise OSError(code, f"{kind} in place of a regular file", str(path))


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


def to_json(value: object, *, indent: int | None = None) -> str:
    """Return a value as JSON; a number that is not finite becomes null, which is what JSON has for it."""
    return json.dumps(_finite(value), indent=indent, allow_nan=False)


def _finite(value: object) -> object:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    return list(map(_finite, value)) if isinstance(value, list | tuple) else value


def write_json_atomic(path: Path, value: object) -> None:
    """Write ``value`` by `to_json` so that a reader finds either the old file or the whole new one."""
    write_text_atomic(path, to_json(value, indent=2) + "\n")


def write_text_atomic(path: Path, text: str) -> None:
    """Write ``text`` so that a reader finds either the old file or the whole new one."""
    write_bytes_atomic(path, text.encode())


def write_bytes_atomic(path: Path, content: bytes) -> None:
    """Write ``content`` so that a reader finds either the old file or the whole new one."""
    put_in_place(write_beside(path, lambda file: file.write(content)), path)


def write_beside(path: Path, write: Callable[[IO[bytes]], object]) -> Path:
    """Write a temporary file beside ``path``, down to the disk; it is gone again if writing fails."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.unlink(missing_ok=True)  # of a process that was killed, or a link that somebody left
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _PLAIN | _NO_LINK, 0o666)
        with os.fdopen(descriptor, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno is not None and not error.filename:
            # An open file that takes no more, as on a full disk, does not say which it is.
            raise OSError(error.errno, error.strerror, str(path)) from error
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


def printable(text: str) -> str:
    """Return a text that somebody else chose as one that a terminal shows on one line: control characters escaped."""
    return text if text.isprintable() else repr(text)[1:-1]
