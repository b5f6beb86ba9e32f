"""Runs are compared by what tells them apart, and what was left out and how to repeat it is told."""

from pathlib import Path
from typing import Any

import pytest

from tests.made_runs import made_run, six_runs
from topogrid.cli.main import main


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[dict[str, Any]]:
    """Draw nothing; return what would be written."""
    calls: list[dict[str, Any]] = []

    def write(comparison: Any, out: str, **options: Any) -> dict[str, Path]:
        calls.append({"comparison": comparison, "out": out} | options)
        return {"html": Path(out) / "comparison.html", "csv": Path(out) / "comparison.csv"}

    monkeypatch.setattr("topogrid.reports.comparison.page.write_comparison", write)
    monkeypatch.chdir(tmp_path)
    return calls


def test_groups_are_those_of_the_settings_that_differ(
    written: list[dict[str, Any]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    six_runs(tmp_path / "runs")
    assert main(["compare", "runs"]) == 0
    said = capsys.readouterr()
    (call,) = written
    assert sorted(len(group.members) for group in call["comparison"].groups) == [3, 3]
    assert (call["out"], call["figure_format"]) == ("comparison", "png")
    assert call["command"] == "topogrid compare runs --out comparison"
    assert said.out.startswith("* ")
    assert "Page: comparison/comparison.html   All: comparison/comparison.html, comparison/comparison.csv" in said.err


def test_the_command_can_be_given_again_word_for_word(written: list[dict[str, Any]], tmp_path: Path) -> None:
    runs = [str(path) for path in six_runs(tmp_path / "my runs")]
    assert main(["compare", *runs, "--by", "tau", "--out", "a b", "--format", "pdf"]) == 0
    assert written[0]["figure_format"] == "pdf"
    assert written[0]["command"].endswith("--by tau --out 'a b'")
    assert f"'{runs[0]}'" in written[0]["command"]


def test_what_was_left_out_is_told(
    written: list[dict[str, Any]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    six_runs(tmp_path / "runs")
    spoilt = made_run(tmp_path / "runs" / "spoilt")
    (spoilt / "config.json").write_text("{torn")
    spoilt.rename(tmp_path / "runs" / "spoilt\x1b[2J")
    (tmp_path / "empty").mkdir()
    assert main(["compare", "runs", "empty"]) == 0
    said = capsys.readouterr()
    assert "Note: Left out: spoilt\\x1b[2J, " in said.err
    assert "Note: Left out, for they hold no run: empty." in said.err
    assert "\x1b" not in said.err + said.out


def test_an_unknown_setting_is_refused_and_nothing_written(
    written: list[dict[str, Any]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    six_runs(tmp_path / "runs")
    assert main(["compare", "runs", "--by", "wirring"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "wirring" in line
    assert written == []
