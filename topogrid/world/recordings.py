"""Recorded walks: read, checked, and brought to the steps of a network."""

from __future__ import annotations

import importlib.metadata
import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from topogrid.tables import plain
from topogrid.world.array_files import (
    LARGEST,
    WANTED_MAT,
    WANTED_NPY,
    WANTED_NPZ,
    WANTED_PKL,
    read_arrays,
    read_mat,
    read_pickle,
)
from topogrid.world.columns import Samples
from topogrid.world.layout import SHIPPED, Layout
from topogrid.world.samples import (
    Track,
    check_gaps,
    check_jumps,
    check_stamps,
    count,
    covered,
    lost_value,
    seconds_of,
    speeds,
    spikes,
)
from topogrid.world.text_tables import WANTED as WANTED_TABLE
from topogrid.world.text_tables import read_table
from topogrid.world.walks import Walks

Float = NDArray[np.float64]

TOLD_SPEED = 4.0  # m/s; faster than a rat runs, and so told
_LEAST_EXTENT, _LONG = 0.01, 10.0  # m, s; an animal that covers less in a longer time is in another unit, or sits still
_BEGINNINGS = {b"PK": ".npz", b"\x93NUMPY": ".npy", b"MATLAB": ".mat", b"\x89HDF": ".h5", b"\x80": ".pkl"}
_TABLES = (".csv", ".tsv", ".txt", ".tab", ".dat")
_PICKLES = (".pkl", ".pickle", ".p")
_WANTED = (
    {".npz": WANTED_NPZ, ".npy": WANTED_NPY, ".mat": WANTED_MAT}
    | dict.fromkeys(_PICKLES, WANTED_PKL)
    | dict.fromkeys(_TABLES, WANTED_TABLE)
)


class Recording(NamedTuple):
    """A recorded walk as it was sampled, moved so that the middle of the covered area is the origin."""

    seconds: Float
    """``(sample,)``, increasing."""
    position: Float
    """``(sample, 2)``, metres."""
    top_speed: float
    """Of the fastest step between two samples, m/s."""
    notes: tuple[str, ...] = ()
    """What was left out, and what a reader should look at."""


def load_walks(
    path: str | Path, *, dt: float, box_size: tuple[float, float] | None = None, layout: Layout | None = None
) -> Walks:
    """Read one recorded walk and resample it to the network's time step.

    Parameters
    ----------
    path : str or Path
        ``.npz``, ``.npy`` or ``.mat`` file, or a table of text; see `read_recording`.
    dt : float
        Step to resample to by linear interpolation, seconds.
    box_size : (float, float), optional
        Width and height of the box the walk has to fit, metres.
    layout : Layout, optional
        Columns, units, rate; by default seconds and metres under their usual names.

    Returns
    -------
    Walks
        One walk, ``batch`` = 1, metres from the middle of the area that it covers.

    Raises
    ------
    ValueError
        If `read_recording` refuses it, ``dt`` is no step, or the walk is shorter than one.
    """
    return as_walk(read_recording(path, box_size=box_size, layout=layout), dt, str(path))


def read_recording(
    path: str | Path, *, box_size: tuple[float, float] | None = None, layout: Layout | None = None
) -> Recording:
    """Read a recorded walk, and refuse what cannot be one.

    Parameters
    ----------
    path : str or Path
        ``.npz`` with ``t`` ``(sample,)`` and ``pos`` ``(sample, 2)``, or with ``t``, ``x`` and ``y``; ``.npy``
        ``(sample, 3)``; MATLAB ``.mat`` with ``t, x, y`` or ``post, posx, posy``; or a table of text with a header.
        A pickle of a dictionary of these is read without running it. Whatever is named otherwise is looked at.
    box_size : (float, float), optional
        Width and height of the box the walk has to fit, metres.
    layout : Layout, optional
        Columns, units, rate, what becomes of lost samples; by default seconds and metres under their usual names.

    Returns
    -------
    Recording

    Raises
    ------
    ValueError
        If the file is of another kind, holds object arrays (they could run code), too few samples, samples that were
        lost, time that does not increase or is too coarse, a gap of a second or more, a step that no animal makes, or
        a path larger than ``box_size``. The message is one line with the fault and the remedy.
    """
    path, layout = Path(path), layout or Layout()
    box = None if box_size is None else _checked_box(box_size)
    samples = _read(path, layout)
    try:
        return _checked(samples, layout, box)
    except ValueError as error:
        raise ValueError(f"{plain(path)}: {error}") from error


def as_walk(recording: Recording, dt: float, name: str = "the walk") -> Walks:
    """Resample a recording by linear interpolation to steps of ``dt`` seconds: one walk, ``batch`` = 1.

    Raises
    ------
    ValueError
        If ``dt`` is no length of a step, or the recording is shorter than one.
    """
    if not (isinstance(dt, (int, float)) and 0 < dt < math.inf):
        raise ValueError(f"dt must be above 0 s and finite, got {plain(repr(dt))[:60]}")
    times = recording.seconds
    n_steps = int((times[-1] - times[0]) / dt + 1e-6)
    if n_steps < 1:
        raise ValueError(
            f"{plain(name)}: lasts {times[-1] - times[0]:.3g} s, at least one step of {dt} s is needed; "
            "give a longer walk"
        )
    grid = times[0] + dt * np.arange(n_steps + 1)
    resampled = np.stack([np.interp(grid, times, recording.position[:, axis]) for axis in (0, 1)], axis=-1)
    path_points = torch.from_numpy(resampled).float()[:, None, :]
    return Walks(path_points[0], path_points[1:] - path_points[:-1], path_points[1:])


def shipped_walk(name: str = "sargolini") -> Path:
    """File of a foraging walk inside the installed package ``ratinabox``.

    ``sargolini`` is a rat in a box of 1 m (50 Hz, 10 minutes), ``tanni`` one in a box of 3.5 x 2.5 m (30 Hz, 2 hours).
    The package is not imported: the walk is data, its dependencies are many.

    Raises
    ------
    ValueError
        If the package is not installed, or has no such walk.

    References
    ----------
    Sargolini et al., Science 2006; Tanni et al., Current Biology 2022 (the recordings); George et al., eLife 2024
    (RatInABox, which ships them).
    """
    if name not in SHIPPED:
        raise ValueError(f"the walks in ratinabox are {' and '.join(SHIPPED)}, got {plain(name)!r}")
    try:
        path = importlib.metadata.distribution("ratinabox").locate_file(f"ratinabox/data/{name}.npz")
    except importlib.metadata.PackageNotFoundError as error:
        raise ValueError(
            f"the {name.title()} walk comes with the package ratinabox, which is not installed; "
            "run: pip install --no-deps ratinabox"
        ) from error
    return Path(str(path))


def _read(path: Path, layout: Layout) -> Samples:
    suffix = path.suffix.lower()
    wanted = _WANTED.get(suffix, WANTED_NPZ)
    try:
        if not path.is_file():
            raise ValueError("no such file")
        if suffix not in _WANTED:
            with path.open("rb") as file:
                begun = file.read(8)
            suffix = next((kind for sign, kind in _BEGINNINGS.items() if begun.startswith(sign)), _TABLES[0])
            wanted = _WANTED.get(suffix, WANTED_TABLE)
        if suffix == ".h5":
            raise ValueError("is an HDF5 file, which is not read; export it as CSV")
        if path.stat().st_size > LARGEST:
            raise ValueError(f"is larger than {LARGEST / 1e9:g} GB")
        if suffix in _TABLES:
            return read_table(path, layout)
        if suffix in _PICKLES:
            return read_pickle(path, layout)
        return read_mat(path, layout) if suffix == ".mat" else read_arrays(path, layout)
    # On damaged files zipfile, zlib and NumPy's parser of headers raise a dozen unrelated types.
    except Exception as error:
        fault = plain(" ".join(str(error).split()) or type(error).__name__)[:300]
        raise ValueError(f"{plain(path)}: {fault}; {wanted}") from error


def _checked(samples: Samples, layout: Layout, box: tuple[float, float] | None) -> Recording:
    lights, unit = samples.lights, layout.metres()
    if layout.columns is None and len(lights) == 2 and np.isnan(lights[1]).all():
        lights = lights[:1]  # recorded with one light by a system that has room for two
    total, name = len(lights[0]), plain(samples.time_name or "t")
    _check_enough(total)
    track = Track(np.arange(total), seconds_of(samples.time, total, layout.rate, name), lights)
    track, unseen = _without_unseen(track, layout)
    # The type of the stamps is judged with the samples that are left: lost ones may hold anything.
    check_stamps(track, None if samples.time is None else samples.time[track.number], name, layout.rate)
    track, lost = _without_lost(track, layout)
    with np.errstate(over="ignore"):
        position = unit * (track.lights[0] if len(lights) == 1 else np.mean(track.lights, axis=0))
    jumping: list[str] = []
    if layout.lost == "interpolate":
        alone = spikes(speeds(track.seconds, position), layout.max_speed)
        jumping = [f"{int(alone.sum())} that jump away and back"] * bool(alone.any())
        track, position = _enough(track.only(~alone)), position[~alone]
    check_gaps(track, name, layout.rate)
    left_out = ", ".join((*unseen, *lost, *jumping))
    notes = [samples.note] * bool(samples.note)
    notes += [f"left out of {total} samples, and interpolated: {left_out}"] if left_out else []
    return _centred(track, position, box, layout.max_speed, notes)


def _without_unseen(track: Track, layout: Layout) -> tuple[Track, list[str]]:
    """Leave out samples that are not finite, or refuse them; say what was left out."""
    seen = np.isfinite(track.seconds) & np.all([np.isfinite(light).all(axis=1) for light in track.lights], axis=0)
    bad = int((~seen).sum())
    if bad and layout.lost == "refuse":
        raise ValueError(
            f"{count(bad, len(seen))} NaN or infinite (first: sample {int(np.argmin(seen))}); cut or interpolate them "
            "first, or give --lost interpolate"
        )
    return _enough(track.only(seen)), [f"{bad} NaN or infinite"] * bool(bad)


def _without_lost(track: Track, layout: Layout) -> tuple[Track, list[str]]:
    """Leave out samples at a constant that stands for a lost animal, or refuse them; say what was left out."""
    left_out: list[str] = []
    for light in range(len(track.lights)):
        which = f" of light {light + 1}" if len(track.lights) > 1 else ""
        while found := lost_value(track.lights[light], track.seconds, layout.metres(), layout.max_speed):
            lost, value = found
            if layout.lost == "refuse":
                first = int(np.argmax(lost))
                speed = speeds(track.seconds, layout.metres() * track.lights[light])
                entered = speed[first - 1] if first else speed[int(np.argmin(lost)) - 1]
                raise ValueError(
                    f"{count(int(lost.sum()), len(lost))} at {value}{which} (first: sample {track.number[first]}, a "
                    f"jump at {entered:.3g} m/s), as trackers write an animal that they lost; cut or interpolate them "
                    "first, or give --lost interpolate"
                )
            left_out.append(f"{int(lost.sum())} lost at {value}{which}")
            track = _enough(track.only(~lost))
    return track, left_out


def _enough(track: Track) -> Track:
    _check_enough(len(track.seconds), " that can be used")
    return track


def _centred(
    track: Track, position: Float, box: tuple[float, float] | None, max_speed: float, notes: list[str]
) -> Recording:
    seconds = track.seconds
    low, high = covered(seconds, position)
    extent = high - low
    if box is not None:
        _check_fits(extent, box)  # first, since in a wrong unit every step is a jump
    check_jumps(track, position, max_speed)
    if extent.max() < _LEAST_EXTENT and seconds[-1] - seconds[0] >= _LONG:
        raise ValueError(
            f"covers only {extent[0]:.3g} x {extent[1]:.3g} m in {seconds[-1] - seconds[0]:.3g} s; "
            "give --units if it is not in metres"
        )
    position = position - (low + high) / 2
    if box is not None:
        _check_inside(track, position, extent, box)
    speed = speeds(seconds, position)
    fastest = int(np.argmax(speed))
    if speed[fastest] > TOLD_SPEED:
        notes = [
            *notes,
            f"sample {track.number[fastest + 1]} (at {seconds[fastest + 1]:.6g} s) is reached with "
            f"{speed[fastest]:.3g} m/s, faster than a rat runs",
        ]
    return Recording(seconds, position, float(speed[fastest]), tuple(notes))


def _check_enough(number: int, which: str = "") -> None:
    if number < 2:
        raise ValueError(
            f"has {number} sample(s) {which}, at least 2 are needed; give a longer walk".replace(" ,", ",")
        )


def _checked_box(box_size: tuple[float, float]) -> tuple[float, float]:
    box = np.asarray(box_size, dtype=np.float64)
    if box.shape != (2,) or not (np.isfinite(box) & (box > 0)).all():
        raise ValueError(f"box_size must be width and height above 0 m, got {plain(repr(box_size))[:60]}")
    return float(box[0]), float(box[1])


def _check_fits(extent: Float, box: tuple[float, float]) -> None:
    if (extent > np.asarray(box) * (1 + 1e-6)).any():
        raise ValueError(
            f"covers {extent[0]:.3g} x {extent[1]:.3g} m, the box is {box[0]:g} x {box[1]:g} m; is `pos` in metres? "
            "give --units cm, mm or px:SCALE if not, otherwise train with a larger --box_size"
        )


def _check_inside(track: Track, position: Float, extent: Float, box: tuple[float, float]) -> None:
    """Refuse single samples outside of a box that the covered area fits into."""
    outside = (np.abs(position) > np.asarray(box) * (0.5 + 1e-6)).any(axis=1)
    if outside.any():
        first = int(np.argmax(outside))
        x, y = position[first]
        raise ValueError(
            f"covers {extent[0]:.3g} x {extent[1]:.3g} m, but {count(int(outside.sum()), len(position))} outside the "
            f"box of {box[0]:g} x {box[1]:g} m around it (first: sample {track.number[first]} at x {x:.3g}, "
            f"y {y:.3g} m); correct or cut them"
        )
