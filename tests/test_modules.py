"""A network with modules from its first step to its report: training, resuming, exporting, changing tau."""

import csv
import dataclasses
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

import train_grid
from tests.faults.any_settings import in_little_time
from topogrid.cli.flags import parse_arguments
from topogrid.evaluation.saved import saved_moments
from topogrid.model.units import at_moments
from topogrid.runs.checkpoints import load_checkpoint
from topogrid.session.companions import build_state
from topogrid.session.failures import replay
from topogrid.session.moments import moment_steps
from topogrid.session.pace import operations, shorter_presets
from topogrid.session.rehearsal import rehearse
from topogrid.settings.config import TrainConfig
from topogrid.settings.errors import SettingsError
from topogrid.settings.presets import settings_of
from topogrid.settings.saved import read_settings, write_settings
from topogrid.trained.run import open_run
from topogrid.trained.safetensors import export_weights, import_weights
from topogrid.training.batch import make_batch
from topogrid.training.objective import (
    TERMS,
    capped,
    growth_steps,
    late_steps,
    phase_of,
    phases_left,
    read_steps,
    readout_steps,
    walk_length,
)
from topogrid.training.optimiser import learning_rate
from topogrid.training.processes import ALONE
from topogrid.training.step import train_step

WIRINGS = ["attractor", "learned"]
STEPS = 8


def flags(wiring: str, **changes: object) -> list[str]:
    settings = {
        "preset": "smoke", "tau": "true", "wiring": wiring, "wandb": "disabled", "device": "cpu", "steps": STEPS,
        "eval_walks": 4, "eval_bins": 6, "long_walks": 2, "long_seconds": 0.5, "save_dir": "runs",
        "gallery_dir": "imgs",
    }  # fmt: skip
    return [f"--{name}={value}" for name, value in (settings | changes).items()]


@pytest.fixture(scope="module", params=WIRINGS)
def reference(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """Work in a folder that holds an uninterrupted run of every wiring, with all its checkpoints."""
    made = tmp_path_factory.mktemp("modules")
    with in_little_time(made):
        changes = {"save_every": 1, "keep_checkpoints": 1000, "name": "reference"}
        assert train_grid.main(flags(request.param, **changes)) == 0
        yield request.param, made / "runs" / "reference"


def same(one: Any, other: Any) -> bool:
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(value, other[key]) for key, value in one.items())
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return torch.equal(one, other) if isinstance(one, torch.Tensor) else bool(one == other)


def settings(wiring: str, **changes: Any) -> TrainConfig:
    return TrainConfig(**settings_of("smoke", {"tau": True, "wiring": wiring, "device": "cpu", **changes}))


# --- phases


def test_phases_follow_one_another_and_leave_none_out() -> None:
    attractor = settings("attractor", steps=40, tau_growth_steps=6)
    assert [phase_of(step, attractor) for step in (1, 6, 7, 40)] == ["growth", "growth", "all", "all"]
    learned = settings("learned", steps=40, tau_growth_steps=6, readout_steps=8, late_steps=0)
    assert [phase_of(step, learned) for step in (1, 32, 33, 40)] == ["modules", "modules", "readout", "readout"]
    assert phases_left(0, attractor) == [("growth", 1, 6), ("all", 7, 34)]
    assert phases_left(10, learned) == [("modules", 11, 22), ("readout", 33, 8)]
    late = settings("learned", steps=40, readout_steps=8, late_steps=10, late_length=50, seq_length=7)
    assert phases_left(10, late) == [("modules", 11, 12), ("modules", 23, 10), ("readout", 33, 8)]
    assert [walk_length(step, late) for step in (1, 22, 23, 32, 33)] == [7, 7, 50, 50, late.readout_length]


@pytest.mark.parametrize("steps", [1, 3, 7, 100_000])
def test_any_number_of_steps_leaves_time_for_the_modules(steps: int) -> None:
    config = TrainConfig(**settings_of("", {"tau": True, "steps": steps}))
    assert growth_steps(config) <= steps / 4
    assert readout_steps(config) <= steps / 4
    assert late_steps(config) <= (steps - readout_steps(config)) / 2
    assert phase_of(1, config) == "modules"
    assert all(0 <= step < steps for step in moment_steps(config))


def test_the_learning_rate_rises_and_falls_in_every_phase() -> None:
    config = settings("learned", steps=100, readout_steps=20, warmup_steps=4, lr=1.0)
    rates = [learning_rate(step, config) for step in range(1, 101)]
    assert rates[0] == pytest.approx(0.25, rel=0.05)
    assert rates[79] == pytest.approx(0, abs=1e-3)
    assert rates[80] == pytest.approx(0.25, rel=0.05)
    assert rates[99] == pytest.approx(0, abs=1e-3)


def test_the_read_out_sees_moments_of_every_age_early_ones_more_often() -> None:
    config = settings("learned", steps=100, readout_steps=20, readout_length=100)
    seen = [moment for step in range(81, 101) for moment in read_steps(step, config)]
    assert min(seen) == 0
    assert max(seen) > 90
    assert sum(moment < 25 for moment in seen) > 2 * sum(moment >= 75 for moment in seen)
    values = torch.arange(100.0)
    moments = read_steps(81, config)
    assert at_moments(values, moments).tolist() == moments
    assert at_moments(values, [9, 19, 29]).tolist() == [9, 19, 29]


def test_only_what_a_phase_trains_moves() -> None:
    config = settings("learned", steps=8, tau_growth_steps=0, readout_steps=2)
    state = build_state(config, ALONE)
    moved = []
    for _ in range(8):
        before = {name: value.clone() for name, value in state.network.state_dict().items()}
        scale = state.length_scale(config)
        batch = make_batch(config, state.place_cells, state.generators["walks"], step=state.step + 1, scale=scale)
        train_step(state, batch, config)
        now = state.network.state_dict()
        moved.append({name for name, value in before.items() if not torch.equal(value, now[name])})
    assert moved[1] == {"encoder", "units.w_in", "units.wiring.weight"}
    assert moved[6] == {"readout"}


def test_the_wiring_of_an_attractor_is_fixed_unless_it_may_learn() -> None:
    for changes, expected in (
        ({}, set()),
        ({"learn_recurrent": True, "learn_movement": True}, {"w_in", "wiring.weight"}),
    ):
        config = settings("attractor", steps=8, tau_growth_steps=1, warmup_steps=0, seq_length=20, **changes)
        state = build_state(config, ALONE)
        for _ in range(4):
            batch = make_batch(config, state.place_cells, state.generators["walks"], step=state.step + 1)
            before = {name: value.clone() for name, value in state.network.units.state_dict().items()}
            train_step(state, batch, config)
        now = state.network.units.state_dict()
        moved = {name for name, value in before.items() if not torch.equal(value, now[name])}
        assert moved & {"w_in", "wiring.weight"} == expected


def test_tau_grows_by_its_own_loss_into_a_smooth_map_that_keeps_its_range() -> None:
    config = settings("attractor", steps=400, tau_growth_steps=40, tau_own_steps=10)
    state = build_state(config, ALONE)
    first = state.network.units.tau
    assert first is not None
    while state.step < 40:
        batch = make_batch(config, state.place_cells, state.generators["walks"], step=state.step + 1)
        train_step(state, batch, config)
    tau = state.network.units.tau
    assert tau is not None

    def roughness(values: torch.Tensor) -> float:
        return float(values.detach().reshape(16, 16).diff(dim=0).square().mean())

    assert roughness(tau) < 0.2 * roughness(first)
    assert float(tau.detach().std()) > 0.8 * float(first.detach().std())


@pytest.mark.parametrize("topoloss_on", ["recurrent", "input", "readout"])
@pytest.mark.parametrize("wiring", ["dense", "learned"])
def test_every_term_of_the_loss_is_tracked_by_one_name(wiring: str, topoloss_on: str) -> None:
    config = settings(wiring, topoloss=True, topoloss_on=topoloss_on)
    names = [term.name for term in TERMS if term.applies(config)]
    assert len(names) == len(set(names))
    assert "train/topo_loss" in names
    assert all(term.about.endswith(".") and term.phases for term in TERMS)


# --- a run


def test_a_run_leaves_moments_and_the_module_of_every_unit(reference: tuple[str, Path]) -> None:
    wiring, run = reference
    config = read_settings(run / "config.json").config
    assert config.describe() == f"{wiring}+tau"
    moments = saved_moments(run / "evaluation")
    assert [step for step, _tau, _spacing in moments] == sorted({*moment_steps(config), STEPS})
    with (run / "units.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["module"]) for row in rows] == config.sheet.module_of.tolist()


@pytest.mark.parametrize("stopped_after", [1, 2, 7])
def test_a_stopped_run_goes_on_bit_for_bit(reference: tuple[str, Path], stopped_after: int) -> None:
    wiring, run = reference
    stopped = run.parent / "stopped"
    shutil.copytree(run, stopped)
    for path in (stopped / "checkpoints").iterdir():
        if int(path.name.split("_")[1].split(".")[0]) > stopped_after:
            path.unlink()
    try:
        changes = {"save_every": 1, "keep_checkpoints": 1000, "name": "stopped", "resume": "auto"}
        assert train_grid.main(flags(wiring, **changes)) == 0
        name = f"step_{STEPS:08d}.pt"
        one, other = (load_checkpoint(folder / "checkpoints" / name) for folder in (run, stopped))
        for part in ("network", "optimiser", "generators", "grower"):
            assert same(one[part], other[part]), part
    finally:
        shutil.rmtree(stopped)


def test_weights_go_out_and_come_back(reference: tuple[str, Path], tmp_path: Path) -> None:
    run = open_run(reference[1])
    back = import_weights(export_weights(run, tmp_path / "weights.safetensors"))
    assert back.config == run.config
    for name, value in run.network.state_dict().items():
        assert torch.equal(back.network.state_dict()[name], value), name


def test_weights_of_another_wiring_are_refused(reference: tuple[str, Path], tmp_path: Path) -> None:
    _wiring, run = reference
    other = tmp_path / "other"
    shutil.copytree(run, other)
    config = read_settings(run / "config.json").config
    write_settings(dataclasses.replace(config, modules_per_side=1), other / "config.json")
    with pytest.raises(SettingsError, match="was trained with other settings than its run has now: modules_per_side 2"):
        open_run(other)


@pytest.mark.parametrize("wiring", WIRINGS)
@pytest.mark.parametrize("bad_step", [2, 7])
def test_a_step_that_is_not_finite_is_dumped_and_taken_again(
    wiring: str, bad_step: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = make_batch

    def spoilt(*arguments: Any, step: int = 1, **options: Any) -> Any:
        batch = honest(*arguments, step=step, **options)
        return batch._replace(displacement=1e38 * batch.displacement) if step == bad_step else batch

    monkeypatch.setattr("topogrid.training.step.make_batch", spoilt)
    monkeypatch.setattr("topogrid.session.failures.make_batch", spoilt)
    with in_little_time(tmp_path):
        code = train_grid.main(flags(wiring, name="bad", print_every=1))
    if code == 0:  # growth does not look at walks, and normed activity stays finite whatever drives it
        assert (wiring, bad_step) in {("attractor", 2), ("learned", 7)}
        return
    assert code == 3
    (path,) = (tmp_path / "runs" / "bad").glob("nonfinite_*.pt")
    assert path.name == f"nonfinite_step_{bad_step:08d}.pt"
    assert replay(path).first_bad is not None


# --- how long it takes


@pytest.mark.parametrize("wiring", ["dense", *WIRINGS])
def test_a_rehearsal_changes_nothing(wiring: str) -> None:
    config = settings(wiring, steps=20)
    state = build_state(config, ALONE)
    before = {name: value.clone() for name, value in state.network.state_dict().items()}
    walks = state.generators["walks"].get_state()
    assert 0 < sum(one.steps * one.seconds for one in rehearse(state, config)) < 600
    assert same(before, dict(state.network.state_dict()))
    assert torch.equal(walks, state.generators["walks"].get_state())
    assert all(parameter.grad is None for parameter in state.network.parameters())


@pytest.mark.parametrize(
    "given",
    [
        {"tau": True, "steps": 100_000},
        {"steps": 100_000},
        {"tau": True, "wiring": "attractor"},
        {"tau": True, "wiring": "dense", "steps": 100_000},
        {"tau": True, "topoloss": True, "steps": 100_000},
        {"topoloss": True, "steps": 100_000},
        {"tau": True, "wiring": "blocks", "steps": 100_000},
        {"network": "lstm", "steps": 10**7},
    ],
)
def test_presets_that_are_named_are_really_shorter(given: dict[str, Any]) -> None:
    config = TrainConfig(**settings_of("", given))
    named = shorter_presets(config, 1e6)
    for words, seconds in named:
        assert seconds < 5e5
        assert "smoke" not in words
        there = parse_arguments(words.split()).config
        for same in ("tau", "topoloss", "network", "wiring"):
            assert getattr(there, same) == getattr(config, same), words
        assert there.n_grid_cells <= config.n_grid_cells
    assert named or config.wiring == "attractor" or config.network == "lstm"
    assert operations(config) > 0


def test_phases_that_are_shorter_than_asked_for_are_said() -> None:
    given = {"preset": "smoke", "tau": True, "wiring": "learned", "readout_steps": 8, "late_steps": 4}
    assert capped(TrainConfig(**given, steps=40, tau_growth_steps=10)) == []
    short = capped(TrainConfig(**given, steps=4, tau_growth_steps=10))
    assert short == [
        "readout_steps 8 are more than a quarter of 4 steps: 1 are taken",
        "late_steps 4 are more than half of 4 steps: 1 are taken",
        "tau_growth_steps 10 are more than a quarter of 4 steps: 1 are taken",
    ]
    assert capped(TrainConfig(preset="smoke", wiring="dense", steps=2)) == []
