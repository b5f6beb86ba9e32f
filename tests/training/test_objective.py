"""The loss is the sum of the terms of a phase, each phase follows the one before, and reads its own moments."""

import itertools
import math
from typing import Any

import numpy as np
import pytest
import scipy.ndimage
import scipy.special
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.training.small_states import ATTRACTOR, LEARNED, batch_for, context_of, same, settings, state_of, weights
from topogrid.model.penalty import weight_decay
from topogrid.training import geometry, losses
from topogrid.training.objective import (
    READ_SHIFTS,
    SUMS,
    TERMS,
    TOTAL,
    Phase,
    growth_steps,
    length_scale,
    objective,
    phase_of,
    read_steps,
    readout_steps,
    topoloss_weight,
    walk_length,
)
from topogrid.training.optimiser import learning_rate, rates
from topogrid.training.step import train


@pytest.mark.parametrize("tau", [False, True])
@pytest.mark.parametrize("topoloss", [False, True])
def test_the_total_is_the_sum_of_its_weighted_terms(tau: bool, topoloss: bool) -> None:
    config = settings(
        tau=tau,
        topoloss=topoloss,
        weight_decay=0.01,
        topoloss_weight=0.7,
        tau_smoothness_weight=0.3,
        tau_variance_weight=0.2,
    )
    state = state_of(config)
    network, batch = state.network, batch_for(state, config)
    prediction = network(batch.start_code, batch.displacement)
    terms = objective(context_of(state, prediction, batch))
    wanted = {
        "train/ce_loss": losses.place_cross_entropy(prediction.logits, batch.code, [slice(None)]),
        "train/reg_loss": 0.01 * weight_decay(network.units.wiring.weight),
        "train/activity_loss": 5.0 * losses.activity_cost(prediction.activity),
    }
    if topoloss:
        wanted["train/topo_loss"] = 0.7 * losses.laplacian_pyramid_loss(network.units.wiring.weight)
    if tau:
        values = network.units.tau
        assert values is not None
        wanted["train/tau_smoothness_loss"] = 0.3 * losses.tau_smoothness(values)
        wanted["train/tau_diversity_loss"] = 0.2 * losses.tau_diversity(values, "uniform", (1.0, 10.0))
    total = sum(term.item() for term in wanted.values())
    if tau:
        wanted["train/tau_loss"] = wanted["train/tau_smoothness_loss"] + wanted["train/tau_diversity_loss"]
    assert set(terms) == {*wanted, "train/total_loss"}
    for name, value in wanted.items():
        torch.testing.assert_close(terms[name], value)
    assert terms["train/total_loss"].item() == pytest.approx(total)


@pytest.mark.parametrize("kind", ["dense", "read-out of modules"])
def test_directions_are_learned_from_the_steps_that_are_read(kind: str) -> None:
    changes = {"readout_every": 3} if kind == "dense" else {**LEARNED, "readout_steps": 3}
    config = settings(**changes, head_direction_cells=12, head_direction_concentration=5.0)
    state = state_of(config)
    phase: Phase = "all" if kind == "dense" else "readout"
    state.step = 0 if phase == "all" else config.steps - 1
    moments, batch = read_steps(state.step + 1, config), batch_for(state, config)
    readout = state.network.direction_readout
    assert readout is not None
    assert not readout.any()
    first = state.predict(batch, phase, moments)
    assert objective(context_of(state, first, batch), phase)["train/head_direction_loss"].item() == pytest.approx(
        math.log(12)
    )
    with torch.no_grad():
        readout.copy_(0.3 * torch.randn(readout.shape, generator=torch.Generator().manual_seed(1)))
    prediction = state.predict(batch, phase, moments)
    seen = state.network(batch.start_code, batch.displacement).activity[moments]
    logits = (seen @ readout.T).detach().double().numpy()
    moved = batch.displacement[moments].double().numpy()
    angle = np.arctan2(moved[..., 1], moved[..., 0])[..., None] - 2 * np.pi * np.arange(12) / 12
    code = scipy.special.softmax(5 * np.cos(angle), axis=-1)
    wanted = -(code * scipy.special.log_softmax(logits, axis=-1)).sum(axis=-1).mean()
    terms = objective(context_of(state, prediction, batch), phase)
    assert terms["train/head_direction_loss"].item() == pytest.approx(wanted, rel=1e-5)
    terms[TOTAL].backward()  # type: ignore[no-untyped-call]
    moved_weights = {name for name, weight in state.network.named_parameters() if weight.grad is not None}
    assert ("encoder" in moved_weights) == (kind == "dense")
    assert "direction_readout" in moved_weights


def test_a_network_begins_alike_with_directions_and_without() -> None:
    with_them, without = state_of(settings(head_direction_cells=12)), state_of(settings())
    shared = {name: value for name, value in weights(with_them).items() if name != "direction_readout"}
    assert same(shared.values(), weights(without).values())


@pytest.mark.slow
def test_directions_are_learned() -> None:
    config = settings(head_direction_cells=12, steps=150, lr=5e-3, print_every=150)
    last = list(train(state_of(config), config))[-1]
    assert float(last.metrics["train/head_direction_error_deg"]) < 25


TOPOLOSS = {"topoloss": True, "topoloss_factor": 4, "topoloss_weight": 0.5}
WIRED: dict[str, dict[str, Any]] = {
    "dense": {},
    "blocks": {"wiring": "blocks", "modules_per_side": 2, "n_grid_cells": 256},
    "attractor": ATTRACTOR | {"learn_recurrent": True, "learn_movement": True},
    "learned": LEARNED | {"readout_steps": 3},
}


def topographic_cost(maps: np.ndarray, factor: int) -> float:
    """Return 1 - cosine of maps ``(map, side, side)`` to their blurred selves, by NumPy and SciPy."""
    costs = []
    for one in maps:
        small = one.reshape(len(one) // factor, factor, -1, factor).mean((1, 3))
        # Pixels of both sheets are squares that fill the same area.
        place = np.clip((np.arange(len(one)) + 0.5) / factor - 0.5, 0, len(small) - 1)
        blurred = scipy.ndimage.map_coordinates(small, np.meshgrid(place, place, indexing="ij"), order=1)
        costs.append(1 - (one * blurred).sum() / np.linalg.norm(one) / np.linalg.norm(blurred))
    return float(np.mean(costs))


@pytest.mark.parametrize("on", ["recurrent", "input", "readout"])
@pytest.mark.parametrize("wiring", WIRED)
def test_the_topographic_loss_is_on_the_weights_asked_for_under_every_wiring(wiring: str, on: str) -> None:
    """Recurrent weights have a map over the module they are in, all others over the whole sheet."""
    config = settings(**WIRED[wiring], **TOPOLOSS, topoloss_on=on)
    state = state_of(config)
    phase: Phase = "all" if wiring != "learned" else "readout" if on == "readout" else "modules"
    if phase == "readout":
        state.step = config.steps - 1
    batch, network = batch_for(state, config), state.network
    weight = {"recurrent": network.units.wiring.weight, "input": network.units.w_in, "readout": network.readout}[on]
    with torch.no_grad():
        weight.copy_(torch.randn(weight.shape, generator=torch.Generator().manual_seed(3)))
    prediction = state.predict(batch, phase, read_steps(state.step + 1, config))
    terms = objective(context_of(state, prediction, batch), phase)
    values = weight.detach().double().numpy()
    # Rows are receivers, also behind an axis of modules; those of the read-out are place cells.
    maps = values if on == "readout" else np.moveaxis(values, -1, -2)
    side = math.isqrt(maps.shape[-1])
    assert terms["train/topo_loss"].item() == pytest.approx(
        0.5 * topographic_cost(maps.reshape(-1, side, side), 4), rel=1e-4
    )
    terms[TOTAL].backward()  # type: ignore[no-untyped-call]
    assert weight.grad is not None
    assert bool(weight.grad.isfinite().all())


@pytest.mark.parametrize(("on", "phase"), [("recurrent", "readout"), ("input", "readout"), ("readout", "modules")])
def test_a_topographic_loss_on_what_rests_in_a_phase_is_not_taken_in_it(on: str, phase: Phase) -> None:
    config = settings(**WIRED["learned"], **TOPOLOSS, topoloss_on=on)
    state = state_of(config)
    state.step = config.steps - 1 if phase == "readout" else 0
    batch = batch_for(state, config)
    prediction = state.predict(batch, phase, read_steps(state.step + 1, config))
    assert "train/topo_loss" not in objective(context_of(state, prediction, batch), phase)


def test_the_strength_of_the_topographic_loss_follows_its_schedule() -> None:
    schedule = ("constant:3:0", "linear:4", "cosine:3:1:0.5")
    config = settings(**TOPOLOSS, topoloss_schedule=schedule, print_every=1)
    state, constant = state_of(config), state_of(settings(**TOPOLOSS))
    weights_now = state.network.units.wiring.weight.detach()
    before = float(losses.laplacian_pyramid_loss(weights_now, 4))
    for record in train(state, config):
        weight = topoloss_weight(record.step, config)
        assert float(state.topoloss_weight) == pytest.approx(weight)
        assert float(record.metrics["train/topo_loss"]) == pytest.approx(weight * before, rel=1e-5)
        before = float(losses.laplacian_pyramid_loss(weights_now, 4))
        assert rates(record.step, config) == {"train/lr": learning_rate(record.step, config), WEIGHT: weight}
    wanted = {1: 0, 3: 0, 5: 0.25, 7: 0.5, 10: 0.25, 12: 0.25}
    assert {step: topoloss_weight(step, config) for step in wanted} == pytest.approx(wanted)
    list(train(constant, constant.config))
    assert not same(weights(state).values(), weights(constant).values())


WEIGHT = "train/topoloss_weight"


def test_no_weight_is_told_of_a_loss_that_is_not_taken() -> None:
    assert WEIGHT not in rates(1, settings())


def test_terms_of_weight_zero_are_left_out() -> None:
    config = settings(weight_decay=0.0, activity_cost=0.0)
    state = state_of(config)
    batch = batch_for(state, config)
    prediction = state.network(batch.start_code, batch.displacement)
    assert set(objective(context_of(state, prediction, batch))) == {
        "train/ce_loss",
        "train/total_loss",
    }


PHASED = {
    "dense": {"tau": True, "tau_growth_steps": 3},
    "attractor": ATTRACTOR | {"tau_growth_steps": 50},
    "learned": LEARNED | {"readout_steps": 3, "tau_growth_steps": 2},
}


@pytest.mark.parametrize("steps", [1, 3, 4, 13])
@pytest.mark.parametrize("kind", PHASED)
def test_phases_follow_one_another_and_the_special_ones_are_at_most_a_quarter(kind: str, steps: int) -> None:
    config = settings(**PHASED[kind], steps=steps)
    course = [phase_of(step, config) for step in range(1, steps + 1)]
    assert [phase for phase, _ in itertools.groupby(course)] == list(dict.fromkeys(course))
    wanted = {
        "dense": ["all"] * steps,
        "attractor": ["growth"] * growth_steps(config) + ["all"] * (steps - growth_steps(config)),
        "learned": ["modules"] * (steps - readout_steps(config)) + ["readout"] * readout_steps(config),
    }[kind]
    assert course == wanted
    assert growth_steps(config) == min(config.tau_growth_steps, steps // 4)
    assert readout_steps(config) == min(config.readout_steps, steps // 4)


@given(st.integers(1, 300), st.integers(1, 40))
def test_a_readout_that_learns_alone_reads_all_ages_in_turn_early_ones_more_often(length: int, step: int) -> None:
    config = settings(**LEARNED | {"readout_length": length}, readout_steps=100, steps=400)
    begin = 400 - readout_steps(config) + step
    rounds = [read_steps(begin + shift, config) for shift in range(READ_SHIFTS)]
    for read in rounds:
        assert read == sorted(set(read))
        assert 0 <= read[0] <= read[-1] < length == walk_length(begin, config)
    seen = {moment for read in rounds for moment in read}
    assert min(seen) == 0
    assert max(seen) >= 0.95 * length - 2
    if length > 100:
        assert sum(moment < length / 2 for moment in seen) > sum(moment >= length / 2 for moment in seen)
        assert read_steps(begin, config) == read_steps(begin + READ_SHIFTS, config)


def test_a_readout_that_learns_alone_moves_nothing_else() -> None:
    config = settings(**LEARNED, readout_steps=3)
    state = state_of(config)
    state.step = 9
    assert phase_of(10, config) == "readout"
    batch = batch_for(state, config)
    prediction = state.predict(batch, "readout", read_steps(10, config))
    terms = objective(context_of(state, prediction, batch), "readout")
    assert set(terms) == {"train/ce_loss", TOTAL}
    terms[TOTAL].backward()  # type: ignore[no-untyped-call]
    moved = {name for name, weight in state.network.named_parameters() if weight.grad is not None}
    assert moved == {"readout"}


def test_modules_are_compared_on_states_spread_over_the_batch_and_no_others() -> None:
    costs = []
    for n_states in (360, 400, 9):
        config = settings(**LEARNED, isometry_states=n_states, isometry_weight=2.0, capacity_weight=0.5)
        state = state_of(config)
        batch = batch_for(state, config)
        prediction = state.predict(batch, "modules")
        terms = objective(context_of(state, prediction, batch), "modules")
        costs.append(terms["train/isometry_loss"].item())
    states = prediction.activity.transpose(0, 1).flatten(1, 2)
    position = torch.cat((batch.position[:1] - batch.displacement[:1], batch.position)).transpose(0, 1).flatten(1, 2)
    scale = length_scale(state.network, config)
    assert states.shape[1] == 360
    assert costs[0] == costs[1] == pytest.approx(2 * geometry.isometry(states, position, scale).item(), rel=1e-4)
    few = slice(None, None, 40)
    assert costs[2] == pytest.approx(2 * geometry.isometry(states[:, few], position[:, few], scale).item(), rel=1e-4)
    assert terms["train/capacity_loss"].item() == pytest.approx(-0.5 * states.mean(dim=(1, 2)).sum().item(), rel=1e-4)


def test_length_scales_are_blind_to_tau_only_where_they_are_to_be_and_have_no_gradient() -> None:
    scales = {}
    for kind in ("drive", "tau", "mean"):
        config = settings(**LEARNED | {"tau_init": "gradient"}, isometry_scale=kind)
        scales[kind] = length_scale(state_of(config).network, config)
        assert scales[kind].shape == (4,)
        assert not scales[kind].requires_grad
    assert scales["mean"].unique().numel() == 1
    for kind in ("drive", "tau"):
        assert bool((scales[kind][:2] > scales[kind][2:]).all())
    torch.testing.assert_close(scales["tau"][0] / scales["tau"][2], scales["drive"][0] / scales["drive"][2])


def test_terms_are_told_apart_and_sums_are_of_terms() -> None:
    names = [term.name for term in TERMS]
    kinds = [settings(topoloss=True, topoloss_on=on) for on in ("recurrent", "input", "readout")]
    for config in (*kinds, settings(**LEARNED), settings(**ATTRACTOR)):
        applied = [term.name for term in TERMS if term.applies(config)]
        assert len(set(applied)) == len(applied)
    assert not {*names} & {*SUMS, TOTAL}
    assert all(set(parts) < set(names) for _about, parts in SUMS.values())
    assert all(term.phases and set(term.phases) <= {"growth", "all", "modules", "readout"} for term in TERMS)
