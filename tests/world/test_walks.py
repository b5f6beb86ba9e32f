"""Simulated walks move as the model says and stay in the box; recorded ones are read right or refused in one line."""

import io
import math
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats
from torch import Tensor

from topogrid.world.recordings import load_walks
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


# --- recorded walks


def recording(rate: float = 50.0, seconds: float = 20.0) -> dict[str, NDArray[np.float64]]:
    """Return a Lissajous figure 1.0 m wide and 0.6 m high around the origin."""
    t = np.arange(round(rate * seconds) + 1) / rate
    return {"t": t, "pos": lissajous(t)}


def lissajous(t: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.stack([0.5 * np.sin(2 * np.pi * t / 10), 0.3 * np.sin(2 * np.pi * t / 4)], axis=-1)


def saved(path: Path, **arrays: Any) -> Path:
    np.savez(path, **arrays)
    return path


@pytest.mark.parametrize("dt", [0.02, 0.01, 0.005, 0.05, 0.033])
@pytest.mark.parametrize("offset", [(0.0, 0.0), (13.0, -7.0)])
@pytest.mark.parametrize("t0", [0.0, 1.7e9])
def test_a_known_path_comes_back_at_any_time_step(
    tmp_path: Path, dt: float, offset: tuple[float, ...], t0: float
) -> None:
    data = recording()
    path = saved(tmp_path / "walk.npz", t=t0 + data["t"], pos=data["pos"] + offset)
    walks = load_walks(path, dt=dt, box_size=(1.0, 0.6))
    n_steps = int(20 / dt + 1e-6)
    assert walks.start.shape == (1, 2)
    assert walks.displacement.shape == walks.position.shape == (n_steps, 1, 2)
    points = torch.cat((walks.start[None], walks.position))[:, 0]
    # Linear interpolation is off by at most h^2 / 8 times the largest acceleration, h = 20 ms.
    np.testing.assert_allclose(points, lissajous(dt * np.arange(n_steps + 1)), rtol=0, atol=0.02**2 / 8 * 0.75 + 1e-6)
    torch.testing.assert_close(before(walks) + walks.displacement, walks.position, rtol=0, atol=1e-7)
    torch.testing.assert_close(walks.start + walks.displacement.cumsum(0), walks.position, rtol=0, atol=1e-5)
    assert walks.position.dtype == torch.float32


def test_uneven_sampling_is_resampled(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    t = np.concatenate([[0.0], np.sort(rng.uniform(0, 10, 2000)), [10.0]])
    walks = load_walks(saved(tmp_path / "walk.npz", t=t, pos=lissajous(t)), dt=DT)
    centre = (lissajous(t).min(0) + lissajous(t).max(0)) / 2
    np.testing.assert_allclose(walks.position[:, 0], lissajous(DT * np.arange(1, 501)) - centre, rtol=0, atol=5e-4)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_integers_and_short_floats_are_read(tmp_path: Path, save: Callable[..., None]) -> None:
    path = tmp_path / "walk.npz"
    save(path, t=np.array([0.0, 0.5, 1.0], np.float32), pos=np.array([[0, 0], [1, 0], [2, 0]], np.int16))
    walks = load_walks(path, dt=0.25)
    assert walks.position[:, 0].tolist() == [[-0.5, 0], [0, 0], [0.5, 0], [1, 0]]


def changed(**changes: Callable[[NDArray[np.float64]], Any]) -> dict[str, Any]:
    data: dict[str, Any] = dict(recording())
    for name, change in changes.items():
        data[name] = change(data[name])
    return data


def with_value(array: NDArray[np.float64], where: Any, value: float) -> NDArray[np.float64]:
    array = array.copy()
    array[where] = value
    return array


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({}, r"has arrays \[\], not t and pos"),
        ({"t": np.arange(3)}, r"has arrays \['t'\], not pos"),
        ({"time": np.arange(3), "pos": np.zeros((3, 2))}, r"has arrays \['pos', 'time'\], not t"),
        (changed(t=lambda t: t[:-1]), r"wanted `t` \(sample,\) and `pos` \(sample, 2\), got \(1000,\) and \(1001, 2\)"),
        (changed(pos=lambda pos: pos.T), r"got \(1001,\) and \(2, 1001\)"),
        (changed(pos=lambda pos: np.c_[pos, pos]), r"got \(1001,\) and \(1001, 4\)"),
        (changed(t=lambda t: t[:, None]), r"got \(1001, 1\) and \(1001, 2\)"),
        (changed(t=lambda t: t[0]), r"got \(\) and \(1001, 2\)"),
        (changed(t=lambda t: t[:0], pos=lambda pos: pos[:0]), r"has 0 sample\(s\), at least 2 are needed"),
        (changed(t=lambda t: t[:1], pos=lambda pos: pos[:1]), r"has 1 sample\(s\), at least 2 are needed"),
        (changed(t=lambda t: t / 1e6), "lasts 2e-05 s, at least one step of 0.02 s is needed"),
        (changed(pos=lambda pos: with_value(pos, (7, 1), math.nan)), "1 samples are NaN or infinite"),
        (changed(pos=lambda pos: with_value(pos, 7, math.inf)), "1 samples are NaN or infinite"),
        (changed(t=lambda t: with_value(t, slice(3, 5), math.nan)), "2 samples are NaN or infinite"),
        (changed(t=lambda t: with_value(t, 7, t[6])), "`t` must increase, but sample 7 is not after sample 6"),
        (changed(t=lambda t: t[::-1]), "`t` must increase, but sample 1 is not after sample 0; sort it"),
        (changed(t=lambda t: t + 1.5 * (t > 9)), "a gap of 1.52 s, less than 1 s is allowed"),
        (changed(t=lambda t: 1000 * t), "a gap of 20 s, less than 1 s is allowed; is `t` in seconds"),
        (changed(t=lambda t: np.arange(len(t))), "a gap of 1 s, less than 1 s is allowed; is `t` in seconds"),
        (changed(pos=lambda pos: 100 * pos), "covers 100 x 60 m, the box is 2.2 x 2.2 m; is `pos` in metres"),
        (changed(pos=lambda pos: 1j * pos), "`pos` holds complex128, not numbers"),
        (changed(t=lambda t: t.astype(str)), "`t` holds <U32, not numbers"),
        (changed(t=lambda t: (1e3 * t).astype("datetime64[ms]")), r"`t` holds datetime64\[ms\], not numbers"),
        (changed(t=lambda t: t > 3), "`t` holds bool, not numbers"),
        (changed(t=lambda t: t.astype([("seconds", "f8")])), "`t` holds .*seconds.*, not numbers"),
    ],
)
def test_an_unusable_recording_is_refused_in_one_line(tmp_path: Path, arrays: dict[str, Any], message: str) -> None:
    path = saved(tmp_path / "walk.npz", **arrays)
    with pytest.raises(ValueError, match=message) as caught:
        load_walks(path, dt=DT, box_size=(2.2, 2.2))
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def archive_bytes(save: Callable[..., None] = np.savez) -> bytes:
    buffer = io.BytesIO()
    save(buffer, **recording())
    return buffer.getvalue()


def single_array() -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, recording()["pos"])
    return buffer.getvalue()


def other_archive() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("t.npy", "0.0 0.02 0.04\n")
        archive.writestr("pos.npy", "no numbers\n")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", ""),
        (b"<!DOCTYPE html>\n<html><body>404 Not Found</body></html>\n", ""),
        (b"t,x,y\n0,0.1,0.2\n0.02,0.1,0.2\n", ""),
        (b"\x89HDF\r\n\x1a\n" + bytes(100), ""),
        (archive_bytes()[:2000], ""),
        (archive_bytes()[100:], ""),
        (single_array(), "holds a single array without a name"),
        (other_archive(), ""),
    ],
    ids=["empty", "html", "csv", "hdf5", "truncated", "headless", "npy", "zip of text"],
)
def test_a_file_of_another_kind_is_refused_in_one_line(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "walk.npz"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"{message}.*wanted an \.npz archive with arrays `t` \(seconds\)") as caught:
        load_walks(path, dt=DT)
    assert "\n" not in str(caught.value)


def test_a_path_that_is_no_file_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "missing.npz", tmp_path):
        with pytest.raises(ValueError, match="no such file; wanted"):
            load_walks(path, dt=DT)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_a_damaged_archive_is_read_or_refused_but_nothing_else(tmp_path: Path, save: Callable[..., None]) -> None:
    """Cut and flip bytes, mostly in the headers: zipfile, zlib and NumPy raise a dozen types on these."""
    whole, rng, path = archive_bytes(save), np.random.default_rng(0), tmp_path / "walk.npz"
    messages = []
    for _ in range(200):
        damaged = bytearray(whole)
        for _ in range(rng.integers(1, 5)):
            damaged[rng.choice([rng.integers(len(whole)), rng.integers(200), -1 - rng.integers(150)])] = rng.integers(
                256
            )
        path.write_bytes(damaged)
        try:
            load_walks(path, dt=DT)
        except ValueError as error:
            messages.append(str(error))
    assert len(messages) > 100
    assert not any("\n" in message for message in messages)


class Trap:
    """Runs code when unpickled."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.write_text, (self.target, "executed")


@pytest.mark.parametrize("kind", ["object array", "bare pickle"])
def test_a_pickle_is_refused_and_never_run(tmp_path: Path, kind: str) -> None:
    path, witness = tmp_path / "walk.npz", tmp_path / "witness"
    if kind == "object array":
        trap = np.empty(3, dtype=object)
        trap[:] = [Trap(witness)] * 3
        np.savez(path, t=trap, pos=np.zeros((3, 2)), allow_pickle=True)
    else:
        path.write_bytes(pickle.dumps(Trap(witness)))
    with pytest.raises(ValueError, match="pickle"):
        load_walks(path, dt=DT)
    assert not witness.exists()


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
