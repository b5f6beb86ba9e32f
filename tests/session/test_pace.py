"""What is said about time before anything long is begun."""

import math
import re
from contextlib import ExitStack
from pathlib import Path

import pytest

from topogrid.session import pace, start
from topogrid.session.pace import Forecast, Pace, evaluation_seconds, evaluations_left, glance_seconds
from topogrid.session.rehearsal import Rehearsed
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
    assert evaluation_seconds(smoke(eval_walks=2_000_000), 1e-9) > 50 * base
    assert evaluation_seconds(smoke(eval_burn_in=1_000_000), 1e-9) > 60


def forecast(config: TrainConfig, seconds: float, done: int = 0) -> Forecast:
    """Return the forecast of a run whose steps take so many seconds in all."""
    return Forecast(config, [Rehearsed(done + 1, config.steps - done, seconds / max(1, config.steps - done))], done)


def test_the_announcement_tells_both() -> None:
    config = smoke(steps=1000, eval_every=400)
    line = forecast(config, 7200.0).announcement(Path("runs/a"), at_start=True)
    assert "about 2.0 hours here" in line
    assert "4 evaluations of about" in line
    assert "--resume runs/a" in line


@pytest.mark.parametrize("at_start", [False, True])
@pytest.mark.parametrize("done", [0, 10_000, 55_000, 60_000])
@pytest.mark.parametrize("seconds", [30.0, 190.0, 600.0])
def test_evaluations_that_take_longer_than_training_are_told_with_what_mends_it(
    monkeypatch: pytest.MonkeyPatch, seconds: float, done: int, at_start: bool
) -> None:
    monkeypatch.setattr(pace, "evaluation_seconds", lambda config, per_operation: 42.0)

    def line(every: int) -> str:
        config = smoke(steps=100_000, eval_every=every)
        return forecast(config, seconds, done).announcement(Path("runs/a"), at_start=at_start)

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


def modules(**changes: object) -> TrainConfig:
    return TrainConfig(**{"preset": "smoke", "tau": True, "wiring": "learned", "device": "cpu", **changes})


def test_quick_evaluations_and_pictures_are_announced() -> None:
    config = modules(steps=60)
    line = forecast(config, 5.0).announcement(Path("runs/a"), at_start=False)
    assert re.search(r"1 evaluation of about \d+ seconds? and [3-5] quick ones of about \d+ seconds? each", line), line
    one, all_of_them = smoke(pictures="main"), smoke(pictures="all")
    assert evaluation_seconds(all_of_them, 1e-9) > evaluation_seconds(one, 1e-9) + 2
    assert 0 < glance_seconds(one, 1e-9) < evaluation_seconds(one, 1e-9)


def test_what_is_left_counts_phases_and_evaluations() -> None:
    """Steps of the last phase take ten times as long; a forecast by the pace of the first would be far too low."""
    config = smoke(steps=100, eval_every=50)
    told = Forecast(config, [Rehearsed(1, 80, 1.0), Rehearsed(81, 20, 10.0)], 0)
    told.evaluation, told.glance = 7.0, 0.0
    assert told.left(0 + 1) == pytest.approx(79 + 200 + 14)
    assert told.left(50) == pytest.approx(30 + 200 + 14)  # the evaluation after step 50 is still to come
    assert told.left(51) == pytest.approx(29 + 200 + 7)
    assert told.left(100) == pytest.approx(7)


def test_what_is_left_learns_from_steps_taken() -> None:
    told = forecast(smoke(steps=1000), 1000.0)
    told.evaluation = 0.0
    seen = []
    for step in range(1, 501):
        told.took(step, 2.0)  # twice as long as rehearsed
        seen.append(told.left(step))
    assert seen[0] < 1.1 * 999
    assert seen[-1] == pytest.approx(2 * 500, rel=0.02)
    assert max(seen) < 2 * 999
    told.evaluation = 7.0
    estimated = told.left(1000)
    assert estimated == pytest.approx(14.0, rel=0.02)  # evaluations are slower as well
    told.evaluated = True
    assert told.left(1000) == 7.0


def test_a_pace_knows_its_seconds() -> None:
    pace_ = Pace(0)
    speed = pace_.steps_per_second(3, busy_elsewhere=0.0)
    assert speed * pace_.seconds == pytest.approx(3)


def test_a_pace_that_is_not_known_is_none() -> None:
    assert Pace(0).steps_per_second(1, busy_elsewhere=1e9) == 0
    assert math.isfinite(Pace(0).steps_per_second(1, busy_elsewhere=0))


def test_several_processes_are_told_of_steps_one_by_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps are recorded by one process only."""
    told: list[bool] = []
    monkeypatch.setattr(start, "uses_graph", lambda wanted, device, processes, config: processes.alone)
    monkeypatch.setattr(start, "GraphedStep", lambda *_, **__: None)
    monkeypatch.setattr(start, "rehearse", lambda *_, recorded: told.append(recorded) or [])
    for processes in (ALONE, Processes(0, 2, 0)):
        config = smoke(save_dir=str(tmp_path / str(processes.count)), gallery_dir=str(tmp_path), wandb="disabled")
        with ExitStack() as held:
            start.prepare(config, processes, held)
    assert told == [True, False]
