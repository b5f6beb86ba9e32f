"""``topogrid study`` says how far it is, the answers, and where the page is."""

from pathlib import Path

import pytest

from tests.study.made_records import record
from topogrid.cli.main import main
from topogrid.study.arms import ARMS
from topogrid.study.records import record_path, write_record


def test_the_command_says_the_answers_and_where_the_page_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for seed in (0, 1):
        write_record(record("learned", seed), record_path(tmp_path / "records", ARMS["learned"], seed))
    assert main(["study", "--arms", "learned", "--seeds", "0", "1", "--out", str(tmp_path)]) == 0
    said = capsys.readouterr()
    assert "* learned: Sets: " in said.out
    assert "2 networks are measured, 0 are left" in said.err
    assert (tmp_path / "study.md").is_file()


def test_bad_words_are_answered_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["study", "--arms", "lerned", "--out", str(tmp_path)]) == 2
    assert main(["study", "--seeds", "x", "--out", str(tmp_path)]) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 2
    assert "did you mean learned" in said[0]
    assert "a seed is a whole number" in said[1]
