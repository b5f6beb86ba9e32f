"""Replayed steps are the steps that would have been taken; the recording itself needs a GPU, all around it does not."""

import itertools
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.utils._pytree import tree_leaves

from tests.training.small_states import ATTRACTOR, LEARNED, MODULES
from tests.training.test_step import BOTH, batch_for, run, settings, spoiled, state_of, weights
from topogrid.settings.config import TrainConfig
from topogrid.training import cuda_graph
from topogrid.training.cuda_graph import WARM_UP_STEPS, GraphedStep, Recording, uses_graph
from topogrid.training.objective import growth_steps, holds_movement, phase_and_length, read_steps
from topogrid.training.processes import ALONE, Processes
from topogrid.training.state import TrainState
from topogrid.training.step import Outcome, train

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


def test_a_graph_is_for_one_process_on_cuda() -> None:
    several = Processes(count=2)
    assert [uses_graph(wanted, CUDA, ALONE, TrainConfig()) for wanted in ("auto", "on", "off")] == [True, True, False]
    assert [uses_graph(wanted, CPU, ALONE, TrainConfig()) for wanted in ("auto", "off")] == [False, False]
    assert [uses_graph(wanted, CUDA, several, TrainConfig()) for wanted in ("auto", "off")] == [False, False]
    with pytest.raises(ValueError, match=r"--cuda_graph on needs one process on a CUDA device, but the device is cpu"):
        uses_graph("on", CPU, ALONE, TrainConfig())
    gated = TrainConfig(network="lstm", head_direction_cells=12)
    assert [uses_graph(wanted, CUDA, ALONE, gated) for wanted in ("auto", "off")] == [False, False]
    with pytest.raises(ValueError, match="but the network is an LSTM; leave it out"):
        uses_graph("on", CUDA, ALONE, gated)
    with pytest.raises(ValueError, match="but there are 2 processes"):
        uses_graph("on", CUDA, several, TrainConfig())


class Tape:
    """Stands in for a CUDA graph: does the work at every replay, and puts the results where the first ones are."""

    def __init__(self, work: Callable[[], Outcome], _generator: torch.Generator) -> None:
        self._work = work
        self.outcome: Outcome | None = None
        self.replays = 0

    def replay(self) -> None:
        """Do the work again."""
        self.replays += 1
        new = self._work()
        if self.outcome is None:
            self.outcome = new
        for old, value in zip(tree_leaves(self.outcome), tree_leaves(new), strict=True):
            if value is not None:  # a network reads no directions unless it is to
                old.copy_(value)


def graphed(state: TrainState, config: TrainConfig) -> GraphedStep:
    return GraphedStep(state, config, recorder=Tape)  # type: ignore[arg-type]


KINDS: dict[str, dict[str, Any]] = {
    "plain": {},
    "tau and topoloss": BOTH,
    "directions": {"head_direction_cells": 12},
    "attractor that grows": ATTRACTOR | {"tau_growth_steps": 2, "tau_own_steps": 2},
    "blocks": MODULES | {"wiring": "blocks", "activity_cost": 0.1},
    "attractor of few patterns": ATTRACTOR | {"n_grid_cells": 256},
    "learned, then held": LEARNED | {"movement_free_steps": 6},
    "learned, then from longer walks": LEARNED | {"late_steps": 6, "late_length": 12},
    "learned, then its read-out": LEARNED | {"steps": 160, "readout_steps": 40, "tau_growth_steps": 2},
    "a strength that rises": {
        "topoloss": True, "topoloss_weight": 2.0, "topoloss_schedule": ("constant:4:0", "linear"),
    },
}  # fmt: skip


@pytest.mark.parametrize("changes", KINDS.values(), ids=KINDS)
def test_a_replayed_run_is_the_usual_one(changes: dict[str, Any]) -> None:
    config = settings(**changes)
    usual, replayed = state_of(config), state_of(config)
    wanted = run(usual, config)
    step = graphed(replayed, config)
    found = list(train(replayed, config, step))
    replays = sum(tape.replays for tape in step._recordings.values())  # type: ignore[attr-defined]
    usual_steps = [step_number <= growth_steps(config) for step_number in range(1, config.steps + 1)]
    kinds = {(*phase_and_length(number, config), holds_movement(number, config), *read_steps(number, config))
             for number in range(1, config.steps + 1) if number > growth_steps(config)}  # fmt: skip
    assert len(step._recordings) == len(kinds)
    assert replays == config.steps - sum(usual_steps) - WARM_UP_STEPS * len(kinds)
    assert [record.step for record in found] == [record.step for record in wanted]
    for one, other in zip(wanted, found, strict=True):
        assert one.metrics.keys() == other.metrics.keys()
    for name, value in wanted[-1].metrics.items():
        torch.testing.assert_close(found[-1].metrics[name], value, rtol=1e-4, atol=1e-5)
    assert int(found[-1].n_finite) == int(wanted[-1].n_finite) == config.steps
    for one, other in zip(weights(usual).values(), weights(replayed).values(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)
    assert torch.equal(usual.generators["walks"].get_state(), replayed.generators["walks"].get_state())


def test_a_checkpoint_does_not_know_how_its_steps_were_taken() -> None:
    config = settings()
    state = state_of(config)
    steps = train(state, config, graphed(state, config))
    for _ in itertools.islice(steps, 6):
        pass
    saved = state.state_dict()
    assert all(type(group["lr"]) is float for group in saved["optimiser"]["param_groups"])
    other = state_of(config, seed=9)
    other.load_state_dict(saved)
    assert len(run(other, config)) == config.steps - 6


def test_metrics_of_a_step_stay_when_the_next_is_replayed() -> None:
    config = settings(print_every=1)
    state = state_of(config)
    found = list(train(state, config, graphed(state, config)))
    totals = [float(record.metrics["train/total_loss"]) for record in found]
    assert len(set(totals)) == len(totals)


def test_what_cannot_be_recorded_is_done_step_by_step() -> None:
    config = settings()
    usual, state = state_of(config), state_of(config)

    def fail(work: Callable[[], Outcome], generator: torch.Generator) -> Recording:
        raise RuntimeError("operation not permitted when stream is capturing\nand more")

    step = GraphedStep(state, config, recorder=fail)
    found = list(train(state, config, step))
    assert step.trouble == "operation not permitted when stream is capturing"
    assert len(found) == config.steps
    run(usual, config)
    for one, other in zip(weights(usual).values(), weights(state).values(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)
    insisting = state_of(config)
    with pytest.raises(RuntimeError, match="not permitted"):
        list(train(insisting, config, GraphedStep(insisting, config, recorder=fail, insist=True)))


def test_after_a_recording_that_fails_no_other_is_replayed_or_tried() -> None:
    config = settings(**LEARNED | {"steps": 120, "readout_steps": 30})
    usual, state = state_of(config), state_of(config)
    tries = []

    def second_fails(work: Callable[[], Outcome], generator: torch.Generator) -> Tape:
        tries.append(1)
        if len(tries) > 1:
            raise RuntimeError("no more memory")
        return Tape(work, generator)

    step = GraphedStep(state, config, recorder=second_fails)  # type: ignore[arg-type]
    for _ in train(state, config, step):
        step.trouble = ""  # as a run does once it has said it
    assert len(tries) == 2
    assert not step._recordings
    run(usual, config)
    assert torch.equal(usual.generators["walks"].get_state(), state.generators["walks"].get_state())


def test_after_a_step_that_is_not_finite_no_replay_changes_a_weight(monkeypatch: pytest.MonkeyPatch) -> None:
    config = settings()
    state = state_of(config)
    step = graphed(state, config)
    steps = train(state, config, step)
    for _ in itertools.islice(steps, 5):
        pass
    before = weights(state)
    bad = spoiled(batch_for(state, config), "nan")
    monkeypatch.setattr(cuda_graph, "make_batch", lambda *_, **__: bad)
    next(steps)
    monkeypatch.undo()
    last = list(steps)[-1]
    assert not last.finite
    assert int(last.n_finite) == 5
    for name, value in weights(state).items():
        assert torch.equal(value, before[name])
