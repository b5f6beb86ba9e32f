"""A sheet of modules is glanced at while tau grows, and what is seen is told in one line."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from topogrid.session import moments
from topogrid.session.moments import SaveDue, evaluates_start, filmstrip, look_at_sheet, moment_steps
from topogrid.settings.config import TrainConfig
from topogrid.training.objective import growth_steps, readout_steps

LEARNED = TrainConfig(preset="sheet64", tau=True, steps=3400)
ATTRACTOR = TrainConfig(preset="laptop", tau=True, wiring="attractor")


@pytest.mark.parametrize("config", [LEARNED, ATTRACTOR], ids=["learned", "attractor"])
def test_glances_are_from_the_start_to_the_end_of_growth(config: TrainConfig) -> None:
    steps = moment_steps(config)
    grown = growth_steps(config)
    assert {0, grown} <= steps
    assert all(0 <= step < config.steps for step in steps)
    later = {step for step in steps if step > grown}
    if config.wiring == "learned":
        (forming,) = later
        assert grown < forming < config.steps - readout_steps(config)
    else:
        assert later == set()


@pytest.mark.parametrize(
    "changes",
    [{"tau": False}, {"learnable_tau": False}, {"tau_growth_steps": 0}, {"modules_per_side": 1}, {"steps": 3}],
    ids=str,
)
def test_a_sheet_whose_map_does_not_grow_in_modules_is_not_glanced_at(changes: dict[str, Any]) -> None:
    config = TrainConfig(**{"preset": "laptop", "tau": True, "wiring": "learned"} | changes)
    assert moment_steps(config) == frozenset()
    assert evaluates_start(config)


@pytest.mark.parametrize(("asked", "done"), [("auto", False), (True, True), (False, False)])
def test_the_untrained_network_is_evaluated_where_it_is_not_glanced_at_unless_asked(asked: Any, done: bool) -> None:
    assert evaluates_start(TrainConfig(preset="laptop", tau=True, eval_at_start=asked)) is done
    assert evaluates_start(TrainConfig(preset="laptop", eval_at_start=asked)) is (asked is not False)


def test_what_is_seen_is_told_with_the_scales_of_the_modules(monkeypatch: pytest.MonkeyPatch) -> None:
    config = TrainConfig(preset="smoke", tau=True, wiring="learned")
    module = config.sheet.module_of
    seen = SimpleNamespace(
        lattice=SimpleNamespace(spacing=np.where(module < 3, 0.4 + 0.1 * module, np.nan)),
        tau=2.0 + module,
        scores=SimpleNamespace(score_60=np.where(module == 0, 1.2, 0.5)),
    )
    walked = []
    monkeypatch.setattr(moments, "glance", lambda trained, probe, share: walked.append(probe) or seen)
    found, line = look_at_sheet(SimpleNamespace(config=config, step=7))  # type: ignore[arg-type]
    assert found is seen
    assert walked[0].anchored
    assert line.startswith(
        "quick evaluation at step 7: grid score above 0.8 in 25 % of units, modules of 0.40 to 0.60 m; "
        "tau of modules 2.00 to 5.00 steps; "
    )
    seen.lattice.spacing = np.full(144, np.nan)
    assert "no module with a spacing" in look_at_sheet(SimpleNamespace(config=config, step=7))[1]  # type: ignore[arg-type]


def test_a_strip_needs_two_moments_of_this_network(tmp_path: Path) -> None:
    config = TrainConfig(preset="smoke", tau=True, wiring="learned")

    def keep(step: int, units: int) -> None:
        values = {"step": step, "tau": np.full(units, 3.0), "settled/spacing": np.full(units, 0.5)}
        np.savez(tmp_path / f"step_{step:08d}.npz", **values)

    assert filmstrip(tmp_path, config) is None
    keep(0, 144)
    keep(5, 64)
    assert filmstrip(tmp_path, config) is None
    keep(9, 144)
    assert filmstrip(tmp_path, config) is not None


def test_a_save_is_due_every_so_many_steps_and_minutes_with_one_answer_a_step(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("topogrid.session.moments.time.perf_counter", lambda: now[0])
    due = SaveDue(TrainConfig(save_every=10, save_minutes=2.0))
    assert [due.is_due(step) for step in (9, 10, 11)] == [False, True, False]
    now[0] = 121.0
    assert not due.is_due(11)
    assert due.is_due(12)
    assert due.begin() == 121.0
    assert not due.is_due(13)
