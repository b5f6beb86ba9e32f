"""A failed step is taken again and told line by line; what holds no step is refused in one."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.saved_runs import DATA, KEPT_VERSION
from topogrid.cli.main import main


def test_all_lines_are_printed_in_their_order(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[str] = []

    def replay(path: str) -> SimpleNamespace:
        asked.append(path)
        return SimpleNamespace(lines=lambda: ["Step 7 again", "  weights: 0 of 9", "First not finite: loss"])

    monkeypatch.setattr("topogrid.session.failures.replay", replay)
    assert main(["replay", "nonfinite_step_00000007.pt"]) == 0
    assert capsys.readouterr().out == "Step 7 again\n  weights: 0 of 9\nFirst not finite: loss\n"
    assert asked == ["nonfinite_step_00000007.pt"]


@pytest.mark.parametrize("kind", ["missing", "folder", "text", "checkpoint"])
def test_what_is_no_failed_step_is_refused_in_one_line(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "text").write_text("no step\n")
    path = {
        "missing": tmp_path / "no\x1b[31m\nfile",
        "folder": tmp_path,
        "text": tmp_path / "text",
        "checkpoint": DATA / KEPT_VERSION / "dense" / "checkpoints" / "step_00000004.pt",
    }[kind]
    assert main(["replay", str(path)]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    (line,) = said.err.splitlines()
    assert line.startswith("topogrid replay: ")
    assert line.isprintable()
