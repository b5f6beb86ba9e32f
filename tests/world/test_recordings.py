"""Recorded walks: what is in a file comes back as it was, and what cannot be a walk is refused on one line."""

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
from numpy.typing import NDArray
from torch import Tensor

from topogrid.world.layout import Layout
from topogrid.world.recordings import load_walks, read_recording
from topogrid.world.walks import Walks

DT = 0.02


def before(walks: Walks) -> Tensor:
    return torch.cat((walks.start[None], walks.position[:-1]))


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
        data[name] = change(data.get(name, data["t"]))
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
        ({"clock": np.arange(3), "pos": np.zeros((3, 2))}, r"has arrays \['clock', 'pos'\], not t"),
        (changed(time=lambda t: t), "has t, time, of which any could be meant; name the arrays: --columns"),
        (changed(x=lambda t: t, y=lambda t: t), "has pos, x, y, of which any could be meant"),
        (
            changed(t=lambda t: t[:-1]),
            "different lengths: `t` 1000, `pos` 1001; save one row of `pos` per element of `t`",
        ),
        (changed(pos=lambda pos: pos.T), r"wanted `pos` \(sample,\) or \(sample, 2\), got \(2, 1001\); save one row"),
        (changed(pos=lambda pos: np.c_[pos, pos]), r"wanted `pos` .*, got \(1001, 4\)"),
        (changed(t=lambda t: t[0]), r"wanted `t` .*, got \(\)"),
        (changed(t=lambda t: t[:0], pos=lambda pos: pos[:0]), r"has 0 sample\(s\), at least 2 are needed"),
        (changed(t=lambda t: t[:1], pos=lambda pos: pos[:1]), r"has 1 sample\(s\), at least 2 are needed"),
        (changed(t=lambda t: t / 1e6), "half of all steps are faster than .* m/s, .*: are times in seconds"),
        (
            changed(t=lambda t: t[:9] / 10, pos=lambda pos: pos[:9]),
            "lasts 0.016 s, at least one step of 0.02 s is needed",
        ),
        (changed(pos=lambda pos: with_value(pos, (7, 1), math.nan)), "1 of 1001 samples is NaN or infinite .*sample 7"),
        (changed(pos=lambda pos: with_value(pos, 7, math.inf)), "1 of 1001 samples is NaN or infinite"),
        (changed(t=lambda t: with_value(t, slice(3, 5), math.nan)), "2 of 1001 samples are NaN or infinite"),
        (changed(pos=lambda pos: math.nan * pos), "1001 of 1001 samples are NaN or infinite"),
        (changed(pos=lambda pos: 1e307 * pos), "covers .* m, the box is"),
        (changed(pos=lambda pos: with_value(pos, 7, 1e308)), "sample 7 .* m/s, faster than the 10 m/s of --max_speed"),
        (changed(t=lambda t: with_value(t, 1000, 1e308)), "a gap of 1e\\+308 s"),
        (changed(t=lambda t: t + 1.5 * (t > 9)), "a gap of 1.52 s, less than 1 s is allowed, before sample 451"),
        (changed(t=lambda t: 1000 * t), "a gap of 20 s.*is `t` in seconds.*milliseconds: give --rate 1000"),
        (changed(t=lambda t: 1e6 * t), "microseconds: give --rate 1e6"),
        (changed(t=lambda t: np.arange(len(t))), "is `t` in seconds.*counting samples: give --rate with the samples"),
        (
            changed(pos=lambda pos: 100 * pos),
            "covers 100 x 60 m, the box is 2.2 x 2.2 m; is `pos` in metres.*--units cm",
        ),
        (changed(pos=lambda pos: 1e-3 * pos), "covers only 0.001 x 0.0006 m in 20 s; give --units"),
        (changed(pos=lambda pos: 0 * pos), "covers only 0 x 0 m"),
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
        (single_array(), r"holds one array \(1001, 2\): columns t, x and y are wanted, or x and y with --rate"),
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


def test_names_with_control_characters_are_shown_escaped(tmp_path: Path) -> None:
    name = "n\nl\x1b[31m\u202e"
    for path in (tmp_path / f"{name}.npz", tmp_path / "there", tmp_path / f"{name}.csv"):
        with pytest.raises(ValueError, match="no such file") as caught:
            load_walks(path, dt=DT)
        assert str(caught.value).isprintable()
    table = tmp_path / "walk.csv"
    table.write_text(f"t,x\x1b[31m,y\n{0},1\x1b[0m,2\n")
    with pytest.raises(ValueError, match="no x and y that could be meant") as caught:
        load_walks(table, dt=DT)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("dt", [0.0, -0.02, math.nan, math.inf, "0.02", None])
def test_a_step_that_is_none_is_refused(tmp_path: Path, dt: Any) -> None:
    with pytest.raises(ValueError, match="dt must be above 0 s and finite"):
        load_walks(saved(tmp_path / "walk.npz", **recording()), dt=dt)


@pytest.mark.parametrize("box", [(0.0, 1.0), (math.nan, 1.0), (math.inf, 1.0), (1.0,), (-1.0, 1.0)])
def test_a_box_that_is_none_is_refused(tmp_path: Path, box: Any) -> None:
    with pytest.raises(ValueError, match="box_size must be width and height above 0 m"):
        load_walks(saved(tmp_path / "walk.npz", **recording()), dt=DT, box_size=box)


# --- clocks


def clock_fault(tmp_path: Path, t: NDArray[Any]) -> str:
    path = saved(tmp_path / "walk.npz", t=t, pos=lissajous(np.arange(len(t)) / 50))
    with pytest.raises(ValueError, match="`t`") as caught:
        load_walks(path, dt=DT)
    return str(caught.value)


def test_equal_and_backward_stamps_are_told_apart(tmp_path: Path) -> None:
    t = np.arange(1000) / 50
    doubled = clock_fault(tmp_path, np.repeat(t[:500], 2))
    assert "500 of 1000 stamps are equal to the one before (first: sample 1, 0 s)" in doubled
    assert "keep one sample per stamp" in doubled
    assert "sort" not in doubled
    one = clock_fault(tmp_path, with_value(t, 7, t[6]))
    assert "1 of 1000 stamps is equal to the one before (first: sample 7, 0.12 s)" in one
    backwards = clock_fault(tmp_path, t[::-1])
    assert "999 of 1000 go back" in backwards
    assert "reverse them" in backwards
    restarted = clock_fault(tmp_path, np.concatenate([t[:600], t[:400]]))
    assert "1 of 1000 go back (first: sample 600, from 11.98 to 0 s)" in restarted
    assert "the clock begins again there: cut the recording" in restarted
    assert "sort" not in restarted
    mixed = t.copy()
    mixed[100:900:10] = t[101:901:10]
    mixed[101:901:10] = t[100:900:10]
    assert "sort them by time" in clock_fault(tmp_path, mixed)
    both = clock_fault(tmp_path, with_value(np.concatenate([t[:600], t[:400]]), 3, t[2]))
    assert "1 of 1000 stamps is equal" in both
    assert "1 of 1000 go back" in both


def test_counters_are_named(tmp_path: Path) -> None:
    frames = np.arange(1000)
    wrapped = clock_fault(tmp_path, (frames % 256).astype(np.uint8))
    assert "3 of 1000 go back (first: sample 256, from 255 to 0 s)" in wrapped
    assert "it is a counter, not seconds; leave the time out and give --rate" in wrapped
    assert "sort" not in wrapped
    assert "counting samples: give --rate" in clock_fault(tmp_path, frames)
    assert "the clock stands still" in clock_fault(tmp_path, 0.5 + 0 * frames)


@pytest.mark.parametrize(("kind", "start"), [(np.float32, 1.7e9), (np.float32, 1e6), (np.float16, 60.0)])
def test_types_too_coarse_for_time_are_named(tmp_path: Path, kind: type, start: float) -> None:
    fault = clock_fault(tmp_path, (start + np.arange(1000) / 50).astype(kind))
    assert f"`t` is {np.dtype(kind)}, whose numbers near" in fault
    assert "save it as float64, or as time since the first sample" in fault
    assert "sort" not in fault


def test_single_precision_that_is_fine_enough_is_read(tmp_path: Path) -> None:
    data = recording()
    path = saved(tmp_path / "walk.npz", t=data["t"].astype(np.float32), pos=data["pos"].astype(np.float32))
    assert load_walks(path, dt=DT).position.isfinite().all()


# --- samples that are no place


def glitched(where: Any, by: tuple[float, float], rate: float = 50.0) -> dict[str, NDArray[np.float64]]:
    data = recording(rate)
    data["pos"][where] += by
    return data


@pytest.mark.parametrize("where", [0, 1, 200, 1000, slice(400, 403)])
@pytest.mark.parametrize("by", [(0.9, 0.0), (0.0, -0.7), (2.0, 2.0), (0.25, 0.0)])
def test_a_jump_that_no_animal_makes_is_refused_with_sample_and_speed(
    tmp_path: Path, where: Any, by: tuple[float, float]
) -> None:
    path = saved(tmp_path / "walk.npz", **glitched(where, by))
    first = max(1, where if isinstance(where, int) else 400)
    with pytest.raises(
        ValueError, match=rf"sample {first} \(at .* m from the one before it: .* m/s, faster than"
    ) as caught:
        load_walks(path, dt=DT)
    speed = np.hypot(*by) * 50
    told = float(str(caught.value).split("before it: ")[1].split(" m/s")[0])
    assert told == pytest.approx(speed, abs=0.7)
    fast = load_walks(path, dt=DT, layout=Layout(max_speed=500.0))
    clean = load_walks(saved(tmp_path / "clean.npz", **recording()), dt=DT)
    untouched = slice(600, 900)
    torch.testing.assert_close(fast.position[untouched], clean.position[untouched], rtol=0, atol=2e-3)


@pytest.mark.parametrize("rate", [10.0, 50.0, 200.0])
@pytest.mark.parametrize("where", [0, 77, slice(80, 83), 200])
@pytest.mark.parametrize("by", [0.03, 0.08, 0.19, 0.6])
def test_one_bad_sample_never_moves_the_origin(tmp_path: Path, rate: float, where: Any, by: float) -> None:
    """Whether it is refused, told or too slow to be noticed."""
    data = recording(rate)
    data["pos"][where] = (0.5 + by, 0.3 + by)
    path = saved(tmp_path / "walk.npz", **data)
    moved = read_recording(path, layout=Layout(max_speed=1000.0)).position[-1]
    wanted = read_recording(saved(tmp_path / "clean.npz", **recording(rate))).position[-1]
    if not (where == 200 and rate == 10.0):  # the last sample of that one is the bad one
        np.testing.assert_allclose(moved, wanted, atol=3e-3 if rate > 10 else 0.02)


def test_the_origin_of_a_clean_walk_is_the_middle_of_all_its_samples(tmp_path: Path) -> None:
    for rate in (5.0, 50.0):
        data = recording(rate)
        found = read_recording(saved(tmp_path / "walk.npz", **data))
        middle = (data["pos"].min(axis=0) + data["pos"].max(axis=0)) / 2
        np.testing.assert_array_equal(found.position, data["pos"] - middle)
        assert found.notes == ()


def test_a_fast_step_is_told(tmp_path: Path) -> None:
    found = read_recording(saved(tmp_path / "walk.npz", **glitched(300, (0.12, 0.0))))
    assert len(found.notes) == 1
    assert "sample 30" in found.notes[0]
    assert "faster than a rat runs" in found.notes[0]
    assert found.top_speed == pytest.approx(6, abs=0.5)


@pytest.mark.parametrize("value", [(0, 0), (-1, -1), (1023, 1023), (0, None), (None, 1023), (2.8, 2.8), (0.4, 0.2)])
@pytest.mark.parametrize("unit", ["m", "cm", "px:300"])
def test_lost_samples_written_as_a_constant_are_recognised(tmp_path: Path, value: tuple[Any, Any], unit: str) -> None:
    scale = {"m": 1, "cm": 100, "px:300": 300}[unit]
    data, rng = recording(), np.random.default_rng(1)
    places = scale * (data["pos"] + (0.6, 0.5))
    lost = np.zeros(len(places), dtype=bool)
    for start in (0, *rng.integers(20, 900, 12)):
        lost[start : start + rng.integers(1, 9)] = True
    for axis in (0, 1):
        if value[axis] is not None:
            places[lost, axis] = value[axis] if float(value[axis]).is_integer() else scale * value[axis]
    path = saved(tmp_path / "walk.npz", t=data["t"], pos=places)
    with pytest.raises(
        ValueError, match=f"{lost.sum()} of 1001 samples are at .*as trackers write an animal"
    ) as caught:
        load_walks(path, dt=DT, box_size=(1.1, 0.7), layout=Layout(units=unit))
    assert "(first: sample 0, a jump at" in str(caught.value)
    found = read_recording(path, box_size=(1.1, 0.7), layout=Layout(units=unit, lost="interpolate"))
    assert len(found.seconds) == 1001 - lost.sum()
    assert f"{lost.sum()} lost at" in found.notes[0]
    np.testing.assert_allclose(found.position - found.position[-1], (data["pos"] - data["pos"][-1])[~lost], atol=1e-9)


def test_an_animal_that_crosses_the_origin_is_not_lost(tmp_path: Path) -> None:
    data = recording()
    path = saved(tmp_path / "walk.npz", t=data["t"], pos=np.round(100 * data["pos"]))
    assert read_recording(path, layout=Layout(units="cm")).notes == ()
    track = np.stack([data["pos"][:, 0], 0 * data["t"]], axis=-1)
    assert read_recording(saved(tmp_path / "track.npz", t=data["t"], pos=track)).notes == ()


def test_what_is_left_out_is_interpolated_where_the_hole_is_short(tmp_path: Path) -> None:
    data = glitched([500, 505], (0.7, 0.7))
    data["pos"][100:120] = math.nan
    data["pos"][0] = data["pos"][-1] = math.nan
    path = saved(tmp_path / "walk.npz", **data)
    found = read_recording(path, layout=Layout(lost="interpolate"))
    assert found.notes == ("left out of 1001 samples, and interpolated: 22 NaN or infinite, 2 that jump away and back",)
    clean = read_recording(saved(tmp_path / "clean.npz", **recording()))
    np.testing.assert_allclose(found.position[300:], clean.position[np.r_[321:500, 501:505, 506:1000]], atol=1e-3)
    data["pos"][700:760] = math.nan
    with pytest.raises(ValueError, match=r"a gap of 1\.22 s, less than 1 s is allowed, before sample 760"):
        read_recording(saved(path, **data), layout=Layout(lost="interpolate"))


def test_single_samples_outside_the_box_are_refused_by_number(tmp_path: Path) -> None:
    path = saved(tmp_path / "walk.npz", **glitched(126, (0.15, 0.0)))
    assert load_walks(path, dt=DT, box_size=(2.2, 2.2)).position.isfinite().all()
    with pytest.raises(ValueError, match=r"1 of 1001 samples is outside the box of 1 x 0\.6 m .*sample 126"):
        load_walks(path, dt=DT, box_size=(1.0, 0.6))


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
