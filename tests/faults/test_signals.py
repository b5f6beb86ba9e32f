"""Real signals to real runs: each stops after saving, inside an evaluation and a save too; a second one quits."""

import signal
import time
from pathlib import Path

import pytest

from tests.faults.harness import Process, Server, flags
from topogrid.runs.checkpoints import find_checkpoint

CODES = {"SIGTERM": 143, "SIGINT": 130, "SIGHUP": 143, "SIGUSR1": 143}


def begin(server: Server, name: str, **changes: object) -> Process:
    return server.start(*flags(name=name, **changes))


@pytest.mark.parametrize(
    ("name", "code"),
    [pytest.param(*one, marks=[] if one[0] == "SIGTERM" else pytest.mark.slow) for one in CODES.items()],
)
def test_a_signal_between_steps_saves_and_exits(server: Server, folder: Path, name: str, code: int) -> None:
    run = begin(server, name, steps=100_000, eval_every=100_000, save_every=100_000)
    assert run.until("save", 2)  # of step 0, before and after its evaluation
    time.sleep(0.2)
    run.signal(signal.Signals[name])
    assert run.wait() == code
    said = run.log.read_text()
    assert f"go on with: topogrid train --resume runs/{name}" in said
    assert "Traceback" not in said
    found = find_checkpoint(folder / "runs" / name)
    assert found.state["step"] > 0
    assert f"stopped after step {found.state['step']};" in said


def test_a_signal_inside_an_evaluation_does_not_wait_for_it(server: Server, folder: Path) -> None:
    run = begin(server, "abandoned", eval_walks=2_000_000)
    assert run.until("evaluation")
    time.sleep(0.3)
    assert run.phase() == "evaluation"
    began = time.monotonic()
    run.signal(signal.SIGUSR1)
    assert run.wait() == 143
    assert time.monotonic() - began < 30  # the evaluation itself takes far longer
    found = find_checkpoint(folder / "runs" / "abandoned")
    assert (found.state["step"], found.state["evaluated"]) == (0, None)


def test_a_signal_inside_a_save_lets_it_finish(server: Server, folder: Path) -> None:
    run = begin(server, "saving", steps=100_000, save_every=1, eval_every=100_000)
    assert run.until("save", 3)
    run.signal(signal.SIGTERM)
    assert run.wait() == 143
    assert find_checkpoint(folder / "runs" / "saving").notes == []
    assert not list((folder / "runs" / "saving" / "checkpoints").glob("*.tmp"))


def test_a_second_signal_quits_at_once_and_what_was_saved_stays(server: Server, folder: Path) -> None:
    run = begin(server, "twice", steps=100_000, save_every=1, eval_every=100_000)
    assert run.until("save", 4)
    run.signal(signal.SIGTERM)
    run.signal(signal.SIGINT)
    # Signals that come together are delivered in the order of their numbers.
    assert run.wait() in (130, 143)
    assert "stopped after" not in run.log.read_text()
    assert find_checkpoint(folder / "runs" / "twice").state["step"] >= 1


def test_a_signal_while_the_run_is_set_up_leaves_no_traceback(server: Server, folder: Path) -> None:
    run = begin(server, "early")
    while not (folder / "runs" / "early" / "config.json").exists():
        assert run.alive()
        time.sleep(0.0003)
    run.signal(signal.SIGINT)
    assert run.wait() == 130
    assert "Traceback" not in run.log.read_text()
    again = begin(server, "early", resume="auto")
    assert again.wait() == 0, again.log.read_text()
    assert find_checkpoint(folder / "runs" / "early").state["step"] == 24
