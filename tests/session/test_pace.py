"""What is said about time before anything long is begun."""

import math
import re
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import torch

from topogrid.session import pace, start
from topogrid.session.companions import build_state
from topogrid.session.pace import Pace, announcement, evaluation_seconds, evaluations_left
from topogrid.settings.config import TrainConfig
from topogrid.training.processes import ALONE, Processes


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
    monkeypatch.setattr(pace, "expected_seconds", lambda state, config, *, recorded: 7200.0)
    config = smoke(steps=1000, eval_every=400)
    line = announcement(build_state(config, ALONE), config, Path("runs/a"), at_start=True)
    assert "about 2.0 hours here" in line
    assert "4 evaluations of about" in line
    assert "--resume runs/a" in line


@pytest.mark.parametrize("at_start", [False, True])
@pytest.mark.parametrize("done", [0, 10_000, 55_000, 60_000])
@pytest.mark.parametrize("seconds", [30.0, 190.0, 600.0])
def test_evaluations_that_take_longer_than_training_are_told_with_what_mends_it(
    monkeypatch: pytest.MonkeyPatch, seconds: float, done: int, at_start: bool
) -> None:
    monkeypatch.setattr(pace, "expected_seconds", lambda state, config, *, recorded: seconds)
    monkeypatch.setattr(pace, "evaluation_seconds", lambda config, per_operation: 42.0)
    state = build_state(smoke(steps=100_000), ALONE)
    state.step = done

    def line(every: int) -> str:
        return announcement(state, smoke(steps=100_000, eval_every=every), Path("runs/a"), at_start=at_start)

    often = line(1000)
    proposed = re.search(r"--eval_every (\d+) evaluates (once|\d+ times)", often)
    if proposed is None:
        assert "--eval_at_start false leaves out" in often  # of two evaluations one is before the first step
        assert at_start
        return
    every = int(proposed[1])
    count = evaluations_left(done, smoke(steps=100_000, eval_every=every), at_start=at_start)
    assert proposed[2] == ("once" if count == 1 else f"{count} times")
    assert count * 42 <= max(seconds, 60)
    assert "Most of the time goes to evaluations" not in line(every)
    assert ("Most of the time" in line(10**9)) == (at_start and seconds == 30.0)


def test_a_pace_that_is_not_known_is_none() -> None:
    assert Pace(0).steps_per_second(1, busy_elsewhere=1e9) == 0
    assert math.isfinite(Pace(0).steps_per_second(1, busy_elsewhere=0))


def test_steps_that_training_replays_are_rehearsed_as_replays(monkeypatch: pytest.MonkeyPatch) -> None:
    """A step launched one by one takes up to eight times as long on a GPU: 29 minutes were announced for one."""
    config = smoke(tau=True, wiring="learned", steps=60)
    replays: list[torch.Generator] = []

    def captured(work: Callable[[], None], generator: torch.Generator) -> tuple[None, Callable[[], None]]:
        work()
        return None, lambda: replays.append(generator)

    monkeypatch.setattr(pace, "on_side_stream", lambda work, stream: work())
    monkeypatch.setattr(torch.cuda, "Stream", lambda device: None)
    monkeypatch.setattr(pace, "captured", captured)
    state = build_state(config, ALONE)
    before = {name: value.clone() for name, value in state.network.state_dict().items()}
    assert pace.expected_seconds(state, config) > 0
    assert not replays
    assert pace.expected_seconds(state, config, recorded=True) > 0
    assert len(replays) == 2 * 3  # twice each: a batch of modules, a step of them, a step of the read-out
    for name, value in state.network.state_dict().items():
        assert torch.equal(value, before[name])


def test_a_rehearsal_that_cannot_be_recorded_is_taken_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    config = smoke(tau=True, wiring="learned", steps=60)
    spoilt: list[torch.Generator] = []

    def fails(work: Callable[[], None], generator: torch.Generator) -> tuple[None, Callable[[], None]]:
        spoilt.append(generator)
        work()
        raise RuntimeError("operation not permitted when stream is capturing")

    real = pace.make_batch

    def draws(*given: Any, **more: Any) -> Any:
        batch = real(*given, **more)
        seen.append(given[2])
        return batch

    seen: list[torch.Generator] = []
    monkeypatch.setattr(pace, "on_side_stream", lambda work, stream: work())
    monkeypatch.setattr(torch.cuda, "Stream", lambda device: None)
    monkeypatch.setattr(pace, "captured", fails)
    monkeypatch.setattr(pace, "make_batch", draws)
    assert pace.expected_seconds(build_state(config, ALONE), config, recorded=True) > 0
    last = max(place for place, generator in enumerate(seen) if any(generator is one for one in spoilt))
    assert len(seen) > last + 1  # the last batches come from a generator that saw no recording


def test_several_processes_are_told_of_steps_one_by_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps are recorded by one process only."""
    told: list[bool] = []
    monkeypatch.setattr(start, "uses_graph", lambda wanted, device, processes, config: processes.alone)
    monkeypatch.setattr(start, "GraphedStep", lambda *_, **__: None)
    monkeypatch.setattr(start, "announcement", lambda *_, recorded, **__: told.append(recorded) or "soon")
    for processes in (ALONE, Processes(0, 2, 0)):
        config = smoke(save_dir=str(tmp_path / str(processes.count)), gallery_dir=str(tmp_path), wandb="disabled")
        with ExitStack() as held:
            start.prepare(config, processes, held)
    assert told == [True, False]
