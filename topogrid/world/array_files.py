"""Recorded walks in files of arrays: NumPy's ``.npz`` and ``.npy``, MATLAB's ``.mat``."""

from __future__ import annotations

import warnings
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

import numpy as np
import scipy.io

from topogrid.tables import plain
from topogrid.world.columns import FRAMES, PLACES, POSITIONS, SECOND_LIGHTS, TIMES, Samples, arranged, choose, listed
from topogrid.world.layout import Layout
from topogrid.world.pickled import LARGEST_PICKLE, walks_in

LARGEST = 4 * 10**9  # bytes in memory: days at the highest sampling rates
WANTED_NPZ = "wanted an .npz archive with arrays `t` (seconds) and `pos` (sample, 2) in metres, or `t`, `x` and `y`"
WANTED_NPY = "wanted an .npy array (sample, 3) of t (seconds), x and y (metres)"
WANTED_PKL = "wanted a pickle of a dictionary of lists or arrays, `t` (seconds) and `pos` (sample, 2) in metres"
WANTED_MAT = "wanted a .mat file (saved with -v7 or before) with `t`, `x` and `y`, or `post`, `posx` and `posy`"
_NPY = b"\x93NUMPY"
_NUMERIC_CLASSES = ("double", "single", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")


def read_arrays(path: Path, layout: Layout) -> Samples:
    """Read time and place out of an ``.npz`` or ``.npy`` file; no code in it is run.

    Parameters
    ----------
    path : Path
    layout : Layout
        Its columns are names of arrays in ``.npz`` files, each ``(sample,)`` or several columns ``(sample, column)``;
        numbers of columns in ``.npy`` files, or names of fields where the array has fields.

    Returns
    -------
    Samples

    Raises
    ------
    ValueError
        If it lacks arrays, or they do not go together.
    Exception
        Of many types, if the file is damaged.
    """
    with path.open("rb") as file:  # opened here, because np.load leaves the file open when the archive is damaged
        if path.stat().st_size > LARGEST:
            raise ValueError(f"is larger than {LARGEST / 1e9:g} GB")
        single = file.read(len(_NPY)) == _NPY
        file.seek(0)
        if single and _of_objects(file):
            return _one_of(_pickled(file, path.stat().st_size), layout)
        file.seek(0)
        # A map of the file, so that a few bytes cannot claim more than the file holds.
        archive = np.load(path, mmap_mode="r", allow_pickle=False) if single else np.load(file, allow_pickle=False)
        if not isinstance(archive, np.lib.npyio.NpzFile):
            values = np.asarray(archive)
            other = _beside(path) if values.ndim == 1 and values.dtype.names is None else None
            return _one_array(values, layout) if other is None else _two_arrays(values, path, other, layout)
        with zipfile.ZipFile(path) as entries:
            # A small packed file could unfold to more than any memory.
            if sum(entry.file_size for entry in entries.infolist()) > LARGEST:
                raise ValueError(f"unfolds to more than {LARGEST / 1e9:g} GB")
            return _of_archive(archive, entries, layout)


def read_pickle(path: Path, layout: Layout) -> Samples:
    """Read time and place out of a pickle of dictionaries and numbers; no code in it is run.

    Parameters and errors are those of `read_arrays`.
    """
    with path.open("rb") as file:
        return _one_of(_pickled(file, path.stat().st_size), layout)


def _pickled(file: IO[bytes], size: int) -> dict[str, dict[str, np.ndarray]]:
    if size > LARGEST_PICKLE:
        raise ValueError(f"is a pickle of more than {LARGEST_PICKLE / 1e6:g} MB; save its `t` and `pos` by np.savez")
    return walks_in(file)


def _of_objects(file: IO[bytes]) -> bool:
    """Whether an array of NumPy holds objects, so a pickle, which then comes next in the file."""
    read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    version = np.lib.format.read_magic(file)
    return version in read and read[version](file)[2].hasobject


def _of_archive(archive: np.lib.npyio.NpzFile, zipped: zipfile.ZipFile, layout: Layout) -> Samples:
    """Read arrays of an archive, or the one of its dictionaries that holds a walk."""
    names = sorted(archive)
    found: dict[str, dict[str, np.ndarray]] = {}
    for name in names if not _holds_walk(names, layout) else ():
        with zipped.open(f"{name}.npy") as entry:
            if _of_objects(entry):
                inside = _pickled(entry, zipped.getinfo(f"{name}.npy").file_size)
                found |= {f"{plain(name)}{'.' * bool(where)}{where}": arrays for where, arrays in inside.items()}
    if found:
        return _one_of(found, layout)
    return _named_arrays(names, lambda wanted: {name: archive[name] for name in wanted}, layout)


def _holds_walk(names: Sequence[str], layout: Layout) -> bool:
    """Whether arrays of these names can be a walk."""
    given = layout.names()
    if given:
        return all(name in names for name in given)
    try:
        return bool(_usual_arrays(names, rated=layout.rate is not None))
    except ValueError:
        return False


def _one_of(found: Mapping[str, Mapping[str, np.ndarray]], layout: Layout) -> Samples:
    """Read the one dictionary that holds a walk, or the one that is asked for."""
    walks = {where: arrays for where, arrays in found.items() if _holds_walk(sorted(arrays), layout)}
    if layout.agent is not None:
        if layout.agent not in walks:
            raise ValueError(
                f"holds {_counted(walks)}, none of them at {plain(layout.agent)[:60]!r}; name another as --agent"
            )
        walks = {layout.agent: walks[layout.agent]}
    if len(walks) > 1:
        first = next(iter(walks))
        raise ValueError(f"holds {_counted(walks)}; choose one, such as --agent {first or '...'}")
    if not walks:  # the usual message says what is there
        walks = {where: arrays for where, arrays in found.items() if arrays}
    if not walks:
        raise ValueError("holds no arrays of numbers")
    where, arrays = next(iter(walks.items()))
    samples = _named_arrays(sorted(arrays), lambda names: {name: arrays[name] for name in names}, layout, chosen=True)
    return samples._replace(
        note=f"read the dictionary{f' {where}' if where else ''} of a pickle, and ran nothing of it"
    )


def _counted(walks: Mapping[str, object]) -> str:
    return f"{len(walks)} walk{'s' if len(walks) != 1 else ''} ({listed(list(walks))})" if walks else "no walk"


def _beside(path: Path) -> Path | None:
    """Return the file of y where ``path`` is one of x, as NeuralPlayground keeps the walks of Sargolini et al."""
    other = path.with_name(path.name.replace("x_pos", "y_pos"))
    return other if "x_pos" in path.name and other.is_file() else None


def _two_arrays(x: np.ndarray, path: Path, other: Path, layout: Layout) -> Samples:
    y = np.load(other, mmap_mode="r", allow_pickle=False)
    if layout.names() is not None:
        raise ValueError(f"holds x alone, and {plain(other.name)} y; leave --columns out")
    if layout.rate is None:
        raise ValueError(f"holds x alone, {plain(other.name)} y, and no file the time; give --rate, samples per second")
    samples = _put_together([(path.name, x), (other.name, np.asarray(y).reshape(-1))], rated=True)
    return samples._replace(note=f"read x from {plain(path.name)} and y from {plain(other.name)}")


def read_mat(path: Path, layout: Layout) -> Samples:
    """Read time and place out of a MATLAB file of version 7 or before.

    Parameters and errors are those of `read_arrays`.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        held = {name: (shape, kind) for name, shape, kind in scipy.io.whosmat(path, appendmat=False)}
        if sum(8 * int(np.prod(shape, dtype=np.float64)) for shape, _kind in held.values()) > LARGEST:
            raise ValueError(f"unfolds to more than {LARGEST / 1e9:g} GB")

        def load(names: Sequence[str]) -> dict[str, np.ndarray]:
            for name in names:
                if held[name][1] not in _NUMERIC_CLASSES:
                    raise ValueError(f"`{plain(name)}` holds {held[name][1]}, not numbers")
            return scipy.io.loadmat(path, appendmat=False, variable_names=list(names))

        # A second light that was not there is an empty array in old recordings.
        there = [name for name, (shape, _kind) in held.items() if np.prod(shape) > 1]
        return _named_arrays(sorted(there), load, layout)


def _one_array(values: np.ndarray, layout: Layout) -> Samples:
    if layout.agent is not None:
        raise ValueError("holds one walk, in which --agent chooses nothing; leave it out")
    rated, wanted = layout.rate is not None, layout.names()
    if values.dtype.names:
        fields = list(values.dtype.names)
        columns = choose(fields, wanted, rated=rated)
        return _put_together([(fields[one], values[fields[one]]) for one in _flat(columns.time, columns.lights)], rated)
    if values.ndim != 2:
        raise ValueError(f"holds one array {values.shape}, not (sample, column)")
    names = [str(column) for column in range(1, values.shape[1] + 1)]
    if wanted is None and len(names) not in ((2, 3, 4, 5) if rated else (3, 5)):
        raise ValueError(
            f"holds one array {values.shape}: columns t, x and y are wanted, or x and y with --rate; "
            "choose them with --columns 1,2,3"
        )
    columns = choose(names, wanted or names, rated=rated)
    taken = [("t" if columns.time is not None and place == 0 else f"column {one + 1}", values[:, one])
             for place, one in enumerate(_flat(columns.time, columns.lights))]  # fmt: skip
    return _put_together(taken, rated)


def _flat(time: int | None, lights: Sequence[tuple[int, int]]) -> list[int]:
    return ([] if time is None else [time]) + [one for light in lights for one in light]


def _named_arrays(
    names: Sequence[str],
    load: Callable[[Sequence[str]], Mapping[str, np.ndarray]],
    layout: Layout,
    *,
    chosen: bool = False,
) -> Samples:
    if layout.agent is not None and not chosen:
        raise ValueError("holds arrays of one walk, in which --agent chooses nothing; leave it out")
    given, rated = layout.names(), layout.rate is not None
    missing = [name for name in given or () if name not in names]
    if missing:
        raise ValueError(f"has arrays {listed(names)}; no array is named {plain(missing[0])!r}")
    wanted = given or _usual_arrays(names, rated=rated)
    arrays = load(wanted)
    columns: list[tuple[str, np.ndarray]] = []
    for name in wanted:
        columns += _columns_of(name, arrays[name], pairs_only=given is None)
    return _put_together(columns, rated)


def _usual_arrays(names: Sequence[str], *, rated: bool) -> list[str]:
    """Return the arrays that have the usual names: a time, and one array of positions or one of each coordinate."""
    lower = {name.lower(): name for name in names}
    times = [lower[name] for name in TIMES + (FRAMES if rated else ()) if name in lower]
    places = [[lower[name]] for name in POSITIONS if name in lower]
    for pair in PLACES:
        if all(name in lower for name in pair):
            second = SECOND_LIGHTS.get(pair, ())
            places.append([lower[name] for name in (*pair, *(second if all(n in lower for n in second) else ()))])
    if len(times) > 1 or len(places) > 1:
        several = times if len(times) > 1 else [name for place in places for name in place]
        raise ValueError(f"has {listed(several)}, of which any could be meant; name the arrays: --columns t,x,y")
    missing = ["t"] * (not times and not rated) + ["pos"] * (not places)
    if missing:
        raise ValueError(f"has arrays {[plain(name)[:30] for name in names][:6]}, not {' and '.join(missing)}")
    return times + places[0]


def _columns_of(name: str, values: np.ndarray, *, pairs_only: bool) -> list[tuple[str, np.ndarray]]:
    """Return an array ``(sample,)``, or the columns of one ``(sample, 2)`` or, where it is asked for, more."""
    if values.ndim == 2 and (values.shape[1] == 1 or (values.shape[0] == 1 and values.shape[1] > 2)):
        values = values.reshape(-1)
    if values.ndim == 1:
        return [(name, values)]
    if values.ndim == 2 and (values.shape[1] == 2 or not pairs_only):
        return [(name, values[:, column]) for column in range(values.shape[1])]
    wanted = "(sample,) or (sample, 2)"
    shown = plain(name)
    raise ValueError(f"wanted `{shown}` {wanted}, got {values.shape}; save one row of `{shown}` per element of `t`")


def _put_together(columns: Sequence[tuple[str, np.ndarray]], rated: bool) -> Samples:
    for name, values in columns:
        if values.dtype.kind not in "iuf":
            raise ValueError(f"`{plain(name)}` holds {plain(values.dtype)[:60]}, not numbers")
    lengths = {name: len(values) for name, values in columns}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"`{plain(name)}` {length}" for name, length in lengths.items())
        last, first = plain(columns[-1][0]), plain(columns[0][0])
        raise ValueError(f"has arrays of different lengths: {told}; save one row of `{last}` per element of `{first}`")
    order = arranged(range(len(columns)), rated=rated)
    lights = tuple(
        np.stack([columns[x][1].astype(np.float64), columns[y][1].astype(np.float64)], axis=-1) for x, y in order.lights
    )
    if order.time is None:
        return Samples(None, lights, "")
    name, time = columns[order.time]
    return Samples(np.array(time), lights, name)
