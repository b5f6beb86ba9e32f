"""Both commands that intervene say the same: the table, its notes, what was left out, and where all of it is."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.changed_networks import CONFIG, usual_measures, usual_subject
from topogrid.cli.interventions import show_headline, show_table
from topogrid.interventions.files import Headline, Table
from topogrid.interventions.modules import KEY
from topogrid.interventions.paired import paired
from topogrid.interventions.run import Outcome
from topogrid.runs.folder import RunFolder


def outcome(name: str, note: str = "") -> Outcome:
    pair = paired(usual_measures(), usual_measures(), CONFIG.sheet)
    return Outcome(name, "", "", note, {"validation/trajectory_error_cm": 5.0}, pair)


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder(tmp_path / "a\x1b[2J", tmp_path / "imgs")


def test_a_table_its_notes_and_what_was_left_out_are_said(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[Any] = []

    def measured(*arguments: object, progress: Any) -> Table:
        asked.append(arguments)
        progress("tau_x2", 2, 2)
        return Table([outcome("baseline"), outcome("tau_x2", "tau of 3 units raised")], {}, folder.path / "tau_x2")

    monkeypatch.setattr("topogrid.interventions.files.measure_table_into", measured)
    show_table(usual_subject(), ["tau_x2", "tau_x2@module0"], [4], folder)
    said = capsys.readouterr()
    assert asked == [(folder, usual_subject(), ["tau_x2", "tau_x2@module0"], [4])]
    assert [line.split()[0] for line in said.out.splitlines()[:3]] == ["intervention", "baseline", "tau_x2"]
    assert "tau_x2: tau of 3 units raised\n" in said.out
    assert "baseline: " not in said.out
    assert "left out tau_x2@module0: the sheet has no modules\n" in said.err
    assert "2/2 tau_x2: " in said.err
    assert "Everything measured: " in said.err
    assert "\x1b" not in said.out + said.err, "no text moves the cursor"


@pytest.mark.parametrize("evaluated", [False, True])
def test_a_page_is_written_where_there_is_an_evaluation(
    evaluated: bool, folder: RunFolder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if evaluated:
        folder.evaluation.mkdir(parents=True)
        (folder.evaluation / "step_00000004.npz").touch()
    found = Headline([], folder.path / "headline", folder.gallery / "interventions.png")
    monkeypatch.setattr("topogrid.interventions.files.measure_headline_into", lambda *_: found)
    monkeypatch.setattr("topogrid.reports.explorer.write_report", lambda folder, _config: folder.report)
    monkeypatch.setattr(
        "topogrid.interventions.modules.headline_table", lambda _outcomes: (["intervention"], [["baseline"]])
    )
    show_headline(SimpleNamespace(config=CONFIG), folder)  # type: ignore[arg-type]
    said = capsys.readouterr()
    assert said.out == f"intervention\nbaseline\n\n{KEY}\n"
    assert ("Page: " in said.err) is evaluated
    assert "interventions.png" in said.err
    assert "\x1b" not in said.out + said.err


@pytest.mark.parametrize("count", [0, 3])
def test_somebody_who_stops_is_told_where_the_measured_ones_are(
    count: int, folder: RunFolder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def measured(*given: Any, progress: Any = None) -> Table:
        for done in range(count):
            (progress or given[-1])("tau_x2", done + 1, 9)
        raise KeyboardInterrupt

    monkeypatch.setattr("topogrid.interventions.files.measure_table_into", measured)
    monkeypatch.setattr("topogrid.interventions.files.measure_headline_into", measured)
    for show in (
        lambda: show_table(usual_subject(), ["tau_x2"], (), folder),
        lambda: show_headline(usual_subject(), folder),
    ):
        with pytest.raises(KeyboardInterrupt):
            show()
        said = capsys.readouterr().err
        assert ("measured until now: kept in" in said) == (count > 0)
        assert "\x1b" not in said
