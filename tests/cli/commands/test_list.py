"""Runs are listed oldest first, broken ones with their reason, and a folder without any says how to make one."""

import json
from pathlib import Path

import pytest

from tests.made_runs import made_run
from topogrid.cli.main import main


def test_every_run_has_a_line_and_a_broken_one_its_reason(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a", "b", "spoilt"):
        made_run(tmp_path / name, share=0.4)
    (tmp_path / "spoilt" / "config.json").write_text("{torn")
    assert main(["list", str(tmp_path)]) == 0
    said = capsys.readouterr()
    header, *lines = said.out.splitlines()
    assert header.split()[:2] == ["name", "mode"]
    assert [line.split()[0] for line in lines] == ["a", "b", "spoilt:"]
    assert "40.0 (30.0)" in lines[0]
    assert lines[2].startswith("spoilt: broken, ")
    assert said.err == ""


def test_a_folder_without_runs_says_how_to_make_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"{tmp_path} holds no run; topogrid train --preset smoke makes one.\n"


def test_runs_are_looked_for_in_the_usual_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["list"]) == 0
    assert capsys.readouterr().out == "There is no run yet; topogrid train --preset smoke makes one.\n"
    # A folder that somebody named is looked for.
    assert main(["list", "elsewhere"]) == 2
    assert capsys.readouterr().err.startswith("topogrid list: elsewhere is not there; give folders of runs")
    made_run(tmp_path / "runs" / "mine")
    assert main(["list"]) == 0
    assert "mine" in capsys.readouterr().out


def test_no_name_moves_the_cursor(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made_run(tmp_path / "plain").rename(tmp_path / "a\x1b[2J\nb")
    broken = made_run(tmp_path / "c")
    (broken / "config.json").write_text(json.dumps(["no settings"]))
    broken.rename(tmp_path / "c\x1b[31m")
    assert main(["list", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert all(line.isprintable() for line in lines)
