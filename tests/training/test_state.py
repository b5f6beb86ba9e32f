"""What training keeps is all that it needs to go on alike, and what it was made from is its seed."""

import dataclasses
import io
import itertools
from typing import Any

import pytest
import torch

from tests.training.small_states import (
    ATTRACTOR,
    BOTH,
    CPU,
    LEARNED,
    LSTM,
    SMALL,
    batch_for,
    generators,
    moments,
    run,
    same,
    settings,
    state_of,
    weights,
)
from topogrid.settings.carried import Turn
from topogrid.training.objective import Phase
from topogrid.training.state import new_state
from topogrid.training.step import train


@pytest.mark.parametrize(
    ("changes", "precision"), [(BOTH, "fp32"), (BOTH, "bf16"), (LSTM, "fp32")], ids=["fp32", "bf16", "LSTM"]
)
def test_a_resumed_run_is_the_uninterrupted_one_bit_for_bit(changes: dict[str, Any], precision: str) -> None:
    config = settings(**changes)
    whole = state_of(config, precision=precision)
    steps = train(whole, config)
    for _ in itertools.islice(steps, 6):
        pass
    file = io.BytesIO()
    torch.save(whole.state_dict(), file)
    rest = list(steps)

    resumed = state_of(config, seed=9, precision=precision)
    file.seek(0)
    resumed.load_state_dict(torch.load(file, weights_only=True))
    assert resumed.step == 6
    again = run(resumed, config)
    assert [record.step for record in again] == [record.step for record in rest] == list(range(7, 13))
    assert same(rest[-1].metrics.values(), again[-1].metrics.values())
    assert same(weights(whole).values(), weights(resumed).values())
    assert same(moments(whole), moments(resumed))
    assert torch.equal(whole.place_cells.centres, resumed.place_cells.centres)
    for name, generator in whole.generators.items():
        assert torch.equal(generator.get_state(), resumed.generators[name].get_state())


def test_the_weights_of_a_seed_do_not_depend_on_the_device() -> None:
    there = state_of(SMALL, device=torch.device("meta"))
    here = state_of(SMALL)
    assert there.network.encoder.device.type == there.place_cells.centres.device.type == "meta"
    for name in ("weights", "place_cells"):
        assert torch.equal(here.generators[name].get_state(), there.generators[name].get_state())


def test_a_state_is_tensors_and_plain_containers() -> None:
    config = settings(tau=True, tau_growth_steps=3)
    state = state_of(config)
    run(state, dataclasses.replace(config, steps=2))
    file = io.BytesIO()
    torch.save(state.state_dict(), file)
    file.seek(0)
    read = torch.load(file, weights_only=True)
    assert set(read) == {
        "step", "network", "optimiser", "grower", "place_centres", "generators", "turns", "settings", "settings_sha256",
    }  # fmt: skip
    for group in read["optimiser"]["param_groups"]:
        assert isinstance(group["lr"], float)
        assert group["capturable"] is False


@pytest.mark.parametrize(
    ("changes", "turns"),
    [
        ({}, []),
        ({"print_every": 3}, []),
        ({"lr": 0.5}, [Turn(2, ("lr 0.001 -> 0.5",))]),
        ({"steps": 30}, [Turn(2, ("steps 12 -> 30",))]),
    ],
)
def test_going_on_in_another_way_is_remembered(changes: dict[str, Any], turns: list[Turn]) -> None:
    state = state_of(settings())
    for _record in itertools.islice(train(state, settings()), 2):
        pass
    resumed = state_of(settings(**changes), seed=4)
    resumed.load_state_dict(state.state_dict())
    assert resumed.turns == turns
    again = state_of(settings(**changes))
    again.load_state_dict(resumed.state_dict())
    assert again.turns == turns


def test_modules_are_followed_without_a_readout_and_a_readout_without_the_units() -> None:
    config = settings(**LEARNED, readout_steps=3)
    state = state_of(config)
    alone = state.predict(batch_for(state, config), "modules")
    assert alone.logits is None
    assert alone.activity.shape == (9, 4, 40, 64)
    state.step = 9
    read = state.predict(batch_for(state, config), "readout", [0, 5, 19])
    assert read.logits is not None
    assert read.logits.shape == (3, 40, 64)
    assert (read.activity.requires_grad, read.logits.requires_grad) == (False, True)


@pytest.mark.parametrize("kind", [BOTH, {**LEARNED, "readout_steps": 3}])
def test_what_is_fed_back_in_training_moves_what_is_read(kind: dict[str, Any]) -> None:
    plain = settings(**kind)
    read = []
    for config in (
        plain,
        settings(**kind, training_feedback=0.2),
        settings(**kind, training_feedback=0.2, training_feedback_code="predicted"),
    ):
        state = state_of(config)
        state.step = 9
        with torch.no_grad():  # that of learned modules begins at 0, and then says nothing
            state.network.readout.normal_(generator=torch.Generator().manual_seed(0))
        phase: Phase = "readout" if "readout_steps" in kind else "all"
        logits = state.predict(batch_for(state, config), phase, [0, 5]).logits
        assert logits is not None
        read.append(logits.detach())
    assert not torch.allclose(read[0], read[1])
    assert not torch.allclose(read[1], read[2])


def test_only_modules_that_learn_by_isometry_have_a_length_scale() -> None:
    assert state_of(SMALL).length_scale(SMALL) is None
    config = settings(**LEARNED)
    scale = state_of(config).length_scale(config)
    assert scale is not None
    assert scale.shape == (4,)


def test_a_state_that_is_fitted_later_is_the_one_that_was_fitted() -> None:
    config = settings(**ATTRACTOR)
    fitted = new_state(config, CPU, "fp32", generators())
    later = new_state(config, CPU, "fp32", generators(), fitted=False)
    assert not later.network.readout.any()
    later.fit(config)
    assert same(weights(fitted).values(), weights(later).values())
    assert fitted.network.readout.any()


def test_making_a_state_draws_no_walk() -> None:
    sources = generators()
    before = sources["walks"].get_state()
    new_state(settings(**BOTH), CPU, "fp32", sources)
    assert torch.equal(sources["walks"].get_state(), before)
