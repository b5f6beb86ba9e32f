"""Training is started with the settings that were given, and its exit code is the program's."""

import signal
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest

from topogrid.cli.commands import train
from topogrid.settings.config import TrainConfig


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[TrainConfig]:
    """Train nothing; return the settings of what would be trained, and say a line."""
    found: list[TrainConfig] = []

    def run(config: TrainConfig, say: Callable[[str], None]) -> int:
        found.append(config)
        say("step 1 of 7")
        return 3

    monkeypatch.setattr("topogrid.session.run.run_training", run)
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    return found


def test_settings_go_in_and_the_exit_code_comes_out(
    started: list[TrainConfig], capsys: pytest.CaptureFixture[str]
) -> None:
    assert train.main(["--preset", "smoke", "--tau", "--steps", "7"], program="topogrid train") == 3
    (config,) = started
    assert (config.preset, config.tau, config.steps) == ("smoke", True, 7)
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "step 1 of 7\n")


def test_help_ends_well_and_starts_nothing(started: list[TrainConfig], capsys: pytest.CaptureFixture[str]) -> None:
    assert train.main(["--help"], program="mine") == 0
    assert capsys.readouterr().out.startswith("usage: mine ")
    assert started == []


def test_a_bad_flag_is_said_under_the_name_of_the_program(
    started: list[TrainConfig], capsys: pytest.CaptureFixture[str]
) -> None:
    assert train.main(["--steps", "0"], program="mine") == train.BAD_ARGUMENTS
    assert capsys.readouterr().err == "mine: steps must be 1 to 1e+15 steps, got 0\n"
    assert started == []


@pytest.mark.parametrize(("rank", "lines"), [("0", 1), ("1", 0)])
def test_of_many_processes_one_speaks_and_the_others_let_it(
    rank: str, lines: int, started: list[TrainConfig], monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    waited: list[Any] = []
    monkeypatch.setenv("LOCAL_RANK", rank)
    monkeypatch.setattr(time, "sleep", waited.append)
    monkeypatch.setattr(signal, "signal", lambda *which: waited.append(which))
    assert train.main(["--steps", "0"], program="mine") == 2
    assert capsys.readouterr().err.count("\n") == lines
    silent = [(signal.SIGTERM, signal.SIG_DFL), train.TIME_TO_SPEAK]
    assert waited == (silent if rank == "1" else [])


def test_a_wrong_flag_is_answered_before_torch_is_needed(
    started: list[TrainConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "topogrid.session.run", None)  # an import of it fails
    assert train.main(["--lr", "quick"], program="mine") == 2
    with pytest.raises(ImportError):
        train.main(["--preset", "smoke"], program="mine")
