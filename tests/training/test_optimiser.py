"""Every weight that learns is moved once, at the rate of its step, and never by what is not finite."""

import dataclasses
import math
import subprocess
import sys
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.training.small_states import (
    ATTRACTOR,
    BOTH,
    LEARNED,
    batch_for,
    same,
    settings,
    state_of,
)
from topogrid.training.optimiser import (
    Adam,
    clip_gradients,
    grower_of,
    learning_rate,
    make_capturable,
    over_after,
    parameter_groups,
    set_learning_rate,
    step_if,
)
from topogrid.training.step import train_step


def test_long_gradients_are_shortened_and_their_length_is_reported() -> None:
    norms = []
    for limit in (0.0, 1e6, 1e-3):
        config = settings(grad_clip=limit)
        state = state_of(config)
        record = train_step(state, batch_for(state, config), config, measure=True)
        norms.append(record.metrics["train/grad_norm"])
        left = torch.stack([parameter.grad.norm() for parameter in state.network.parameters()]).norm()  # type: ignore[union-attr]
        torch.testing.assert_close(left, norms[-1].clamp(max=limit) if limit else norms[-1], rtol=1e-4, atol=1e-6)
    assert same(norms[:1] * 2, norms[1:])


@given(
    steps=st.integers(1, 500),
    warmup=st.integers(0, 600),
    schedule=st.sampled_from(["cosine", "constant"]),
    share=st.floats(0, 1),
)
def test_the_learning_rate_keeps_to_its_schedule(steps: int, warmup: int, schedule: str, share: float) -> None:
    config = settings(steps=steps, warmup_steps=warmup, lr_schedule=schedule, final_lr_share=share, lr=1e-3)
    rates = [learning_rate(step, config) for step in range(1, steps + 1)]
    assert all(0 <= rate <= 1e-3 * (1 + 1e-12) for rate in rates)
    after = rates[max(warmup - 1, 0) :]
    if schedule == "constant":
        assert after == pytest.approx([1e-3] * len(after))
        assert rates == sorted(rates)
    else:
        assert after == sorted(after, reverse=True)
        if warmup <= steps:
            assert rates[-1] == pytest.approx(1e-3 * share, abs=1e-18)
    cold = dataclasses.replace(config, warmup_steps=0)
    for step in range(1, min(warmup, steps)):
        assert rates[step - 1] == pytest.approx(learning_rate(step, cold) * step / warmup)


@pytest.mark.parametrize(("scaled", "factor"), [(True, 576 / 64), (False, 1.0)])
def test_what_sums_over_units_learns_at_a_rate_that_falls_with_their_number(scaled: bool, factor: float) -> None:
    config = settings(**BOTH, scale_lr=scaled)
    state = state_of(config)
    names = {id(parameter): name for name, parameter in state.network.named_parameters()}
    scales = {names[id(one)]: group["lr_scale"] for group in state.optimiser.param_groups for one in group["params"]}
    rest = {"encoder": 1.0, "units.w_in": 1.0, "units.log_tau": 1.0}
    assert scales == {"units.wiring.weight": factor, "readout": factor, **rest}


@pytest.mark.parametrize(
    "changes",
    [
        {}, BOTH, {"tau": True, "learnable_tau": False}, {"drive": 0.5}, {"scale_lr": False}, LEARNED, ATTRACTOR,
        ATTRACTOR | {"learn_recurrent": True, "learn_movement": True},
        {"encoder_lr_scale": 3.0, "readout_lr_scale": 0.5, "movement_lr_scale": 2.0, "tau_lr_scale": 7.0, "tau": True},
    ],
    ids=lambda changes: " ".join(changes) or "plain",
)  # fmt: skip
def test_every_weight_that_learns_is_in_one_group(changes: dict[str, Any]) -> None:
    config = settings(**changes)
    network = state_of(config).network
    groups = parameter_groups(network, config)
    there = [id(weight) for group in groups for weight in group["params"]]
    assert len(set(there)) == len(there)
    assert set(there) == {id(weight) for weight in network.parameters() if weight.requires_grad}
    scale = {id(weight): group["lr_scale"] for group in groups for weight in group["params"]}
    assert scale[id(network.encoder)] == config.encoder_lr_scale
    width = network.units.wiring.width_scale if config.scale_lr else 1.0
    assert scale[id(network.readout)] == width * config.readout_lr_scale
    if id(network.units.log_tau) in scale:
        assert scale[id(network.units.log_tau)] == config.tau_lr_scale


@pytest.mark.parametrize(
    ("changes", "ends"),
    [
        ({}, [12]),
        (ATTRACTOR | {"tau_growth_steps": 3, "steps": 20}, [3, 20]),
        (LEARNED | {"readout_steps": 4, "steps": 20}, [16, 20]),
    ],
    ids=["dense", "attractor", "learned"],
)
def test_every_phase_warms_up_anew_and_falls_to_its_end(changes: dict[str, Any], ends: list[int]) -> None:
    config = settings(**{"steps": 12, "warmup_steps": 2, "final_lr_share": 0.1, "lr": 1e-2, **changes})
    begin = 0
    for end in ends:
        assert learning_rate(end, config) == pytest.approx(1e-3)
        fall = 0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi / (end - begin)))
        assert learning_rate(begin + 1, config) == pytest.approx(1e-2 * 0.5 * fall)
        begin = end


OF_MODULES = {"encoder_lr_scale", "movement_lr_scale", "tau_lr_scale", "weight_decay"}


@pytest.mark.parametrize(
    ("changes", "step", "steps", "over"),
    [
        ({}, 2, 20, set()),
        ({}, 18, 20, {"warmup_steps"}),
        (LEARNED | {"readout_steps": 5}, 10, 20, set()),  # the read-out warms up anew
        (LEARNED | {"readout_steps": 5}, 16, 20, OF_MODULES),
        (LEARNED | {"readout_steps": 5}, 19, 20, OF_MODULES | {"warmup_steps"}),
        (LEARNED | {"readout_steps": 5}, 19, 40, set()),  # modules go on
    ],
)
def test_what_acts_in_no_step_that_is_left_is_named(
    changes: dict[str, Any], step: int, steps: int, over: set[str]
) -> None:
    before = settings(**{"steps": 20, "warmup_steps": 3, "tau": True, **changes})
    others = dict.fromkeys((*sorted(OF_MODULES), "readout_lr_scale"), 0.5)
    now = dataclasses.replace(before, **others, warmup_steps=5, steps=steps)
    assert over_after(step, before, now).keys() == over
    assert over_after(step, before, before) == {}


@pytest.mark.parametrize("fused", [False, True])
def test_a_rate_that_a_recorded_step_reads_is_changed_in_place(fused: bool) -> None:
    config = settings(tau=True)
    network = state_of(config).network
    optimiser = torch.optim.Adam(parameter_groups(network, config), fused=fused)
    make_capturable(optimiser)
    held = [group["lr"] for group in optimiser.param_groups]
    assert all(group["capturable"] for group in optimiser.param_groups)
    set_learning_rate(optimiser, 5, config)
    for tensor, group in zip(held, optimiser.param_groups, strict=True):
        assert group["lr"] is tensor
        assert tensor.item() == pytest.approx(learning_rate(5, config) * group["lr_scale"])


def test_the_joint_norm_of_all_gradients_is_told_and_limited() -> None:
    network = state_of(settings(**BOTH, drive=0.5)).network
    parameters = list(network.parameters())
    for limit, left in ((0.0, None), (1.0, 1.0), (1e6, None)):
        for number, weight in enumerate(parameters):
            weight.grad = torch.full_like(weight, float(number + 1))
        whole = math.sqrt(sum((number + 1) ** 2 * weight.numel() for number, weight in enumerate(parameters)))
        assert clip_gradients(network, limit).item() == pytest.approx(whole)
        now = torch.stack([weight.grad.norm() for weight in parameters if weight.grad is not None]).norm().item()
        assert now == pytest.approx(left or whole, rel=1e-5)


def test_what_is_not_finite_moves_neither_weights_nor_what_is_remembered() -> None:
    weight = torch.nn.Parameter(torch.ones(3))
    optimiser = torch.optim.Adam([weight], lr=0.1, fused=True)
    weight.grad = torch.ones(3)
    step_if(torch.tensor(True), optimiser)
    moved = weight.detach().clone()
    torch.testing.assert_close(moved, torch.full((3,), 0.9))
    kept = {name: value.clone() for name, value in optimiser.state[weight].items()}
    weight.grad = torch.full((3,), math.nan)
    step_if(torch.tensor(False), optimiser)
    assert torch.equal(weight, moved)
    assert same(kept.values(), optimiser.state[weight].values())


@pytest.mark.parametrize(
    "changes", [{}, {"tau": True}, {"tau": True, "learnable_tau": False, "tau_growth_steps": 3}], ids=str
)
def test_only_a_map_that_grows_has_steps_of_its_own(changes: dict[str, Any]) -> None:
    config = settings(**changes)
    assert grower_of(state_of(config).network, config) is None
    grows = settings(tau=True, tau_growth_steps=3)
    network = state_of(grows).network
    grower = grower_of(network, grows)
    assert grower is not None
    assert [weight is network.units.log_tau for weight in grower.param_groups[0]["params"]] == [True]
    assert grower.param_groups[0]["lr"] == grows.tau_growth_lr


@pytest.mark.parametrize("fused", [False, True])
def test_adam_is_that_of_pytorch_to_the_bit(fused: bool) -> None:
    taken = []
    for kind in (torch.optim.Adam, Adam):
        generator = torch.Generator().manual_seed(0)
        weights = [torch.randn(n, 3, generator=generator).requires_grad_() for n in (2, 4)]
        groups = [{"params": weights[:1], "lr": 0.1}, {"params": weights[1:], "lr": 0.01}]
        optimiser = kind(groups, fused=fused)
        for step in range(6):
            optimiser.zero_grad()
            sum((weight - 0.3 * step).pow(4).sum() for weight in weights).backward()  # type: ignore[union-attr]
            optimiser.step()
            if step == 3:  # a checkpoint of either is one of the other
                other = (Adam if kind is torch.optim.Adam else torch.optim.Adam)(groups, fused=fused)
                other.load_state_dict(optimiser.state_dict())
                optimiser = other
        taken.append([*weights, *(state["exp_avg_sq"] for state in optimiser.state.values())])
    assert all(torch.equal(one, other) for one, other in zip(*taken, strict=True))


def test_a_step_needs_no_compiler() -> None:
    check = (
        "import sys, torch; from topogrid.training.optimiser import Adam\n"
        "weight = torch.ones(3, requires_grad=True); optimiser = Adam([weight], fused=True)\n"
        "optimiser.zero_grad(); weight.sum().backward(); optimiser.step()\n"
        "optimiser.load_state_dict(optimiser.state_dict())\n"
        "sys.exit('torch._dynamo' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0
