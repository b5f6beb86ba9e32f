"""A run is opened with nothing but its folder, and as the network that was trained there or not at all."""

import dataclasses
import shutil
from pathlib import Path

import pytest
import torch

from tests.saved_runs import DATA, KEPT_VERSION
from topogrid.runs.checkpoints import load_checkpoint, save_checkpoint
from topogrid.runs.errors import CheckpointError
from topogrid.runs.folder import RunFolder
from topogrid.settings import machine
from topogrid.settings.errors import SettingsError
from topogrid.settings.saved import read_settings, write_settings
from topogrid.trained.run import open_run

KEPT = DATA / KEPT_VERSION / "dense"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    shutil.copytree(KEPT, tmp_path / "dense")
    return tmp_path / "dense"


def later(run: Path, step: int, shift: float) -> Path:
    """Save the network again as of a later step, every weight of its read-out shifted."""
    state = load_checkpoint(run / "checkpoints" / "step_00000004.pt")
    state["network"]["readout"] += shift
    save_checkpoint(RunFolder.open(run), state | {"step": step}, step)
    return run / "checkpoints" / f"step_{step:08d}.pt"


def test_the_newest_checkpoint_is_opened_unless_one_is_named(run: Path) -> None:
    first = open_run(run)
    path = later(run, 9, 1.0)
    newest = open_run(run)
    assert (first.step, newest.step) == (4, 9)
    torch.testing.assert_close(newest.network.readout, first.network.readout + 1)
    assert open_run(run, run / "checkpoints" / "step_00000004.pt").step == 4
    assert open_run(run, path).origin == f"{run}, step 9"


def test_a_broken_checkpoint_is_passed_over_left_alone_and_told(run: Path) -> None:
    later(run, 9, 1.0).write_bytes(b"torn")
    before = sorted(path.name for path in (run / "checkpoints").iterdir())
    opened = open_run(run)
    assert opened.step == 4
    assert any("step_00000009.pt" in note for note in opened.notes)
    assert sorted(path.name for path in (run / "checkpoints").iterdir()) == before
    with pytest.raises(CheckpointError):
        open_run(run, run / "checkpoints" / "step_00000009.pt")


def test_settings_that_were_changed_after_training_are_refused_before_the_network_is_made(run: Path) -> None:
    config = read_settings(run / "config.json").config
    write_settings(dataclasses.replace(config, tau_max=config.tau_max + 1), run / "config.json")
    with pytest.raises(SettingsError, match="was trained with other settings than its run has now: tau_max"):
        open_run(run)


def test_a_network_too_large_for_this_machine_is_refused_before_its_file_is_read(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (run / "checkpoints" / "step_00000004.pt").unlink()
    monkeypatch.setattr(machine, "machine_memory", lambda: 1000)
    with pytest.raises(SettingsError, match="open it on a larger one"):
        open_run(run)


def test_opening_writes_nothing_into_a_run(run: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in run.rglob("*")}
    opened = open_run(run)
    assert not opened.network.training
    assert {path: path.stat().st_mtime_ns for path in run.rglob("*")} == before
