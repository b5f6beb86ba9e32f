"""Whoever trains never waits for a reader, and no state of stderr is an error."""

import contextlib
import io
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from topogrid.session import screen
from topogrid.session.screen import Screen

LINES = 3000


@pytest.fixture
def reader_and_writer() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        with contextlib.suppress(OSError):
            os.close(end)


def seconds_to_write(stream: object) -> float:
    """Return how long it takes to say much to a stream, and to be done with it."""
    began = time.monotonic()
    with Screen(stream) as shown:
        for number in range(LINES):
            shown.write(f"line {number} {'x' * 60}\n")
            shown.flush()
        shown.isatty()
    return time.monotonic() - began


def test_a_pipe_that_nobody_drains_is_not_waited_for(
    reader_and_writer: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(screen, "LAST_WAIT", 0.2)
    with os.fdopen(os.dup(reader_and_writer[1]), "w") as stream:
        assert seconds_to_write(stream) < 5
        os.read(reader_and_writer[0], 1 << 20)  # lets the thread of the screen go


def test_who_reads_gets_every_line_in_order(reader_and_writer: tuple[int, int]) -> None:
    reader, writer = reader_and_writer
    with os.fdopen(os.dup(writer), "w") as stream, Screen(stream) as shown:
        for number in range(200):
            shown.write(f"{number}\n")
    os.close(writer)
    with os.fdopen(os.dup(reader)) as text:
        assert text.read().split() == [str(number) for number in range(200)]


def test_a_pipe_whose_reader_is_gone_a_full_disk_and_a_closed_file_are_no_errors(
    reader_and_writer: tuple[int, int],
) -> None:
    reader, writer = reader_and_writer
    os.close(reader)
    with os.fdopen(os.dup(writer), "w") as broken:
        assert seconds_to_write(broken) < 5
    with Path("/dev/full").open("w") as full:
        assert seconds_to_write(full) < 5
    assert seconds_to_write(full) < 5  # which is closed by now


def test_a_terminal_that_is_gone_is_no_error() -> None:
    pty = pytest.importorskip("pty")
    master, slave = pty.openpty()
    with os.fdopen(slave, "w") as stream:
        assert Screen(stream).isatty()
        os.close(master)
        assert not Screen(stream).isatty()
        assert seconds_to_write(stream) < 5


def test_no_stream_at_all_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr", None)
    with Screen() as shown:
        assert shown.write("nobody") == 6
        assert not shown.isatty()


def test_a_disk_with_room_again_is_written_to_again(
    reader_and_writer: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    honest, refused = os.write, [28, 28]  # ENOSPC

    def write(descriptor: int, text: bytes) -> int:
        if refused:
            raise OSError(refused.pop(), "No space left on device")
        return honest(descriptor, text)

    monkeypatch.setattr(screen.os, "write", write)
    with os.fdopen(os.dup(reader_and_writer[1]), "w") as stream, Screen(stream) as shown:
        for line in ("lost\n", "lost\n", "kept\n"):
            shown.write(line)
    assert os.read(reader_and_writer[0], 100) == b"kept\n"


def test_a_stream_that_is_no_file_gets_the_text_at_once() -> None:
    text = io.StringIO()
    with Screen(text) as shown:
        shown.write("at once")
        assert text.getvalue() == "at once"
        with pytest.raises(OSError, match="no open file"):
            shown.fileno()
