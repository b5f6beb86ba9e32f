"""Lines go to the screen, or to whoever asked for them, and to a file; none is lost to a full disk or torn in two."""

import io
import logging
import sys
from pathlib import Path

import pytest

from topogrid.session.log import LOGGER, kept, on_screen, tell


def test_lines_go_to_stderr_and_with_their_time_to_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = list(LOGGER.handlers), LOGGER.level
    with on_screen(), kept(tmp_path / "log.txt"):
        tell("100 % said")
    assert capsys.readouterr() == ("", "100 % said\n")
    (line,) = (tmp_path / "log.txt").read_text().splitlines()
    assert line.endswith(" 100 % said")
    assert line[:2] == "20"
    assert (list(LOGGER.handlers), LOGGER.level) == before


def test_who_asks_for_the_lines_gets_them_in_place_of_the_screen(capsys: pytest.CaptureFixture[str]) -> None:
    said: list[str] = []
    with on_screen(said.append):
        tell("one")
    assert said == ["one"]
    assert capsys.readouterr() == ("", "")


def test_a_handler_of_the_user_that_shows_lines_takes_the_place_of_the_screen(
    capsys: pytest.CaptureFixture[str],
) -> None:
    handler = logging.StreamHandler(sys.stderr)
    LOGGER.addHandler(handler)
    try:
        with on_screen():
            tell("once")
    finally:
        LOGGER.removeHandler(handler)
    assert capsys.readouterr().err == "once\n"


def test_what_would_move_the_cursor_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    with on_screen():
        tell("a\x1b[31m\nb\u202e")
    assert capsys.readouterr().err == "a\\x1b[31m\\nb\\u202e\n"


class TornFile(io.FileIO):
    """Takes so many bytes, then no more."""

    room = 60

    def write(self, content: bytes) -> int:  # type: ignore[override]
        taken = super().write(bytes(content)[: self.room])
        TornFile.room -= taken
        return taken


def test_lines_that_a_full_disk_refused_come_later_and_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("topogrid.session.log.open_to_append", lambda path: TornFile(path, "a+b"))
    with kept(tmp_path / "log.txt"):
        tell("the first")
        tell("the second, which there is no room for")
        assert len((tmp_path / "log.txt").read_text().splitlines()) == 1
        TornFile.room = 1000
        tell("the third")
    monkeypatch.undo()
    told = [line.split(" ", 2)[2] for line in (tmp_path / "log.txt").read_text().splitlines()]
    assert told == ["the first", "the second, which there is no room for", "the third"]
