"""From the spikes and the track of a recorded animal to rate maps, and from these to a table of grid cells.

Times are seconds, positions metres, rates Hz. Any clock and any order of cells will do. Labelled maps, as pynapple and
xarray make them, can be scored as they are.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from topogrid.analysis.inputs import MapsLike, as_maps, box_of, box_sides
from topogrid.analysis.labelled import from_labels, is_labelled
from topogrid.analysis.maps.gate import UNIT_LEVEL, grid_gate
from topogrid.analysis.maps.lattice import scores_and_lattice
from topogrid.analysis.options import as_count, as_generator, as_number, as_reals

__all__ = ["TuningMaps", "grid_table", "speed_of", "tuning_map"]

Float = NDArray[np.float64]

_LONGEST_GAP = 5.0  # a pause in the track this many usual steps long counts as one step: nobody knows what was between
_FARTHEST_M = 1e6  # beyond which a coordinate is no place of an animal
_MOST_BINS = 1000  # along a side: a box of metres given in centimetres would have thousands


class TuningMaps(NamedTuple):
    """Rate maps of recorded cells; any measurement of `topogrid.analysis` takes them as they are.

    Attributes
    ----------
    maps : ndarray, ``(cell, bin_y, bin_x)``
        Firing rates, Hz, row 0 at the smallest y; NaN where the animal never was.
    occupancy : ndarray, ``(bin_y, bin_x)``
        Time that counted in each bin, seconds, not smoothed.
    box_size : (float, float)
        Width and height that the bins cover, metres.
    n_spikes : ndarray of int, ``(cell,)``
        Spikes that counted.
    """

    maps: Float
    occupancy: Float
    box_size: tuple[float, float]
    n_spikes: NDArray[np.int64]


def tuning_map(
    spike_times: Any,
    time: ArrayLike,
    position: ArrayLike,
    box_size: float | tuple[float, float] | None = None,
    *,
    bin_cm: float = 2.5,
    smoothing_cm: float = 5.0,
    min_speed_cm: float = 2.5,
) -> TuningMaps:
    """Map the firing rate of recorded cells over the box.

    Spikes and time are counted in the same bins, smoothed alike, and divided.

    Parameters
    ----------
    spike_times : array_like, or sequence or mapping of these
        Spike times of one cell, or of several, seconds on the clock of ``time``. Objects that keep their times as
        ``t``, such as pynapple's, will do.
    time : array_like, ``(sample,)``
        When the animal was where, seconds, rising.
    position : array_like, ``(sample, 2)``
        Where it was, x and y in metres; NaN or masked where it was lost. Nothing is counted there.
    box_size : float or (float, float), optional
        Side of the box, or its width and height, metres; its centre is the origin. Without one, the box is what the
        track covers.
    bin_cm : float
        Side of a bin, centimetres, give or take what makes whole bins.
    smoothing_cm : float
        Standard deviation of the Gaussian that smooths spikes and time, centimetres; 0 smooths nothing.
    min_speed_cm : float
        Speed below which nothing is counted, centimetres a second; 0 counts everything.

    Returns
    -------
    TuningMaps

    Raises
    ------
    TypeError
        If times, positions or options are not real numbers.
    ValueError
        If the track is not one position for each of two or more rising times, no sample counts, a position lies outside
        the box or further from the origin than metres can be, or an option is out of range.
    """
    bin_side = as_number(bin_cm, "bin_cm", above=0) / 100
    smoothing = as_number(smoothing_cm, "smoothing_cm", least=0) / 100
    slowest = as_number(min_speed_cm, "min_speed_cm", least=0) / 100
    clock, where = _track(time, position)
    trains = _trains(spike_times)
    seconds = _steps(clock)
    known = np.asarray(np.isfinite(where).all(axis=1))
    if not known.any():
        raise ValueError("position must be known somewhere, got none that is finite")
    sides, where = _placed(where, known, box_size)
    _check_fineness(sides, bin_side, smoothing)
    counted = known & (np.nan_to_num(speed_of(clock, where)) >= slowest)
    shape = [max(1, round(side / bin_side)) for side in sides[::-1]]
    column, row = (
        np.clip(np.floor((where[counted, axis] / sides[axis] + 0.5) * shape[1 - axis]), 0, shape[1 - axis] - 1)
        for axis in (0, 1)
    )
    cell = np.full(len(clock), -1)
    cell[counted] = (row * shape[1] + column).astype(np.intp)
    n_cells = shape[0] * shape[1]
    occupancy = np.bincount(cell[counted], seconds[counted], n_cells).astype(np.float64).reshape(shape)
    counts = np.stack([_spikes(train, clock, seconds, cell, n_cells) for train in trains]).reshape(-1, *shape)
    # Along a side of one bin there is nothing to smooth, however narrow the track.
    width = [smoothing * n / side if n > 1 else 0.0 for n, side in zip(shape, sides[::-1], strict=True)]
    smooth_time = _smoothed(occupancy, width)
    smooth_counts = np.stack([_smoothed(one, width) for one in counts])
    maps = np.full(counts.shape, np.nan)
    np.divide(smooth_counts, smooth_time, out=maps, where=np.broadcast_to(occupancy > 0, counts.shape))
    return TuningMaps(maps, occupancy, sides, counts.sum(axis=(1, 2)).astype(np.int64))


def speed_of(time: ArrayLike, position: ArrayLike) -> Float:
    """Return the speed along a track from the samples before and after each, metres a second, ``(sample,)``.

    Parameters
    ----------
    time, position
        As for `tuning_map`.

    Returns
    -------
    ndarray, ``(sample,)``
        NaN next to lost positions.

    Raises
    ------
    TypeError
        If times or positions are not real numbers.
    ValueError
        If they are not one position for each of two or more rising times.
    """
    clock, where = _track(time, position)
    here = np.arange(len(clock))
    before, after = np.maximum(here - 1, 0), np.minimum(here + 1, len(clock) - 1)
    speed: Float = np.hypot(*(where[after] - where[before]).T) / (clock[after] - clock[before])
    return speed


FEWEST_TO_PASS = round(1 / UNIT_LEVEL) - 1
"""Surrogate maps, over all cells, with which p can be as small as a cell needs it to be to pass."""


def _check_enough(n_surrogates: int | None, n_cells: int) -> None:
    """Refuse so few surrogates that the smallest p-value there can be is above what a cell has to be below.

    Raises
    ------
    ValueError
    """
    if n_surrogates is None or not n_cells:
        return
    together = as_count(n_surrogates, "n_surrogates") * n_cells
    if together < FEWEST_TO_PASS:
        raise ValueError(
            f"n_surrogates must be at least {-(-FEWEST_TO_PASS // n_cells)} for {n_cells} "
            f"cell{'s'[: n_cells != 1]}, got {n_surrogates}: p could not be {UNIT_LEVEL:g}, and no cell could pass; "
            "leave it out to have enough"
        )


def grid_table(
    maps: MapsLike,
    box_size: float | tuple[float, float] | None = None,
    *,
    null: str = "ring",
    n_surrogates: int | None = None,
    rng: np.random.Generator,
) -> NDArray[np.void]:
    """Return a row a cell: its grid score, its lattice, and whether chance would have given as much.

    Parameters
    ----------
    maps : array_like, ``(cell, bin_y, bin_x)``, xarray.DataArray, `TuningMaps` or `RateMaps`
        Rates of the cells of one animal; NaN or masked where it never was.
    box_size : float or (float, float), optional
        Side of the box, or its width and height, metres; not needed where the maps know it.
    null, n_surrogates, rng
        As for `grid_gate`.

    Returns
    -------
    ndarray with fields
        ``unit`` (label of the cell), ``score``, ``spacing_m``, ``orientation_deg``, ``n_peaks``, ``p_value``,
        ``passed``, ``null``. Spacing and orientation are NaN without a lattice; ``n_peaks`` then says how many of the
        six peaks are there: 4 or 2 in a lattice too wide for the box. Noise may show as many; the score tells them
        apart.

    Raises
    ------
    TypeError
        If the maps are not real numbers or ``rng`` is no generator.
    ValueError
        If the maps are malformed, their bins not square, or nobody says how large the box is; or if there are too few
        surrogates for any cell to pass.
    """
    rng, sides = as_generator(rng), box_of(maps, box_size)
    rates = as_maps(maps, box_size, square=True)
    if sides is None:
        raise ValueError("box_size must be given in metres, as these maps do not know it: a spacing is measured in it")
    scores, lattice = scores_and_lattice(rates, sides)
    _check_enough(n_surrogates, int(np.isfinite(scores.score_60).sum()))
    gate = grid_gate(rates, sides, null=null, n_surrogates=n_surrogates, scores=scores.score_60, rng=rng)
    columns = {
        "unit": from_labels(maps).unit if is_labelled(maps) else np.arange(len(rates)),
        "score": scores.score_60,
        "spacing_m": lattice.spacing,
        "orientation_deg": lattice.orientation,
        "n_peaks": lattice.n_peaks,
        "p_value": gate.p_value,
        "passed": gate.passed,
        "null": np.full(len(rates), null, dtype="U8"),
    }
    table = np.empty(len(rates), dtype=[(name, values.dtype) for name, values in columns.items()])
    for name, values in columns.items():
        table[name] = values
    return table


def _track(time: ArrayLike, position: ArrayLike) -> tuple[Float, Float]:
    """Return times ``(sample,)`` and positions ``(sample, 2)``, lost ones NaN, or say what is wrong with them."""
    clock, where = as_reals(time, "time"), as_reals(position, "position")
    if clock.ndim != 1 or where.shape != (clock.size, 2) or clock.size < 2:
        raise ValueError(
            f"a track must be times (sample,) and positions (sample, 2), two samples or more, got {clock.shape} and "
            f"{where.shape}"
        )
    late = np.flatnonzero(~(np.diff(clock) > 0))
    if late.size or not np.isfinite(clock).all():
        first = int(late[0]) + 1 if late.size else int(np.argmin(np.isfinite(clock)))
        raise ValueError(
            f"times must be finite and rise from sample to sample, got {clock[first]:g} s after {clock[first - 1]:g} s "
            f"at sample {first}: drop samples that are doubled or out of order"
        )
    if np.isinf(where).any():
        raise ValueError("positions must be finite, or NaN where the animal was lost, got infinities")
    return clock, where


def _trains(spike_times: Any) -> list[Float]:
    """Return the spike times of each cell; missing ones are left out."""
    if isinstance(spike_times, Mapping):
        trains = [spike_times[name] for name in spike_times]
    elif isinstance(spike_times, list | tuple) and any(_is_train(item) for item in spike_times):
        trains = list(spike_times)
    else:
        trains = [spike_times]
    found = []
    for train in trains:
        times = as_reals(train.t if _keeps_times(train) else train, "spike_times")
        if times.ndim != 1 or np.isinf(times).any():
            raise ValueError(f"spike_times must be (spike,) for each cell, finite, got shape {times.shape}")
        found.append(times[np.isfinite(times)])
    if not found:
        raise ValueError("spike_times must be those of at least one cell, got none")
    return found


def _is_train(item: Any) -> bool:
    return _keeps_times(item) or np.ndim(item) > 0


def _keeps_times(item: Any) -> bool:
    return hasattr(item, "t") and not callable(item.t)


def _steps(clock: Float) -> Float:
    """Return the time that each sample stands for, seconds."""
    steps = np.diff(clock)
    usual = float(np.median(steps))
    steps = np.append(steps, usual)
    return np.where(steps > _LONGEST_GAP * usual, usual, steps)


def _placed(where: Float, known: NDArray[np.bool_], box_size: Any) -> tuple[tuple[float, float], Float]:
    """Return the sides of the box, and positions from its centre."""
    low, high = where[known].min(axis=0), where[known].max(axis=0)
    farthest = float(np.maximum(-low, high).max())
    if farthest > _FARTHEST_M:
        raise ValueError(f"position must be in metres, at most {_FARTHEST_M:g} from the origin, got {farthest:g}")
    if box_size is None:
        if not (high > low).all():
            raise ValueError("the track must extend along x and y to span a box, got one that does not: pass box_size")
        return (float(high[0] - low[0]), float(high[1] - low[1])), where - (low + high) / 2
    sides = box_sides(box_size)
    if (np.maximum(-low, high) > np.array(sides) / 2 * (1 + 1e-6)).any():
        raise ValueError(
            f"positions must lie in a box of {sides[0]:g} x {sides[1]:g} m centred on the origin, got {low} to {high}: "
            "shift the origin, or leave box_size out"
        )
    return sides, where


def _check_fineness(sides: tuple[float, float], bin_side: float, smoothing: float) -> None:
    box = f"a box of {sides[0]:g} x {sides[1]:g} m"
    if max(sides) > _MOST_BINS * bin_side:
        raise ValueError(
            f"bin_cm must leave at most {_MOST_BINS:,} bins a side, got {100 * bin_side:g} for {box}: are positions in "
            "metres?"
        )
    if smoothing > max(sides):
        raise ValueError(
            f"smoothing_cm must be at most the longer side of the box, got {100 * smoothing:g} for {box}: are "
            "positions in metres?"
        )


def _spikes(train: Float, clock: Float, seconds: Float, cell: NDArray[np.intp], n_cells: int) -> Float:
    """Count a cell's spikes in every bin; those at times that do not count are left out."""
    at = np.searchsorted(clock, train, side="right") - 1
    during = (at >= 0) & (train - clock[at] < seconds[at]) & (cell[at] >= 0)
    return np.bincount(cell[at[during]], minlength=n_cells).astype(np.float64)


def _smoothed(values: Float, width: list[float]) -> Float:
    smooth: Float = scipy.ndimage.gaussian_filter(values, width, mode="constant")
    return smooth
