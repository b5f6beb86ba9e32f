"""The run that a person means is found by folder, checkpoint, name or date, or it is said what is there."""

import os
from pathlib import Path

import pytest

from topogrid.runs.resume import AUTO, newest_run, run_to_continue


def made(folder: Path, *steps: int, saved: float = 1e9) -> Path:
    """Make what is looked at of a run: its settings, and checkpoints that were saved at a time."""
    (folder / "checkpoints").mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    for step in steps:
        path = folder / "checkpoints" / f"step_{step:08d}.pt"
        path.touch()
        os.utime(path, (saved, saved))
    return folder


def test_a_folder_and_one_of_its_checkpoints_are_the_same_run(tmp_path: Path) -> None:
    run = made(tmp_path / "a", 3, 5)
    checkpoint = run / "checkpoints" / "step_00000003.pt"
    assert run_to_continue(str(run), tmp_path, "") == (run, run)
    assert run_to_continue(str(checkpoint), tmp_path, "") == (run, checkpoint)


def test_the_newest_run_is_the_one_that_saved_last_and_not_the_one_with_most_steps(tmp_path: Path) -> None:
    made(tmp_path / "long", 100, 200, saved=1e9)
    last = made(tmp_path / "short", 1, saved=1e9 + 5)
    made(tmp_path / "unsaved")
    (tmp_path / "no run").mkdir()
    assert newest_run(tmp_path) == last
    assert run_to_continue(AUTO, tmp_path, "") == (last, last)
    assert newest_run(tmp_path / "nowhere") is None
    assert run_to_continue(AUTO, tmp_path / "nowhere", "") is None


def test_a_name_stands_for_its_run_however_old_and_for_nothing_where_there_is_none(tmp_path: Path) -> None:
    old = made(tmp_path / "old", 1, saved=1.0)
    made(tmp_path / "new", 1)
    assert run_to_continue(AUTO, tmp_path, "old") == (old, old)
    assert run_to_continue(AUTO, tmp_path, "other") is None


def test_a_run_that_was_stopped_before_its_first_checkpoint_begins_again(tmp_path: Path) -> None:
    run = made(tmp_path / "a")
    assert run_to_continue(str(run), tmp_path, "") == (run, run)


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        ("nowhere", "found nothing at 'nowhere'; give a run folder, a checkpoint or auto"),
        ("", "found nothing at ''; give a run folder"),
        ("a", r"found nothing at 'a'; did you mean runs/a\?"),
        ("runs", "must be a run folder or a checkpoint inside one, but 'runs' is neither"),
        ("runs/a/config.json", "is neither"),
        ("runs/lost", "found no good checkpoint in 'runs/lost'; start that run anew without --resume"),
        ("x" * 300, r"found nothing at 'x+\.\.\.; give"),
    ],
)
def test_what_is_no_run_is_said_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wanted: str, told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    made(Path("runs/a"), 3)
    (made(Path("runs/lost")) / "checkpoints" / "step_00000003.pt.corrupt").touch()
    with pytest.raises(ValueError, match=told) as refused:
        run_to_continue(wanted, "runs", "")
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 250


def test_the_folder_one_stands_in_is_a_run_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = made(tmp_path / "a", 3)
    monkeypatch.chdir(run / "checkpoints")
    found = run_to_continue("..", tmp_path, "")
    assert found is not None
    assert found.folder == run
