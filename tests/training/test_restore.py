"""What a checkpoint holds of a network and its optimisers is checked whole before any of it is used."""

import copy
import itertools
from collections.abc import Callable
from typing import Any

import pytest
import torch

from tests.faults.harness import same
from topogrid.runs.errors import CheckpointError
from topogrid.settings.config import TrainConfig
from topogrid.settings.errors import SettingsError
from topogrid.settings.presets import settings_of
from topogrid.streams import make_generators
from topogrid.training.hardware import choose_device
from topogrid.training.state import TrainState, new_state
from topogrid.training.step import train

SMALL = {
    "n_grid_cells": 16, "n_place_cells": 32, "pc_width": (0.3,), "steps": 12, "device": "cpu", "precision": "fp32",
    "batch_size": 4, "tau": True, "warmup_steps": 2,
}  # fmt: skip
GROWS = {"tau_growth_steps": 2, "tau_own_steps": 3}
MODULES = {"modules_per_side": 2, "seq_length": 6, "tau_levels": (2,), **GROWS}
KINDS: dict[str, dict[str, Any]] = {
    "dense": {"wiring": "dense", "preset": "smoke"},
    "dense that grows": {"wiring": "dense", "preset": "smoke", **GROWS},
    "attractor": {"wiring": "attractor", **MODULES, "n_grid_cells": 256, "seq_length": 20, "learn_recurrent": True},
    "learned": {
        "wiring": "learned", **MODULES, "walks_to_choose": 1, "isometry_states": 8, "readout_steps": 3,
        "readout_length": 20,
    },
}  # fmt: skip


def config_of(kind: str, **changes: Any) -> TrainConfig:
    asked = SMALL | KINDS[kind] | changes
    return TrainConfig(**settings_of(asked.get("preset", ""), asked))


def fresh(config: TrainConfig) -> TrainState:
    generators = make_generators(0, "cpu", ("weights", "place_cells", "walks"))
    return new_state(config, choose_device("cpu"), "fp32", generators)


def trained_for(config: TrainConfig, steps: int) -> TrainState:
    state = fresh(config)
    for _record in itertools.islice(train(state, config), steps):
        pass
    return state


@pytest.fixture(scope="module")
def saved() -> dict[str, dict[str, Any]]:
    """Save every kind of network after 11 of 12 steps, in which every phase has begun."""
    return {kind: trained_for(config_of(kind), 11).state_dict() for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("steps", [0, 2, 5, 9, 11])
def test_every_state_of_an_honest_run_is_taken_back_and_goes_on_alike(kind: str, steps: int) -> None:
    config = config_of(kind)
    state = trained_for(config, steps)
    kept = copy.deepcopy(state.state_dict())
    back = fresh(config)
    back.load_state_dict(kept)
    assert same(back.state_dict(), kept) == []
    for one in (state, back):
        for _record in train(one, config):
            pass
    assert same(back.state_dict(), state.state_dict()) == []


def moment(name: str, change: Callable[[torch.Tensor], object]) -> Callable[[dict[str, Any]], None]:
    def spoil(state: dict[str, Any]) -> None:
        state["optimiser"]["state"][0][name] = change(state["optimiser"]["state"][0][name])

    return spoil


def option(**changes: object) -> Callable[[dict[str, Any]], None]:
    def spoil(state: dict[str, Any]) -> None:
        for group in state["optimiser"]["param_groups"]:
            group.update(changes)

    return spoil


def part(path: str, change: Callable[[Any], object]) -> Callable[[dict[str, Any]], None]:
    def spoil(state: dict[str, Any]) -> None:
        *outer, last = path.split("/")
        place: Any = state
        for name in outer:
            place = place[name]
        place[last] = change(place[last])

    return spoil


def without(path: str) -> Callable[[dict[str, Any]], None]:
    def spoil(state: dict[str, Any]) -> None:
        *outer, last = path.split("/")
        place: Any = state
        for name in outer:
            place = place[int(name) if name.isdigit() else name]
        del place[int(last) if last.isdigit() else last]

    return spoil


def _quantised(tensor: torch.Tensor) -> torch.Tensor:
    return torch.quantize_per_tensor(tensor, 0.1, 0, torch.quint8)


ODD: dict[str, Callable[[torch.Tensor], object]] = {
    "one value for all": lambda one: torch.zeros(1).expand(one.shape),
    "too short": lambda one: torch.zeros(3),
    "a number": lambda one: torch.tensor(0.0),
    "empty": lambda one: torch.zeros(0),
    "flat": lambda one: torch.zeros(one.numel()),
    "too large": lambda one: torch.zeros(1000, 1000),
    "double": lambda one: one.double(),
    "half": lambda one: one.half(),
    "whole": lambda one: one.long(),
    "yes or no": lambda one: one.bool(),
    "complex": lambda one: one.to(torch.complex64),
    "float8": lambda one: one.to(torch.float8_e4m3fn),
    "meta": lambda one: one.to("meta"),
    "sparse": lambda one: one.to_sparse(),
    "quantised": _quantised,
    "negative view": lambda one: torch._neg_view(one),
    "NaN": lambda one: torch.full_like(one, torch.nan),
    "infinite": lambda one: torch.full_like(one, torch.inf),
    "text": lambda one: "much",
    "list": lambda one: one.tolist(),
    "nothing": lambda one: None,
}
BAD: dict[str, Callable[[dict[str, Any]], None]] = {
    **{f"first moment {name}": moment("exp_avg", change) for name, change in ODD.items()},
    **{f"second moment {name}": moment("exp_avg_sq", change) for name, change in ODD.items()},
    **{f"read-out {name}": part("network/readout", change) for name, change in ODD.items()},
    **{f"centres {name}": part("place_centres", change) for name, change in ODD.items()},
    "moment the other way round": moment("exp_avg", lambda one: one.t().contiguous().t()),
    "second moment below 0": moment("exp_avg_sq", lambda one: one - 1),
    **{
        f"count {value}": moment("step", lambda _one, value=value: torch.tensor(value))
        for value in (0.0, -1.0, 12.0, 3.0, 3.5, float("inf"), float("nan"))
    },
    "count of doubles": moment("step", lambda one: one.double()),
    "count of whole numbers": moment("step", lambda one: one.long()),
    "five counts": moment("step", lambda one: one.expand(5).clone()),
    "no count": moment("step", lambda one: torch.zeros(0)),
    "moment missing": without("optimiser/state/0/exp_avg"),
    "one memory missing": without("optimiser/state/0"),
    "all memory missing": lambda state: state["optimiser"].update(state={}),
    "memory of nobody": lambda state: state["optimiser"]["state"].update({99: state["optimiser"]["state"][0]}),
    "memory by name": lambda state: state["optimiser"].update(state={"a": state["optimiser"]["state"][0]}),
    "moment of another kind": lambda state: state["optimiser"]["state"][0].update(max_exp_avg_sq=torch.zeros(16, 16)),
    "weights swapped": lambda state: state["optimiser"]["param_groups"][0].update(params=[1, 0]),
    "weights below 0": lambda state: state["optimiser"]["param_groups"][0].update(params=[-1, -2]),
    "weights by truth": lambda state: state["optimiser"]["param_groups"][0].update(params=[False, True]),
    "no groups": lambda state: state["optimiser"].update(param_groups=[]),
    "groups of words": lambda state: state["optimiser"].update(param_groups=["a", "b"]),
    **{
        f"{name} {value}": option(**{name: value})
        for name, value in [
            ("maximize", True), ("weight_decay", 10.0), ("decoupled_weight_decay", True), ("betas", (0, 0)),
            ("betas", "ab"), ("betas", (0.9, 0.99, 0.999)), ("eps", 1e30), ("eps", -1.0), ("eps", "x"),
            ("amsgrad", True),
            ("fused", False), ("foreach", True), ("differentiable", True), ("lr_scale", -1), ("lr_scale", 0),
            ("lr_scale", 3.0), ("lr_scale", "x"), ("lr_scale", float("nan")), ("lr", float("inf")), ("lr", "x"),
            ("momentum", 0.9),
        ]
    },
    "a tensor for a rate": option(lr=torch.zeros(3)),
    "no rate scale": without("optimiser/param_groups/0/lr_scale"),
    "no optimiser": without("optimiser"),
    "no centres": without("place_centres"),
    "centres outside": part("place_centres", lambda one: one * 1e30),
    "centres of one place": part("place_centres", lambda one: one[:1]),
    "centres in space": part("place_centres", lambda one: torch.zeros(32, 3)),
    "fast tau": part("network/units.log_tau", lambda one: one - 1000),
    "slow tau": part("network/units.log_tau", lambda one: one + 1000),
    "a weight missing": without("network/encoder"),
    "a weight too many": lambda state: state["network"].update(hook=torch.zeros(1)),
    "no network": without("network"),
    "a network of a list": lambda state: state.update(network=[1]),
    "no generators": without("generators"),
    "a generator too few": without("generators/walks"),
    "a generator of doubles": part("generators/walks", lambda one: one.double()),
    "a short generator": part("generators/walks", lambda one: one[:7]),
    "a generator of one byte": part("generators/walks", lambda one: one[:1].expand(one.shape)),
    "step below 0": lambda state: state.update(step=-1),
    "step of truth": lambda state: state.update(step=True),
    "another step": lambda state: state.update(step=7),
    "settings cut": part("settings", lambda text: text[:-5]),
    "settings changed": part("settings", lambda text: text.replace('"relu"', '"tanh"')),
    "settings without digest": without("settings_sha256"),
    "digest without settings": without("settings"),
    "turns of words": lambda state: state.update(turns="many"),
    "turns to come": lambda state: state.update(turns=[(99, ["steps 1 -> 2"])]),
    "turns with a control character": lambda state: state.update(turns=[(2, ["steps\x1b[31m"])]),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_is_refused_and_changes_nothing(name: str, saved: dict[str, dict[str, Any]]) -> None:
    state = copy.deepcopy(saved["dense"])
    BAD[name](state)
    back = fresh(config_of("dense"))
    before = copy.deepcopy(back.state_dict())
    with pytest.raises((CheckpointError, ValueError)) as caught:
        back.load_state_dict(state, "here.pt")
    assert "\n" not in str(caught.value)
    assert str(caught.value).isprintable()
    if name not in ("a short generator", "a generator of one byte"):  # only the generator knows its own states
        assert same(back.state_dict(), before) == []


@pytest.mark.parametrize("kind", ["dense that grows", "attractor", "learned"])
@pytest.mark.parametrize("name", ["moment", "count", "missing", "all missing", "option", "gone"])
def test_what_grows_tau_is_checked_alike(kind: str, name: str, saved: dict[str, dict[str, Any]]) -> None:
    state = copy.deepcopy(saved[kind])
    grower = state["grower"]
    memory = grower["state"][0]
    match name:
        case "moment":
            memory["exp_avg"] = torch.zeros(3)
        case "count":
            memory["step"] = memory["step"] + 1
        case "missing":
            del memory["exp_avg_sq"]
        case "all missing":
            grower["state"] = {}
        case "option":
            grower["param_groups"][0]["maximize"] = True
        case "gone":
            del state["grower"]
    with pytest.raises(CheckpointError, match="grower"):
        fresh(config_of(kind)).load_state_dict(state)


@pytest.mark.parametrize("kind", KINDS)
def test_every_memory_of_every_wiring_has_to_be_there(kind: str, saved: dict[str, dict[str, Any]]) -> None:
    for number in saved[kind]["optimiser"]["state"]:
        state = copy.deepcopy(saved[kind])
        del state["optimiser"]["state"][number]
        with pytest.raises(CheckpointError, match="memory is missing"):
            fresh(config_of(kind)).load_state_dict(state)


# --- Settings ---------------------------------------------------------------------------------------------------------


def test_a_checkpoint_knows_the_settings_it_was_trained_with(saved: dict[str, dict[str, Any]]) -> None:
    for change in ({"activation": "tanh"}, {"seed": 7}, {"tau_max": 9.0}, {"batch_size": 5}, {"surround_scale": 3.0}):
        with pytest.raises(SettingsError, match=f"than its run has now: {next(iter(change))} "):
            fresh(config_of("dense", **change)).load_state_dict(saved["dense"])


def test_one_of_an_earlier_version_is_taken_by_the_settings_of_its_run(saved: dict[str, dict[str, Any]]) -> None:
    state = {
        name: value for name, value in saved["dense"].items() if name not in ("settings", "settings_sha256", "turns")
    }
    back = fresh(config_of("dense"))
    back.load_state_dict(state)
    assert (back.step, back.turns) == (11, [])


def test_scales_of_the_learning_rate_come_from_the_settings(saved: dict[str, dict[str, Any]]) -> None:
    config = config_of("dense", scale_lr=False, readout_lr_scale=5.0)
    back = fresh(config)
    wanted = [group["lr_scale"] for group in back.optimiser.param_groups]
    back.load_state_dict(saved["dense"])
    assert [group["lr_scale"] for group in back.optimiser.param_groups] == wanted
    names = {id(weight): name for name, weight in back.network.named_parameters()}
    ours = {names[id(weight)]: memory["exp_avg"] for weight, memory in back.optimiser.state.items()}
    again = fresh(config_of("dense"))
    again.load_state_dict(saved["dense"])
    names = {id(weight): name for name, weight in again.network.named_parameters()}
    theirs = {names[id(weight)]: memory["exp_avg"] for weight, memory in again.optimiser.state.items()}
    # The groups hold the weights in another order now; each has its own memory all the same.
    assert same(ours, theirs) == []


def test_a_run_that_learns_in_another_way_from_here_says_so(saved: dict[str, dict[str, Any]]) -> None:
    turned = fresh(config_of("dense", steps=20, lr=0.002))
    turned.load_state_dict(saved["dense"])
    assert [(turn.step, turn.changes) for turn in turned.turns] == [(11, ("steps 12 -> 20", "lr 0.001 -> 0.002"))]
    again = fresh(config_of("dense", steps=20, lr=0.002))
    again.load_state_dict(turned.state_dict())
    assert again.turns == turned.turns


def test_more_steps_at_a_constant_rate_are_no_turn() -> None:
    state = trained_for(config_of("dense", lr_schedule="constant"), 3).state_dict()
    back = fresh(config_of("dense", lr_schedule="constant", steps=30))
    back.load_state_dict(state)
    assert back.turns == []
