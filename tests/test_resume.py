"""A run that is stopped and resumed is the run that nobody stopped, wherever and however often it was stopped."""

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import train_grid
from tests.faults.any_settings import in_little_time
from tests.faults.harness import STEPS, faults_of, flags, logged, same
from topogrid.evaluation import measured
from topogrid.runs.checkpoints import load_checkpoint
from topogrid.session import run as session
from topogrid.trained.trained import Trained
from topogrid.training import step as training

pytestmark = pytest.mark.filterwarnings("default::ResourceWarning")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Work in a folder that holds the uninterrupted run."""
    made = tmp_path_factory.mktemp("resume")
    with in_little_time(made):
        assert train_grid.main(flags(save_every=1, keep_checkpoints=1000, name="reference")) == 0
        yield made


@pytest.fixture
def stopped(folder: Path) -> Iterator[Path]:
    path = folder / "runs" / "stopped"
    yield path
    shutil.rmtree(path, ignore_errors=True)
    shutil.rmtree(folder / "imgs" / "stopped", ignore_errors=True)


def stop_at_step(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """Send this process a SIGTERM inside a training step."""
    honest = training.train_step

    def train_step(state: Any, *arguments: Any, **options: Any) -> Any:
        if state.step + 1 == step:
            os.kill(os.getpid(), signal.SIGTERM)
        return honest(state, *arguments, **options)

    monkeypatch.setattr(training, "train_step", train_step)


def stop_in_evaluation(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """Send this process a SIGTERM inside an evaluation."""
    honest = measured.evaluate

    def evaluate(trained: Trained, **options: Any) -> Any:
        if trained.step == step:
            os.kill(os.getpid(), signal.SIGTERM)
        return honest(trained, **options)

    monkeypatch.setattr(measured, "evaluate", evaluate)


class KilledError(BaseException):
    """Ends a run where nothing is prepared for it."""


def die(*arguments: object, **options: object) -> None:
    raise KilledError


def train(**changes: object) -> int:
    return train_grid.main(flags(save_every=5, name="stopped", resume="auto", **changes))


@pytest.mark.parametrize("steps", [(1,), (3,), (8,), (STEPS,), (2, 9, 16, 23)], ids=str)
def test_stopped_in_a_step(
    folder: Path, stopped: Path, monkeypatch: pytest.MonkeyPatch, steps: tuple[int, ...]
) -> None:
    for step in steps:
        with monkeypatch.context() as patched:
            stop_at_step(patched, step)
            assert train() == 143
        state = load_checkpoint(stopped / "checkpoints" / f"step_{step:08d}.pt")
        assert state["step"] == step
    assert train() == 0
    assert faults_of(stopped, folder / "runs" / "reference") == []


@pytest.mark.parametrize("step", [0, 8, STEPS])
def test_stopped_in_an_evaluation(folder: Path, stopped: Path, monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    with monkeypatch.context() as patched:
        stop_in_evaluation(patched, step)
        assert train() == 143
    assert load_checkpoint(stopped / "checkpoints" / f"step_{step:08d}.pt")["evaluated"] != step
    assert not (stopped / "evaluation" / f"step_{step:08d}.npz").exists()
    assert train() == 0
    assert faults_of(stopped, folder / "runs" / "reference") == []


@pytest.mark.parametrize("phase", ["summary", "units"])
def test_stopped_while_the_last_files_are_written(
    folder: Path, stopped: Path, monkeypatch: pytest.MonkeyPatch, phase: str
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(session.Run, {"summary": "_sum_up", "units": "_write_units"}[phase], die)
        with pytest.raises(KilledError):
            train()
    assert train() == 0
    assert faults_of(stopped, folder / "runs" / "reference") == []
    assert train() == 2  # nothing is left to do


def test_killed_after_an_evaluation_that_no_checkpoint_knows_of(
    folder: Path, stopped: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its row is already written, and is not written twice."""
    with monkeypatch.context() as patched:
        stop_in_evaluation(patched, 8)
        assert train() == 143
    with monkeypatch.context() as patched:
        patched.setattr(session, "save_checkpoint", die)
        with pytest.raises(KilledError):
            train()
    assert [row["step"] for row in logged(stopped) if "validation/trajectory_error_cm" in row] == [0, 8]
    assert train() == 0
    assert faults_of(stopped, folder / "runs" / "reference") == []


def test_more_steps_are_the_steps_of_a_longer_run(folder: Path, stopped: Path) -> None:
    """With a schedule that does not depend on the number of steps."""
    places = {"lr_schedule": "constant", "save_every": 8, "eval_every": 4, "print_every": 1}
    assert train_grid.main(flags(name="longer", **places, steps=12)) == 0
    assert train_grid.main(flags(name="stopped", **places, steps=8)) == 0
    assert train_grid.main(["--resume", "runs/stopped", "--steps", "12"]) == 0
    ends = [
        load_checkpoint(folder / "runs" / name / "checkpoints" / "step_00000012.pt") for name in ("longer", "stopped")
    ]
    for end in ends:
        del end["run_id"]
    assert same(*ends) == []
    np.testing.assert_equal(logged(stopped), logged(folder / "runs" / "longer"))


def test_the_best_checkpoint_is_saved_and_stays(folder: Path, stopped: Path) -> None:
    assert train_grid.main(flags(name="stopped", save_every=1000, eval_every=2, keep_checkpoints=1)) == 0
    saved = sorted(path.stem for path in stopped.glob("checkpoints/*.pt"))
    best, _ = load_checkpoint(stopped / "checkpoints" / f"step_{STEPS:08d}.pt")["best"]
    assert saved == sorted({f"step_{best:08d}", f"step_{STEPS:08d}"})
    errors = {
        r["step"]: r["validation/trajectory_error_cm"] for r in logged(stopped) if "validation/long_error_cm" in r
    }
    assert best == min(errors, key=errors.__getitem__)
