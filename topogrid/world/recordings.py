"""Recorded walks: read, checked, and brought to the steps of a network."""

from __future__ import annotations

import array
import csv
import importlib.metadata
import math
import zipfile
from pathlib import Path

import numpy as np
import torch

from topogrid.world.walks import Walks

LARGEST_RECORDING = 4 * 10**9  # bytes in memory: days at the highest sampling rates


_WANTED_NPZ = "wanted an .npz archive with arrays `t` (seconds) and `pos` (sample, 2) in metres"


_WANTED_CSV = "wanted a table with the header t,x,y: seconds, metres, metres"


RECORDING_GAP = 1.0  # s; a hole this long is not interpolated but refused (and `t` may be sample numbers, not seconds)


def load_walks(path: str | Path, *, dt: float, box_size: tuple[float, float] | None = None) -> Walks:
    """Read one recorded walk and resample it to the network's time step.

    Parameters
    ----------
    path : path of an ``.npz`` or ``.csv`` file
        Arrays ``t`` ``(sample,)`` in seconds and ``pos`` ``(sample, 2)`` in metres; in a table, a header ``t,x,y`` and
        one sample a line. The recording is moved so that the middle of the area it covers is the origin.
    dt : float
        Step to resample to by linear interpolation, seconds.
    box_size : (float, float), optional
        Width and height of the box the walk has to fit, metres.

    Returns
    -------
    Walks
        One walk, ``batch`` = 1.

    Raises
    ------
    ValueError
        If the file is not of such a kind, holds object arrays (they could run code), too few samples, values that are
        not finite, time that does not increase, a gap of a second or more, or a path larger than ``box_size``. The
        message names the fault and the remedy.
    """
    times, positions = _read_recording(Path(path))
    _check_recording(path, times, positions)
    positions = positions - (positions.min(axis=0) + positions.max(axis=0)) / 2
    if box_size is not None:
        _check_fits(path, positions, box_size)
    n_steps = int((times[-1] - times[0]) / dt + 1e-6)
    if n_steps < 1:
        raise ValueError(
            f"{path}: lasts {times[-1] - times[0]:.3g} s, at least one step of {dt} s is needed; give a longer walk"
        )
    grid = times[0] + dt * np.arange(n_steps + 1)
    resampled = np.stack([np.interp(grid, times, positions[:, axis]) for axis in (0, 1)], axis=-1)
    path_points = torch.from_numpy(resampled).float()[:, None, :]
    return Walks(path_points[0], path_points[1:] - path_points[:-1], path_points[1:])


def shipped_walk() -> Path:
    """File of the Sargolini foraging walk (50 Hz, 10 minutes, 1 m box) inside the installed package ``ratinabox``.

    The package is not imported: the walk is data, its dependencies are many.

    Raises
    ------
    ValueError
        If the package is not installed.

    References
    ----------
    Sargolini et al., Science 2006 (the recording); George et al., eLife 2024 (RatInABox, which ships it).
    """
    try:
        path = importlib.metadata.distribution("ratinabox").locate_file("ratinabox/data/sargolini.npz")
    except importlib.metadata.PackageNotFoundError as error:
        raise ValueError(
            "the Sargolini walk comes with the package ratinabox, which is not installed; "
            "run: pip install --no-deps ratinabox"
        ) from error
    return Path(str(path))


def _read_recording(path: Path) -> tuple[np.ndarray, np.ndarray]:
    wanted = _WANTED_CSV if path.suffix.lower() == ".csv" else _WANTED_NPZ
    if not path.is_file():
        raise ValueError(f"{path}: no such file; {wanted}")
    try:
        return _read_csv(path) if path.suffix.lower() == ".csv" else _read_npz(path)
    # On damaged files zipfile, zlib and NumPy's parser of headers raise a dozen unrelated types.
    except Exception as error:
        fault = (" ".join(str(error).split()) or type(error).__name__)[:200]
        raise ValueError(f"{path}: {fault}; {wanted}") from error


def _read_npz(path: Path) -> tuple[np.ndarray, np.ndarray]:
    # Opened here, because np.load leaves the file open when the archive in it is damaged.
    with path.open("rb") as file:
        archive = np.load(file, allow_pickle=False)
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise ValueError("holds a single array without a name")
        missing = [name for name in ("t", "pos") if name not in archive]
        if missing:
            raise ValueError(f"has arrays {sorted(archive)[:6]}, not {' and '.join(missing)}")
        with zipfile.ZipFile(path) as packed:
            # A small packed file could unfold to more than any memory.
            if sum(entry.file_size for entry in packed.infolist()) > LARGEST_RECORDING:
                raise ValueError(f"unfolds to more than {LARGEST_RECORDING / 1e9:g} GB")
        return _numbers(archive, "t"), _numbers(archive, "pos")


def _read_csv(path: Path) -> tuple[np.ndarray, np.ndarray]:
    if path.stat().st_size > LARGEST_RECORDING:
        raise ValueError(f"is larger than {LARGEST_RECORDING / 1e9:g} GB")
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.reader(file)
        header = [name.strip().lower() for name in next(rows, [])]
        if sorted(header) != ["t", "x", "y"]:
            raise ValueError(f"begins with {', '.join(header)[:60]!r}")
        values = array.array("d")
        for row in rows:
            if row:
                values.extend(_csv_numbers(row, rows.line_num))
    table = np.array(values, dtype=np.float64).reshape(-1, 3)[:, [header.index(name) for name in "txy"]]
    return table[:, 0], table[:, 1:]


def _csv_numbers(row: list[str], line: int) -> list[float]:
    if len(row) != 3:
        raise ValueError(f"line {line} has {len(row)} values")
    try:
        # An empty field is a sample that was not seen; _check_recording counts those.
        return [float(text) if text.strip() else math.nan for text in row]
    except ValueError:
        raise ValueError(f"line {line} is not numbers: {','.join(row)[:60]!r}") from None


def _numbers(archive: np.lib.npyio.NpzFile, name: str) -> np.ndarray:
    array = archive[name]
    if array.dtype.kind not in "iuf":
        raise ValueError(f"`{name}` holds {array.dtype}, not numbers")
    return array.astype(np.float64)


def _check_recording(path: str | Path, times: np.ndarray, positions: np.ndarray) -> None:
    if times.ndim != 1 or positions.ndim != 2 or positions.shape != (len(times), 2):
        raise ValueError(
            f"{path}: wanted `t` (sample,) and `pos` (sample, 2), got {times.shape} and {positions.shape}; "
            "save one row of `pos` per element of `t`"
        )
    if len(times) < 2:
        raise ValueError(f"{path}: has {len(times)} sample(s), at least 2 are needed; give a longer walk")
    if not (np.isfinite(times).all() and np.isfinite(positions).all()):
        bad = int((~np.isfinite(times) | ~np.isfinite(positions).all(axis=1)).sum())
        raise ValueError(f"{path}: {bad} samples are NaN or infinite; cut or interpolate them first")
    gaps = np.diff(times)
    if (gaps <= 0).any():
        where = int(np.argmax(gaps <= 0))
        raise ValueError(
            f"{path}: `t` must increase, but sample {where + 1} is not after sample {where}; sort it by time"
        )
    if gaps.max() >= RECORDING_GAP:
        raise ValueError(
            f"{path}: a gap of {gaps.max():.3g} s, less than {RECORDING_GAP:g} s is allowed; is `t` in seconds? "
            "cut the walk at the gap"
        )


def _check_fits(path: str | Path, positions: np.ndarray, box_size: tuple[float, float]) -> None:
    extent = positions.max(axis=0) - positions.min(axis=0)
    if (extent > np.asarray(box_size) * (1 + 1e-6)).any():
        raise ValueError(
            f"{path}: covers {extent[0]:.3g} x {extent[1]:.3g} m, the box is {box_size[0]:g} x {box_size[1]:g} m; "
            "is `pos` in metres? otherwise train with a larger --box_size"
        )
