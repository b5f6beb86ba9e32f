"""What is said about time before anything long is begun."""

import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from topogrid.session import pace
from topogrid.session.companions import build_state
from topogrid.session.pace import Pace, announcement, evaluation_seconds, evaluations_left
from topogrid.settings.config import TrainConfig
from topogrid.training.processes import ALONE


def smoke(**changes: object) -> TrainConfig:
    return TrainConfig(**{"preset": "smoke", "wiring": "dense", "device": "cpu", **changes})


@pytest.mark.parametrize(
    ("done", "steps", "every", "at_start", "count"),
    [(0, 10, 100, True, 2), (0, 10, 100, False, 1), (0, 10, 5, True, 3), (0, 10, 4, True, 4), (5, 10, 5, False, 1),
     (4, 10, 5, False, 2), (10, 10, 5, False, 0)],
)  # fmt: skip
def test_evaluations_are_counted(done: int, steps: int, every: int, at_start: bool, count: int) -> None:
    assert evaluations_left(done, smoke(steps=steps, eval_every=every), at_start=at_start) == count


def test_an_evaluation_takes_as_long_as_its_walks() -> None:
    base = evaluation_seconds(smoke(), 1e-9)
    assert evaluation_seconds(smoke(eval_walks=2_000_000), 1e-9) > 100 * base
    assert evaluation_seconds(smoke(eval_burn_in=1_000_000), 1e-9) > 60


def test_the_announcement_tells_both(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "expected_seconds", lambda state, config: 7200.0)
    config = smoke(steps=1000, eval_every=400)
    line = announcement(build_state(config, ALONE), config, Path("runs/a"), at_start=True)
    assert "about 2.0 hours here" in line
    assert "4 evaluations of about" in line
    assert "--resume runs/a" in line


@pytest.mark.parametrize(
    ("seconds", "told"), [(190.0, "--eval_every 25000 evaluates about 4 times"), (30.0, "evaluates once, at the end")]
)
def test_a_machine_that_trains_faster_than_it_evaluates_is_told(
    monkeypatch: pytest.MonkeyPatch, seconds: float, told: str
) -> None:
    monkeypatch.setattr(pace, "expected_seconds", lambda state, config: seconds)
    monkeypatch.setattr(pace, "evaluation_seconds", lambda config, per_operation: 42.0)
    state = build_state(smoke(steps=100_000), ALONE)
    often = announcement(state, smoke(steps=100_000, eval_every=1000), Path("runs/a"), at_start=False)
    assert told in often
    for every in (100_000, 50_000):
        rare = announcement(state, smoke(steps=100_000, eval_every=every), Path("runs/a"), at_start=False)
        assert ("--eval_every" in rare) == (every == 50_000 and seconds == 30.0)


def test_a_pace_that_is_not_known_is_none() -> None:
    assert Pace(0).steps_per_second(1, busy_elsewhere=1e9) == 0
    assert math.isfinite(Pace(0).steps_per_second(1, busy_elsewhere=0))


def test_steps_that_training_replays_are_rehearsed_as_replays(monkeypatch: pytest.MonkeyPatch) -> None:
    """A step launched one by one takes up to eight times as long on a GPU: 29 minutes were announced for one."""
    config = smoke(tau=True, wiring="learned", steps=60)
    replays: list[str] = []

    def captured(work: Callable[[], None], generator: torch.Generator) -> tuple[None, Callable[[], None]]:
        assert generator.device.type == "cpu"
        work()
        return None, lambda: replays.append(work.__name__)

    monkeypatch.setattr(pace, "uses_graph", lambda *_: True)
    monkeypatch.setattr(pace, "on_side_stream", lambda work, stream: work())
    monkeypatch.setattr(torch.cuda, "Stream", lambda device: None)
    monkeypatch.setattr(pace, "captured", captured)
    state = build_state(config, ALONE)
    before = {name: value.clone() for name, value in state.network.state_dict().items()}
    assert pace.expected_seconds(state, config) > 0
    assert set(replays) == {"make", "rehearse"}
    for name, value in state.network.state_dict().items():
        assert torch.equal(value, before[name])

    def fails(work: Callable[[], None], generator: torch.Generator) -> tuple[None, Callable[[], None]]:
        raise RuntimeError("operation not permitted when stream is capturing")

    monkeypatch.setattr(pace, "captured", fails)
    assert pace.expected_seconds(state, config) > 0
