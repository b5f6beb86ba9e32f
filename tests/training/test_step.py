"""A step learns, tells what it did, reads nothing back from the device, and survives bad batches."""

import dataclasses
import itertools
import math
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from tests.training.small_states import (
    ATTRACTOR,
    BOTH,
    LEARNED,
    LSTM,
    batch_for,
    moments,
    run,
    same,
    settings,
    state_of,
    weights,
)
from topogrid.training import losses
from topogrid.training.objective import Batch
from topogrid.training.optimiser import learning_rate
from topogrid.training.step import train, train_step

# --- learning


QUICK = {"steps": 60, "warmup_steps": 5, "print_every": 1, "input_gain": 5.0, "activity_cost": 0.0, "weight_decay": 0.0}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"tau": True, "tau_max": 4.0},
        {"topoloss": True, "topoloss_weight": 0.1},
        {"precision": "bf16"},
        {"tau": True, "training_feedback": 0.02, "training_feedback_code": "predicted"},
    ],
)
def test_the_loss_falls(changes: dict[str, Any]) -> None:
    config = settings(**QUICK, lr=5e-3, DoG=False, **changes)
    records = run(state_of(config, precision="bf16" if config.precision == "bf16" else "fp32"), config)
    names = ("train/total_loss", "train/ce_loss", "train/position_error_cm")
    course = torch.tensor([[record.metrics[name] for name in names] for record in records])
    early, late = course[:5].mean(dim=0), course[-5:].mean(dim=0)
    assert (late < torch.tensor([0.8, 0.8, 0.6]) * early).all()
    assert all(record.finite for record in records)


def test_with_the_dos_code_too_it_soon_knows_more_than_nothing() -> None:
    config = settings(**QUICK, lr=2e-3)
    records = run(state_of(config), config)
    assert torch.stack([record.metrics["train/ce_loss"] for record in records[-5:]]).mean() < math.log(64) - 0.03


def test_a_trained_network_makes_use_of_movement() -> None:
    config = settings(
        **{**QUICK, "steps": 150}, lr=5e-3, DoG=False, box_size=(1.0, 1.0), pc_width=(0.1,), seq_length=20
    )
    state = state_of(config)
    run(state, config)
    batch = batch_for(state, config)
    costs = [
        losses.place_cross_entropy(state.network(batch.start_code, moves).logits, batch.code, [slice(None)]).item()
        for moves in (batch.displacement, 0 * batch.displacement, -batch.displacement)
    ]
    assert costs[0] + 0.2 < costs[1] < costs[2]


def test_the_smoke_of_every_kind() -> None:
    """Each setting of the network, the tau terms and the objective takes two steps, in both precisions."""
    variants: list[dict[str, Any]] = [
        *({"tau": True, "tau_init": layout} for layout in ("gradient", "radial", "modules", "random", "uniform")),
        {"tau": True, "learnable_tau": False},
        {"tau": True, "tau_diversity": "variance"},
        *({"topoloss": True, "topoloss_on": on, "topoloss_factor": 3} for on in ("recurrent", "input", "readout")),
        {"activation": "tanh", "signed_start": True, "init": "xavier"},
        {"head_direction_cells": 12, "head_direction_concentration": 5.0, "readout_every": 3},
        {"periodic": True, "box_size": (1.5, 1.0)},
        {"pc_width": (0.2, 0.3), "DoG": False},
        {"weight_decay_towards": "identity", "lr_schedule": "constant", "warmup_steps": 0, "grad_clip": 0.0},
        {
            "steps": 1,
            "batch_size": 1,
            "seq_length": 1,
            "n_grid_cells": 4,
            "topoloss": True,
            "tau": True,
            "n_bands": 2,
        },
    ]
    for changes in variants:
        config = settings(**{"steps": 2, **changes})
        for precision in ("fp32", "bf16"):
            state = state_of(config, precision=precision)
            before = weights(state)
            records = run(state, config)
            assert all(record.finite for record in records), changes
            assert all(torch.isfinite(value) for value in records[-1].metrics.values()), changes
            assert config.steps == 1 or not same(before.values(), weights(state).values()), changes
            assert (state.network.units.log_tau is not None) == config.tau


@pytest.mark.parametrize("layout", ["gradient", "modules"])
def test_tau_learns_and_stays_inside_its_bounds(layout: str) -> None:
    config = settings(tau=True, tau_init=layout, tau_min=1.0, tau_max=3.0, tau_variance_weight=10.0, lr=0.1, steps=15)
    config = dataclasses.replace(config, tau_diversity="variance", warmup_steps=0)  # pushes outwards
    state = state_of(config)
    assert state.network.units.tau is not None
    first = state.network.units.tau.detach()
    for _ in train(state, config):
        tau = state.network.units.tau
        assert tau.min() >= 1
        assert tau.max() <= 3 * (1 + 1e-6)
    assert not torch.allclose(tau, first)


def test_frozen_tau_stays_as_it_was_laid_out() -> None:
    config = settings(tau=True, learnable_tau=False)
    state = state_of(config)
    before = weights(state)
    records = run(state, config)
    after = weights(state)
    assert torch.equal(before["units.log_tau"], after["units.log_tau"])
    assert not torch.equal(before["units.wiring.weight"], after["units.wiring.weight"])
    assert "train/tau_loss" not in records[-1].metrics


# --- metrics


def test_metrics_come_with_the_first_the_last_and_every_so_manieth_step() -> None:
    config = settings(**BOTH)
    records = run(state_of(config), config)
    assert [record.step for record in records] == list(range(1, 13))
    assert [record.step for record in records if record.metrics] == [1, 5, 10, 12]
    assert set(records[0].metrics) == {
        *(
            f"train/{name}_loss"
            for name in ("total", "ce", "reg", "activity", "topo", "tau", "tau_smoothness", "tau_diversity")
        ),
        "train/position_error_cm",
        "train/grad_norm",
        *(f"tau/{name}" for name in ("mean", "std", "min", "max")),
    }
    for value in records[0].metrics.values():
        assert value.shape == ()
        assert not value.requires_grad


def test_the_logged_error_is_that_of_the_prediction() -> None:
    config = settings()
    state = state_of(config)
    batch = batch_for(state, config)
    logits = state.network(batch.start_code, batch.displacement).logits
    nearest = state.place_cells.centres[logits.topk(3).indices].mean(dim=-2)
    wanted = 100 * (nearest - batch.position).square().sum(dim=-1).sqrt().mean()
    record = train_step(state, batch, config, measure=True)
    torch.testing.assert_close(record.metrics["train/position_error_cm"], wanted)


def test_measuring_changes_nothing() -> None:
    results = []
    for every in (1, 1000):
        config = settings(**BOTH, print_every=every)
        state = state_of(config)
        run(state, config)
        results.append(weights(state).values())
    assert same(*results)


def test_only_the_training_walks_are_drawn_from() -> None:
    config = settings(**BOTH, tau_init="random")
    state = state_of(config)
    before = {name: generator.get_state() for name, generator in state.generators.items()}
    everyone = torch.get_rng_state()
    run(state, config)
    moved = {
        name for name, generator in state.generators.items() if not torch.equal(generator.get_state(), before[name])
    }
    assert moved == {"walks"}
    assert torch.equal(torch.get_rng_state(), everyone)


def test_a_seed_means_the_same_run() -> None:
    config = settings(**BOTH)
    states = [state_of(config, seed) for seed in (0, 0, 1)]
    for state in states:
        run(state, config)
    first, again, other = (weights(state).values() for state in states)
    assert same(first, again)
    assert not any(torch.equal(one, two) for one, two in zip(first, other, strict=True))


def test_the_optimiser_uses_the_rate_of_the_step() -> None:
    config = settings()
    state = state_of(config)
    for record in train(state, config):
        for group in state.optimiser.param_groups:
            assert group["lr"] == learning_rate(record.step, config) * group["lr_scale"]


# --- bad batches


def spoiled(batch: Batch, kind: str) -> Batch:
    if kind == "nan":
        displacement = batch.displacement.clone()
        displacement[3, 2, 0] = math.nan
        return batch._replace(displacement=displacement)
    if kind == "overflow":
        return batch._replace(displacement=1e38 * torch.ones_like(batch.displacement))
    return batch._replace(code=torch.full_like(batch.code, math.nan))


@pytest.mark.parametrize("limit", [0.0, 1.0])
@pytest.mark.parametrize("kind", ["nan", "overflow", "target"])
@pytest.mark.parametrize("steps_before", [0, 3])
def test_a_non_finite_batch_changes_no_weight(steps_before: int, kind: str, limit: float) -> None:
    config = settings(**BOTH, grad_clip=limit)
    state = state_of(config)
    for _ in itertools.islice(train(state, config), steps_before):
        pass
    before, remembered = weights(state), moments(state)
    record = train_step(state, spoiled(batch_for(state, config), kind), config, measure=True)
    assert not record.finite
    assert record.step == state.step == steps_before + 1
    assert same(before.values(), weights(state).values())
    if steps_before:
        assert same(remembered, moments(state))
    assert train_step(state, batch_for(state, config), config).finite
    assert not same(before.values(), weights(state).values())
    assert all(torch.isfinite(value).all() for value in weights(state).values())


# --- the end


def test_a_finished_run_has_nothing_left_to_do() -> None:
    config = settings(steps=2)
    state = state_of(config)
    run(state, config)
    assert run(state, config) == []
    assert len(run(state, dataclasses.replace(config, steps=5))) == 3


@pytest.mark.parametrize("changes", [{}, {"isometry_scale": "tau"}])
def test_movement_weights_keep_their_size_once_they_are_no_longer_free(changes: dict[str, Any]) -> None:
    config = settings(
        **LEARNED, steps=12, movement_free_steps=5, readout_steps=3, movement_lr_scale=4.0, lr_schedule="constant",
        **changes,
    )  # fmt: skip
    state = state_of(config)
    sizes, weights_of = [], []
    for _record in train(state, config):
        sizes.append(state.network.units.movement_size())
        weights_of.append(state.network.units.w_in.detach().clone())
    moved = [not torch.allclose(one, other, rtol=1e-5) for one, other in itertools.pairwise(sizes)]
    # From the sixth step on, until the read-out learns alone, only their directions change.
    assert moved == [True] * 4 + [bool(changes)] * 4 + [False] * 3
    turned = [not torch.equal(one, other) for one, other in itertools.pairwise(weights_of)]
    assert turned == [True] * 8 + [False] * 3


# --- nothing comes back from the device


class Watch(TorchDispatchMode):
    """Notes every operation that reads values back to the host, or that takes tensors of two devices."""

    READS = ("_local_scalar_dense", "item", "nonzero", "is_nonzero", "masked_select", "equal", "_unique2", "unique_dim")

    def __init__(self) -> None:
        super().__init__()
        self.reads: list[str] = []
        self.made: list[str] = []
        """Tensors made from Python values: copied to a GPU they stall it, and no CUDA graph can hold that copy."""
        self.mixed: list[str] = []
        self.count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += 1
        name = func.overloadpacket.__name__
        devices = {leaf.device.type for leaf in tree_leaves((args, kwargs or {})) if isinstance(leaf, Tensor)}
        if name in self.READS:
            self.reads.append(name)
        if name.startswith("lift_fresh"):
            self.made.append(name)
        if len(devices) > 1:
            self.mixed.append(f"{name} {sorted(devices)}")
        return func(*args, **(kwargs or {}))


STEP_KINDS = [
    {},
    BOTH,
    {**BOTH, "precision": "bf16", "periodic": True, "even_starts": True, "pc_width": (0.2, 0.3), "activation": "tanh"},
    {**ATTRACTOR, "tau_growth_steps": 5, "tau_own_steps": 2},
    {**ATTRACTOR, "learn_recurrent": True, "learn_movement": True},
    {**LEARNED, "tau_growth_steps": 5, "tau_own_steps": 2},
    {**LEARNED, "readout_steps": 11, "drive": 0.1},
    {**LEARNED, "head_direction_cells": 12, "readout_steps": 11},
    {**BOTH, "head_direction_cells": 12, "readout_every": 2},
    LSTM,
    {**LEARNED, "topoloss": True, "topoloss_schedule": ("linear:5", "cosine:5:1:0")},
    {**BOTH, "training_feedback": 0.1, "training_feedback_code": "predicted", "readout_every": 2},
    {**ATTRACTOR, "learn_recurrent": True, "training_feedback": 0.1},
    {**LEARNED, "readout_steps": 11, "training_feedback": 0.1},
    {**LEARNED, "movement_free_steps": 0},
    {**ATTRACTOR, "n_grid_cells": 256},
]
STEP_NAMES = [
    "plain", "tau and topoloss", "all the rest", "attractor that grows", "attractor", "modules", "read-out of modules",
    "directions read out of modules", "directions", "LSTM", "modules with a strength that changes",
    "feedback of the prediction", "feedback of the place", "feedback to a read-out", "held movement", "few patterns",
]  # fmt: skip


def test_the_watch_sees_a_read() -> None:
    with Watch() as watch:
        float(torch.ones(()))
        torch.ones(3)[torch.tensor([True, False, True])]
    assert watch.made
    assert watch.reads == ["_local_scalar_dense", "nonzero"] or set(watch.reads) >= {"_local_scalar_dense"}


@pytest.mark.parametrize("measure", [False, True])
@pytest.mark.parametrize("changes", STEP_KINDS, ids=STEP_NAMES)
def test_a_step_reads_nothing_back(changes: dict[str, Any], measure: bool) -> None:
    config = settings(**changes)
    state = state_of(config, precision=config.precision if config.precision == "bf16" else "fp32")
    for _ in range(2):
        with Watch() as watch:
            batch = batch_for(state, config)
            train_step(state, batch, config, measure=measure)
        assert watch.count > 100
        assert watch.reads == []
        assert watch.made == []


@pytest.mark.parametrize("measure", [False, True])
@pytest.mark.parametrize("changes", STEP_KINDS, ids=STEP_NAMES)
def test_a_step_runs_unchanged_on_meta(changes: dict[str, Any], measure: bool) -> None:
    """A tensor on meta has no values: what reads one, or makes one elsewhere, fails here."""
    config = settings(**changes)
    on_cpu = state_of(config)
    state = state_of(config, device=torch.device("meta"), precision="bf16" if config.precision == "bf16" else "fp32")
    for step in (1, 2):
        on_cpu.step = step - 1
        batch = Batch(*(value.to("meta") for value in batch_for(on_cpu, config)))
        with Watch() as watch:
            record = train_step(state, batch, config, measure=measure)
        assert watch.mixed == []
        assert record.step == step
        assert record.finite.device.type == "meta"
        assert bool(record.metrics) == measure
        assert all(value.device.type == "meta" for value in record.metrics.values())
    assert state.place_cells.encode(batch.position).device.type == "meta"
