"""A page that is there and current is opened as it is; one that is not is written first, and its place is said."""

import webbrowser
from pathlib import Path

import pytest

from tests.made_runs import made_run
from topogrid.cli.main import main
from topogrid.runs.folder import RunFolder

WRITTEN = "written anew"


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Start no browser and write no page; return what would be opened."""
    found: list[str] = []

    def write(folder: RunFolder, _config: object) -> Path:
        folder.report.write_text(WRITTEN)
        return folder.report

    monkeypatch.setattr("topogrid.reports.explorer.write_report", write)
    monkeypatch.setattr(webbrowser, "open", lambda address: found.append(address) or True)
    return found


@pytest.mark.parametrize(("there", "current"), [(False, False), (True, False), (True, True)])
def test_a_page_is_written_unless_it_is_there_and_current(
    there: bool, current: bool, opened: list[str], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    run = made_run(tmp_path / "mine")
    monkeypatch.setattr("topogrid.reports.explorer.is_current", lambda _folder: current)
    if there:
        (run / "report.html").write_text("as it was")
    assert main(["open", str(run)]) == 0
    said = capsys.readouterr()
    assert said.out == f"{run / 'report.html'}\n"
    assert (run / "report.html").read_text() == ("as it was" if current else WRITTEN)
    assert ("Writing " in said.err) is not current
    assert opened == [(run / "report.html").resolve().as_uri()]


def test_the_page_of_an_analysis_is_opened_as_it_is(opened: list[str], tmp_path: Path) -> None:
    (tmp_path / "report.html").write_text("of an analysis, whose settings are not here")
    assert main(["open", str(tmp_path), "--no-browser"]) == 0
    assert (tmp_path / "report.html").read_text() != WRITTEN
    assert opened == []


def test_where_no_browser_starts_the_place_of_the_page_is_enough(
    opened: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(webbrowser, "open", lambda _address: False)
    assert main(["open", str(made_run(tmp_path / "mine"))]) == 0
    assert capsys.readouterr().err.endswith("No browser could be started here; open that file with one.\n")


def test_what_is_no_run_is_refused(opened: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["open", str(tmp_path)]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert opened == []
    assert not (tmp_path / "report.html").exists()
