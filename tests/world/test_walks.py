"""Simulated walks move as the model says and stay in the box; recorded ones are read right or refused in one line."""

import math
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from torch import Tensor

from topogrid.world.walks import (
    SPEED_SCALE,
    TURN_SD,
    WALL_DISTANCE,
    WALL_SLOWING,
    Walks,
    join_steps,
    simulate_walks,
    split_steps,
)

DT = 0.02
LEVEL = 1e-3  # of the statistical tests; their seeds are fixed


def simulate(
    n_walks: int = 100, n_steps: int = 50, box_size: tuple[float, float] = (2.2, 2.2), seed: int = 0, **settings: Any
) -> Walks:
    generator = torch.Generator().manual_seed(seed)
    return simulate_walks(n_walks, n_steps, box_size=box_size, generator=generator, **{"dt": DT, **settings})


def before(walks: Walks) -> Tensor:
    """Return where each step began, ``(time, batch, 2)``."""
    return torch.cat((walks.start[None], walks.position[:-1]))


def wrapped(angle: Tensor) -> Tensor:
    return torch.remainder(angle + math.pi, 2 * math.pi) - math.pi


@given(
    n_walks=st.integers(1, 30),
    n_steps=st.integers(1, 40),
    width=st.floats(0.1, 10),
    height=st.floats(0.1, 10),
    dt=st.floats(1e-3, 0.5),
    seed=st.integers(0, 2**32),
)
def test_displacements_sum_to_positions_inside_the_box(
    n_walks: int, n_steps: int, width: float, height: float, dt: float, seed: int
) -> None:
    walks = simulate(n_walks, n_steps, (width, height), seed, dt=dt)
    half = torch.tensor([width, height]) / 2
    assert (walks.start.abs() <= half).all()
    assert (walks.position.abs() <= half).all()
    torch.testing.assert_close(before(walks) + walks.displacement, walks.position, rtol=0, atol=2e-6)
    torch.testing.assert_close(
        walks.start + walks.displacement.double().cumsum(0), walks.position.double(), rtol=0, atol=2e-5
    )


def test_on_a_torus_positions_are_the_sum_modulo_the_box() -> None:
    box = torch.tensor([1.0, 0.6])
    walks = simulate(200, 300, (1.0, 0.6), periodic=True)
    summed = walks.start + walks.displacement.double().cumsum(0)
    assert (summed.abs() > box / 2).any(dim=1).any()  # somebody went around
    assert (walks.position.abs() <= box / 2).all()
    off = torch.remainder(summed - walks.position + box / 2, box) - box / 2
    assert off.abs().max() < 2e-5


def test_walks_fill_the_box_evenly_at_the_start() -> None:
    walks = simulate(5000, 1, (2.0, 1.0))
    for axis, side in enumerate((2.0, 1.0)):
        assert stats.kstest(walks.start[:, axis] / side + 0.5, "uniform").pvalue > LEVEL
    headings = torch.atan2(walks.displacement[0, :, 1], walks.displacement[0, :, 0])
    far = (torch.tensor([1.0, 0.5]) - walks.start.abs()).amin(dim=-1) > 0.1
    assert stats.kstest(headings[far] / (2 * math.pi) + 0.5, "uniform").pvalue > LEVEL


@pytest.mark.parametrize("n_walks", [1, 7, 200])
def test_an_even_start_is_uniform_for_every_single_walk(n_walks: int) -> None:
    generator = torch.Generator().manual_seed(3)
    batches = [_first_step(n_walks, generator, even_starts=True) for _ in range(400)]
    for walk in (0, n_walks - 1):
        for values in torch.stack([batch[walk] for batch in batches]).T.double().numpy():
            assert stats.kstest(values, stats.uniform.cdf).pvalue > LEVEL


def test_even_starts_make_sums_over_a_batch_vary_less() -> None:
    waves = 2 * math.pi * torch.tensor([[1.0, 0, 0], [0, 2, 0], [3, 1, 0], [0, 0, 1], [1, 0, 1]])

    def variance(even_starts: bool) -> Tensor:
        generator = torch.Generator().manual_seed(4)
        batches = [_first_step(200, generator, even_starts=even_starts) for _ in range(200)]
        return torch.stack([(batch @ waves.T).cos().mean(dim=0) for batch in batches]).var(dim=0)

    assert (variance(True) < variance(False) / 5).all()


def _first_step(n_walks: int, generator: torch.Generator, *, even_starts: bool) -> Tensor:
    """Start and heading of every walk, each between 0 and 1, ``(walk, 3)``."""
    walks = simulate_walks(
        n_walks, 1, box_size=(2.0, 1.0), dt=1e-6, generator=generator, even_starts=even_starts, periodic=True
    )
    # The first turn is of the order of 1e-5 radians at this time step.
    heading = torch.atan2(walks.displacement[0, :, 1], walks.displacement[0, :, 0]) / (2 * math.pi)
    return torch.cat((walks.start / torch.tensor([2.0, 1.0]) + 0.5, torch.remainder(heading, 1.0)[:, None]), dim=1)


def test_walks_start_in_the_part_of_the_box_asked_for() -> None:
    walks = simulate(5000, 3, (2.0, 1.0), start_box=(0.5, 1.0))
    for axis, side in enumerate((0.5, 1.0)):
        assert stats.kstest(walks.start[:, axis] / side + 0.5, "uniform").pvalue > LEVEL
    whole, same = simulate(box_size=(2.0, 1.0)), simulate(box_size=(2.0, 1.0), start_box=(2.0, 1.0))
    assert torch.equal(whole.position, same.position)
    with pytest.raises(
        ValueError, match=r"start inside the box of \(2\.0, 1\.0\) m, got a start_box of \(0\.5, 1\.1\) m"
    ):
        simulate(box_size=(2.0, 1.0), start_box=(0.5, 1.1))


def test_a_seed_means_the_same_walks_and_a_generator_moves_on() -> None:
    first, again, other = simulate(seed=3), simulate(seed=3), simulate(seed=4)
    assert all(torch.equal(one, two) for one, two in zip(first, again, strict=True))
    assert not torch.equal(first.start, other.start)
    generator = torch.Generator().manual_seed(3)
    draws = [simulate_walks(100, 50, box_size=(2.2, 2.2), dt=DT, generator=generator) for _ in range(2)]
    assert torch.equal(draws[0].position, first.position)
    assert not torch.equal(draws[0].position, draws[1].position)


def test_global_randomness_is_left_alone() -> None:
    state = torch.get_rng_state()
    simulate()
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("dt", [0.01, 0.04])
@pytest.mark.parametrize("periodic", [False, True])
def test_speed_is_rayleigh_and_turning_normal_away_from_walls(periodic: bool, dt: float) -> None:
    walks = simulate(300, 40, (20.0, 20.0), dt=dt, periodic=periodic)
    free = (10 - before(walks).abs()).amin(dim=(0, 2)) > 1  # walks that never come near a wall
    moves = walks.displacement[:, free].double()
    speed = moves.norm(dim=-1) / dt
    assert stats.kstest(speed.flatten(), stats.rayleigh(scale=SPEED_SCALE).cdf).pvalue > LEVEL
    heading = torch.atan2(moves[..., 1], moves[..., 0])
    # Steps of almost no length have no heading in single precision.
    long_enough = ((speed[1:] > 0.1) & (speed[:-1] > 0.1)).flatten()
    turn = wrapped(heading.diff(dim=0)).flatten()[long_enough]
    assert stats.kstest(turn, stats.norm(scale=TURN_SD * dt).cdf).pvalue > LEVEL
    assert turn.std().item() == pytest.approx(TURN_SD * dt, rel=0.03)


def test_near_a_wall_the_walker_runs_along_it_at_a_quarter_of_its_speed() -> None:
    walks = simulate(2000, 60)
    here, move = before(walks).flatten(0, 1), walks.displacement.flatten(0, 1)
    room = 1.1 - here.abs()
    for axis in (0, 1):
        at_wall = (room[:, axis] < WALL_DISTANCE - 1e-5) & (room[:, 1 - axis] > 0.4)
        outward = (move[:, axis] * here[:, axis].sign())[at_wall]
        # Nobody moves on towards the wall: one either turns along it or was leaving already.
        assert outward.max() < 1e-6
        along = move[at_wall][outward.abs() < 1e-6, 1 - axis]
        assert len(along) > 500
        quarter = stats.rayleigh(scale=WALL_SLOWING * SPEED_SCALE * DT)
        assert stats.kstest(along.abs(), quarter.cdf).pvalue > LEVEL
        leaving = move[at_wall][outward < -1e-6].norm(dim=-1)
        assert stats.kstest(leaving, stats.rayleigh(scale=SPEED_SCALE * DT).cdf).pvalue > LEVEL


def test_turning_along_a_wall_keeps_the_side_one_came_from() -> None:
    """Who runs at the right wall a little upwards turns up, not down."""
    walks = simulate(20000, 40, dt=2e-3)
    here = before(walks)
    entered = (1.1 - here[1:, :, 0] < WALL_DISTANCE) & (1.1 - here[:-1, :, 0] > WALL_DISTANCE)
    entered &= here[1:, :, 1].abs() < 1
    came, went = walks.displacement[:-1][entered], walks.displacement[1:][entered]
    sideways = came[:, 1].abs() > 0.2 * came[:, 0].abs()  # further from head-on than a turn of 8 sd
    assert sideways.sum() > 20
    assert (came[sideways, 1].sign() == went[sideways, 1].sign()).all()


def test_a_speed_factor_stretches_every_step() -> None:
    slow, fast = (simulate(50, 30, (60.0, 60.0), periodic=True, speed_factor=factor) for factor in (1.0, 2.5))
    assert torch.equal(slow.start, fast.start)
    torch.testing.assert_close(fast.displacement, 2.5 * slow.displacement)
    assert simulate(speed_factor=0.0).displacement.abs().max() == 0


def test_walks_can_start_in_the_middle_of_a_larger_box() -> None:
    walks = simulate(500, 30, box_size=(4.0, 3.0), start_box=(1.0, 0.5))
    assert (walks.start.abs() <= torch.tensor([0.5, 0.25])).all()
    assert walks.position[..., 0].abs().max() > 0.5
    with pytest.raises(ValueError, match="must start inside"):
        simulate(1, 1, box_size=(1.0, 1.0), start_box=(2.0, 1.0))


@pytest.mark.parametrize("periodic", [False, True])
def test_paths_stay_the_same_however_often_they_are_sampled(periodic: bool) -> None:
    walks = simulate(50, 40, box_size=(2.2, 2.2), periodic=periodic)
    finer = split_steps(walks, 3, box_size=(2.2, 2.2), periodic=periodic)
    assert torch.equal(finer.position[2::3], walks.position)
    assert finer.position.abs().max() <= 1.1 + 1e-6
    apart = finer.position[1:] - finer.position[:-1] - finer.displacement[1:]
    if periodic:
        apart = torch.remainder(apart + 1.1, 2.2) - 1.1
    assert apart.abs().max() < 1e-6
    back = join_steps(finer, 3)
    torch.testing.assert_close(back.displacement, walks.displacement)
    assert torch.equal(back.position, walks.position)
    assert len(join_steps(walks, 7).position) == 5
