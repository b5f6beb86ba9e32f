"""Steps are timed before training on a copy of the network, the way training takes them."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from topogrid.session import rehearsal
from topogrid.session.companions import build_state
from topogrid.session.rehearsal import rehearse
from topogrid.settings.config import TrainConfig
from topogrid.training.processes import ALONE
from topogrid.training.state import TrainState


def smoke(**changes: object) -> TrainConfig:
    return TrainConfig(**{"preset": "smoke", "wiring": "dense", "device": "cpu", **changes})


def expected(state: TrainState, config: TrainConfig, *, recorded: bool = False) -> float:
    """Return what all steps of a rehearsal take."""
    return sum(one.steps * one.seconds for one in rehearse(state, config, recorded=recorded))


def test_steps_that_training_replays_are_rehearsed_as_replays(monkeypatch: pytest.MonkeyPatch) -> None:
    """A step launched one by one takes up to eight times as long on a GPU: 29 minutes were announced for one."""
    config = smoke(tau=True, wiring="learned", steps=60)
    replays: list[torch.Generator] = []

    def captured(work: Callable[[], None], generator: torch.Generator) -> tuple[None, Callable[[], None]]:
        work()
        return None, lambda: replays.append(generator)

    monkeypatch.setattr(rehearsal, "on_side_stream", lambda work, stream: work())
    monkeypatch.setattr(torch.cuda, "Stream", lambda device: None)
    monkeypatch.setattr(rehearsal, "captured", captured)
    state = build_state(config, ALONE)
    before = {name: value.clone() for name, value in state.network.state_dict().items()}
    assert expected(state, config) > 0
    assert not replays
    assert expected(state, config, recorded=True) > 0
    kinds = 5  # batches and steps of modules, both again with longer walks, and steps of the read-out
    assert len(replays) == (1 + rehearsal.REPEATS) * kinds
    # Once, and timed: a batch of modules, a step of them, a step of the read-out.
    for name, value in state.network.state_dict().items():
        assert torch.equal(value, before[name])


def test_a_rehearsal_that_cannot_be_recorded_is_taken_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    config = smoke(tau=True, wiring="learned", steps=60)
    spoilt: list[torch.Generator] = []

    def fails(work: Callable[[], None], generator: torch.Generator) -> tuple[None, Callable[[], None]]:
        spoilt.append(generator)
        work()
        raise RuntimeError("operation not permitted when stream is capturing")

    real = rehearsal.make_batch

    def draws(*given: Any, **more: Any) -> Any:
        batch = real(*given, **more)
        seen.append(given[2])
        return batch

    seen: list[torch.Generator] = []
    monkeypatch.setattr(rehearsal, "on_side_stream", lambda work, stream: work())
    monkeypatch.setattr(torch.cuda, "Stream", lambda device: None)
    monkeypatch.setattr(rehearsal, "captured", fails)
    monkeypatch.setattr(rehearsal, "make_batch", draws)
    assert expected(build_state(config, ALONE), config, recorded=True) > 0
    last = max(place for place, generator in enumerate(seen) if any(generator is one for one in spoilt))
    assert len(seen) > last + 1  # the last batches come from a generator that saw no recording


def test_a_moment_in_which_the_cores_are_taken_away_is_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    config = smoke(steps=60)
    state = build_state(config, ALONE)
    now = iter([0.0, 0.9, 1.0, 1.01, 2.0, 2.5])  # three times: 0.9, 0.01 and 0.5 seconds
    monkeypatch.setattr(rehearsal.time, "perf_counter", lambda: next(now))
    assert rehearsal._second_time(lambda: None, state) == pytest.approx(0.01)
    long = iter([0.0, 7.0])
    monkeypatch.setattr(rehearsal.time, "perf_counter", lambda: next(long))
    assert rehearsal._second_time(lambda: None, state) == 7.0
