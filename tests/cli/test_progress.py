"""What was done is told: a line for each part where nobody looks, a bar on a terminal, or nothing."""

import contextlib
import io
import sys
import time

import pytest

from topogrid.cli.progress import Progress


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_a_line_for_each_part_says_how_long_it_took(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress("stage") as progress:
        progress("walks", 1, 2)
        progress("maps", 2, 2)
    assert capsys.readouterr().err == "1/2 walks: 0 s\n2/2 maps: 0 s\n"


def test_a_long_work_says_what_begins_and_how_long_it_still_takes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = iter([0.0, 20.0, 60.0, 70.0])
    monkeypatch.setattr(time, "perf_counter", lambda: next(now))
    with Progress("stage", "Measuring it ...") as progress:
        progress("walks", 1, 3)
        progress("maps", 2, 3)
        progress("paths", 3, 3)
    assert capsys.readouterr().err.splitlines() == [
        "Measuring it ...",
        "1/3 walks: 20 s, about 40 seconds left",
        "2/3 maps: 40 s, about 30 seconds left",
        "3/3 paths: 10 s",
    ]


def test_nothing_is_said_where_only_a_terminal_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress("step", only_on_terminal=True) as progress:
        progress("walk", 1, 2)
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "")


@pytest.mark.parametrize("only_on_terminal", [False, True])
def test_a_terminal_gets_a_bar_that_ends_full(monkeypatch: pytest.MonkeyPatch, only_on_terminal: bool) -> None:
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    with Progress("stage", only_on_terminal=only_on_terminal) as progress:
        progress("walks", 1, 4)
        progress("maps", 4, 4)
        assert (progress._bar.n, progress._bar.total) == (4, 4)
    said = screen.getvalue()
    assert "maps" in said
    assert "1/4 walks" not in said
    assert "\r" in said


def test_the_bar_is_closed_whatever_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    with contextlib.suppress(KeyboardInterrupt), Progress("stage") as progress:
        progress("walks", 1, 4)
        raise KeyboardInterrupt
    assert screen.getvalue().endswith("\n")
