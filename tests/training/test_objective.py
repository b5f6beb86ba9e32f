"""The loss is the sum of the terms of a phase, each phase follows the one before, and reads its own moments."""

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.training.small_states import ATTRACTOR, LEARNED, batch_for, settings, state_of
from topogrid.model.penalty import weight_decay
from topogrid.training import geometry, losses
from topogrid.training.objective import (
    READ_SHIFTS,
    SUMS,
    TERMS,
    TOTAL,
    Context,
    at_moments,
    growth_steps,
    length_scale,
    objective,
    phase_of,
    read_steps,
    readout_steps,
    walk_length,
)


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
    terms = objective(Context(network, state.place_cells, prediction, batch, config))
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


@pytest.mark.parametrize("on", ["recurrent", "input", "readout"])
def test_the_topographic_loss_is_on_the_weights_asked_for(on: str) -> None:
    """One row per receiving unit of the sheet; of the read-out, the outgoing weights of a unit."""
    config = settings(topoloss=True, topoloss_on=on, topoloss_factor=4)
    state = state_of(config)
    network, batch = state.network, batch_for(state, config)
    terms = objective(Context(network, state.place_cells, network(batch.start_code, batch.displacement), batch, config))
    weight = {"recurrent": network.units.wiring.weight, "input": network.units.w_in, "readout": network.readout.t()}[on]
    torch.testing.assert_close(terms["train/topo_loss"], losses.laplacian_pyramid_loss(weight, 4))


def test_terms_of_weight_zero_are_left_out() -> None:
    config = settings(weight_decay=0.0, activity_cost=0.0)
    state = state_of(config)
    batch = batch_for(state, config)
    prediction = state.network(batch.start_code, batch.displacement)
    assert set(objective(Context(state.network, state.place_cells, prediction, batch, config))) == {
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


@given(st.sets(st.integers(0, 11)))
def test_moments_are_those_that_are_named(chosen: set[int]) -> None:
    values = torch.arange(36.0).reshape(12, 3)
    moments = sorted(chosen)
    assert torch.equal(at_moments(values, moments), values[moments])


def test_evenly_spaced_moments_are_no_copy() -> None:
    values = torch.zeros(12, 3)
    assert at_moments(values, [1, 4, 7, 10]).data_ptr() == values[1].data_ptr()


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
    terms = objective(Context(state.network, state.place_cells, prediction, batch, config), "readout")
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
        terms = objective(Context(state.network, state.place_cells, prediction, batch, config), "modules")
        costs.append(terms["train/isometry_loss"].item())
    states = prediction.activity.transpose(0, 1).flatten(1, 2)
    position = torch.cat((batch.position[:1] - batch.displacement[:1], batch.position)).transpose(0, 1).flatten(1, 2)
    scale = length_scale(state.network, config)
    assert states.shape[1] == 360
    assert costs[0] == costs[1] == pytest.approx(2 * geometry.isometry(states, position, scale).item(), rel=1e-4)
    few = slice(None, None, 40)
    assert costs[2] == pytest.approx(2 * geometry.isometry(states[:, few], position[:, few], scale).item(), rel=1e-4)
    assert terms["train/capacity_loss"].item() == pytest.approx(-0.5 * geometry.capacity(states).item(), rel=1e-4)


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
    assert len({*names, *SUMS, TOTAL}) == len(names) + len(SUMS) + 1
    assert all(set(parts) < set(names) for _about, parts in SUMS.values())
    assert all(term.phases and set(term.phases) <= {"growth", "all", "modules", "readout"} for term in TERMS)
