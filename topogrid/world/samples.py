"""Whether samples of a recording can be a walk: clocks, lost samples, holes, jumps, and the area that was covered."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]
Mask = NDArray[np.bool_]

RECORDING_GAP = 1.0  # s; a hole this long is not interpolated but refused (and `t` may be sample numbers, not seconds)
LOST_VALUES = (0.0, -1.0, 1023.0, 255.0, 65535.0, 4095.0, 32767.0, 32768.0, -32768.0, 999.0, 9999.0, -999.0, -9999.0)
"""What trackers write, in their own units, for an animal that they do not see."""
_UNUSUAL = 3.0  # times the fastest hundredth of steps
_BY_RATE = "leave the time out and give --rate, samples per second"
_FAST_TRACKER = 1e-3  # s between samples
_STILL = 0.05  # m/s; slower than this no step into a lost value is
_OFTEN = 20  # values looked at that no table knows, the commonest first


class Track(NamedTuple):
    """Samples of a recording that are left, and which ones of the file they are."""

    number: NDArray[np.intp]
    """``(sample,)``, from 0."""
    seconds: Float
    """``(sample,)``"""
    lights: tuple[Float, ...]
    """``(sample, 2)`` each, in the unit of the file."""

    def only(self, kept: Mask) -> Track:
        """Return the samples of a mask ``(sample,)``."""
        return Track(self.number[kept], self.seconds[kept], tuple(light[kept] for light in self.lights))


def count(number: int, total: int, noun: str = "sample") -> str:
    """Return such as ``1 of 400 samples is`` or ``2 of 400 samples are``."""
    return f"{number} of {total} {noun}s {'is' if number == 1 else 'are'}"


def seconds_of(time: NDArray[np.number] | None, n_samples: int, rate: float | None, name: str) -> Float:
    """Return the time of every sample in seconds, ``(sample,)``; differences of counters are taken as whole numbers.

    Raises
    ------
    ValueError
        If a rate is given for times that are seconds already.
    """
    if time is None:
        return np.arange(n_samples) / (rate or 1.0)  # columns without a time are chosen with a rate only
    if rate is None or not len(time):
        return time.astype(np.float64)
    if time.dtype.kind in "iu":
        # Clocks that count microseconds or nanoseconds since 1970 are too long for a double.
        first = int(time[0])
        return np.array([int(tick) - first for tick in time], dtype=np.float64) / rate
    steps = np.abs(np.diff(time.astype(np.float64)))
    if steps.size and 0 < np.nanmedian(steps) < 1:
        raise ValueError(
            f"`{name}` has steps of {np.nanmedian(steps):.3g}, so it is no count of ticks and --rate does not go with "
            "it; leave --rate out where it is seconds"
        )
    return time.astype(np.float64) / rate


def check_stamps(track: Track, raw: NDArray[np.number] | None, name: str, rate: float | None) -> None:
    """Refuse times that do not increase, or whose type is too coarse for them; tell equal from backward stamps.

    Parameters
    ----------
    track : Track
    raw : ndarray, ``(sample,)``, or None
        The times as they were written, in their own type.
    name : str
        Of the column, for messages.
    rate : float or None
        Ticks per second where ``raw`` counts them.

    Raises
    ------
    ValueError
        With the first sample at fault, what kind of fault it is, and what helps.
    """
    seconds, number = track.seconds, track.number
    with np.errstate(all="ignore"):
        steps = np.diff(seconds)
    equal, back = np.flatnonzero(steps == 0), np.flatnonzero(steps < 0)
    _check_type(raw, name, rate, len(equal), len(seconds))
    if not len(equal) and not len(back):
        return
    counts = raw is not None and rate is None and bool((raw == np.floor(raw)).all()) and float(np.ptp(seconds)) > 0
    told = []
    if len(equal):
        first = int(equal[0])
        told.append(
            f"{count(len(equal), len(seconds), 'stamp')} equal to the one before (first: sample {number[first + 1]}, "
            f"{seconds[first]:.10g} s)"
        )
    if len(back):
        first = int(back[0])
        told.append(
            f"{len(back)} of {len(seconds)} go back (first: sample {number[first + 1]}, from {seconds[first]:.10g} to "
            f"{seconds[first + 1]:.10g} s)"
        )
    counter = f"; `{name}` holds whole numbers: it is a counter, not seconds" if counts else ""
    remedy = _remedy(seconds, equal, back, counts=counts)
    raise ValueError(f"`{name}` must increase, but {' and '.join(told)}{counter}; {remedy}")


def _remedy(seconds: Float, equal: NDArray[np.intp], back: NDArray[np.intp], *, counts: bool) -> str:
    if counts:
        return _BY_RATE
    if len(back) == len(seconds) - 1:
        return "the samples run backwards in time: reverse them"
    if len(back):
        # A clock that was set back goes on from there; rows that were mixed up are late only now and then.
        first = int(back[0])
        restarted = len(back) <= 3 and bool((seconds[first + 1 :] < seconds[first]).sum() > 1)
        again = "the clock begins again there: cut the recording into parts" if restarted else "sort them by time"
        return again + (" and keep one sample per stamp" if len(equal) else "")
    if len(equal) == len(seconds) - 1:
        return "the clock stands still; leave the time out and give --rate, samples per second"
    return (
        "keep one sample per stamp; or, if stamps were rounded, leave the time out and give --rate, samples per second"
    )


def _check_type(raw: NDArray[np.number] | None, name: str, rate: float | None, n_equal: int, n_samples: int) -> None:
    """Refuse a floating type of which two neighbouring numbers lie nearly as far apart as two samples."""
    if raw is None or raw.dtype.kind != "f" or raw.dtype.itemsize >= 8:
        return
    largest = np.abs(raw[np.isfinite(raw)]).max(initial=0)
    tick, steps = float(np.spacing(largest)), np.abs(np.diff(raw.astype(np.float64)))
    # Equal stamps leave their step out; the mean step is right even then, unless all are equal.
    usual = float(steps.mean()) if steps.any() else _FAST_TRACKER
    if 4 * tick > usual:
        same = f", so {count(n_equal, n_samples)} at the time of the one before" if n_equal else ""
        unit = "" if rate else " s"
        raise ValueError(
            f"`{name}` is {raw.dtype}, whose numbers near {float(largest):.3g} are {tick:.3g}{unit} apart{same}; "
            "save it as float64, or as time since the first sample"
        )


def check_gaps(track: Track, name: str, rate: float | None) -> None:
    """Refuse holes of a second or more, and say what `t` may be where all steps are as long.

    Raises
    ------
    ValueError
        With the sample after the longest hole.
    """
    seconds = track.seconds
    with np.errstate(all="ignore"):
        steps = np.diff(seconds)
    if steps.max(initial=0.0) < RECORDING_GAP:
        return
    longest, usual = int(np.argmax(steps)), float(np.median(steps))
    hint = "is `t` in seconds? cut the walk at the gap"
    if rate is None and usual >= RECORDING_GAP:
        guess = next(
            (f"{unit}: give --rate {ticks}" for unit, ticks, low, high in _CLOCKS if low <= usual <= high),
            "in another unit: give --rate, ticks per second",
        )
        hint = f"is `t` in seconds? Its steps are {usual:.4g}: perhaps {guess}"
    raise ValueError(
        f"a gap of {steps[longest]:.3g} s, less than {RECORDING_GAP:g} s is allowed, before sample "
        f"{track.number[longest + 1]} (at {seconds[longest + 1]:.10g} s); {hint}"
    )


_CLOCKS = (
    ("counting samples", "with the samples per second", 1, 1),
    ("milliseconds", "1000", 2, 999),
    ("microseconds", "1e6", 1e3, 9.99e5),
    ("nanoseconds", "1e9", 1e6, 9.99e8),
)


def lost_value(raw: Float, seconds: Float, unit: float, max_speed: float) -> tuple[Mask, str] | None:
    """Find samples in which a constant stands for "not seen": it is entered and left as no animal moves.

    Parameters
    ----------
    raw : ndarray, ``(sample, 2)``
        Places in the unit of the file, finite.
    seconds : ndarray, ``(sample,)``
        Increasing.
    unit : float
        Length of that unit, metres.
    max_speed : float
        m/s; a value that no tracker is known for counts only where it is entered faster.

    Returns
    -------
    (mask ``(sample,)``, text) or None
        Which samples these are, and the value.
    """
    speed = speeds(seconds, unit * raw)
    known: list[tuple[Mask, str]] = []
    for value in LOST_VALUES:
        x, y = (raw == value).T
        for mask, told in ((x & y, f"({value:g}, {value:g})"), (x, f"x = {value:g}"), (y, f"y = {value:g}")):
            known.append((mask, told))
    for mask, told in known:
        # One sample says little: it is lost if it is entered and left, and no coordinate is a place.
        alone = mask.sum() == 1 and told.startswith("(") and not (mask[0] or mask[-1])
        if (mask.sum() > 1 or alone) and _entered_unlike(mask, speed, _STILL, max_speed):
            return mask, told
    after = 1 + np.flatnonzero(speed > max_speed)
    values, times = np.unique(raw[np.concatenate((after, after - 1))], axis=0, return_counts=True)
    for value in values[np.argsort(-times, kind="stable")[:_OFTEN]]:
        mask = (raw == value).all(axis=1)
        if mask.sum() > 1 and _entered_unlike(mask, speed, max_speed, max_speed):
            return mask, f"({value[0]:.6g}, {value[1]:.6g})"
    return None


def _entered_unlike(mask: Mask, speed: Float, least: float, alone: float) -> bool:
    """Say whether steps in and out of a mask are faster than those outside of it; than ``alone`` where none are."""
    crossing, outside = mask[1:] != mask[:-1], ~(mask[1:] | mask[:-1])
    if not crossing.any():
        return False
    usual = _UNUSUAL * float(np.quantile(speed[outside], 0.99)) if outside.any() else alone
    return float(np.median(speed[crossing])) > max(usual, least)


def speeds(seconds: Float, position: Float) -> Float:
    """Return the speed of every step between samples, m/s, ``(sample - 1,)``."""
    with np.errstate(all="ignore"):
        speed: Float = np.hypot(*np.diff(position, axis=0).T) / np.diff(seconds)
    return speed


def spikes(speed: Float, max_speed: float) -> Mask:
    """Return which samples, ``(sample,)``, are reached and left faster than ``max_speed``, also at the ends."""
    fast = speed > max_speed
    ends = np.concatenate(([True], fast, [True]))
    alone = ends[:-1] & ends[1:]
    # At an end the one step counts; a walk that begins or ends with two of them keeps what is between.
    alone[0] &= bool(len(fast) and fast[0])
    alone[-1] &= bool(len(fast) and fast[-1])
    return alone


def check_jumps(track: Track, position: Float, max_speed: float) -> None:
    """Refuse a step faster than any animal.

    Raises
    ------
    ValueError
        With the first sample after such a step, its distance and its speed.
    """
    seconds, number = track.seconds, track.number
    speed = speeds(seconds, position)
    fast = np.flatnonzero(~(speed <= max_speed))
    if not len(fast):
        return
    if np.median(speed) > max_speed:
        raise ValueError(
            f"half of all steps are faster than {np.median(speed):.3g} m/s, where {max_speed:g} m/s is the limit: are "
            "times in seconds and places in metres? give --rate or --units"
        )
    step = int(fast[0])
    with np.errstate(all="ignore"):
        distance = np.hypot(*(position[step + 1] - position[step]))
    more = f"; {len(fast)} steps are as fast, up to {speed[fast].max():.3g} m/s" if len(fast) > 1 else ""
    raise ValueError(
        f"sample {number[step + 1]} (at {seconds[step + 1]:.10g} s) is {distance:.3g} m from the one before it: "
        f"{speed[step]:.3g} m/s, faster than the {max_speed:g} m/s of --max_speed{more}; "
        "correct or cut such samples, give --lost interpolate, or check --units"
    )


def covered(seconds: Float, position: Float) -> tuple[Float, Float]:
    """Return the lowest and highest x and y that the animal reached, whatever single samples say.

    Left out are samples between two unusually fast steps less than a second apart, and ends of the area that are
    reached and left by more than a usual step. Where there are none of these it is the range of all samples.

    Parameters
    ----------
    seconds : ndarray, ``(sample,)``
    position : ndarray, ``(sample, 2)``
        Metres.

    Returns
    -------
    low, high : ndarray, ``(2,)``
        Metres.
    """
    speed = speeds(seconds, position)
    unusual = speed > max(4 * float(np.quantile(speed, 0.99)), 20 * float(np.median(speed)), _STILL)
    part = np.concatenate(([0], np.cumsum(unusual)))
    begun, ended = np.searchsorted(part, np.unique(part)), np.searchsorted(part, np.unique(part), side="right") - 1
    lasts = seconds[ended] - seconds[begun]
    kept = (lasts >= min(RECORDING_GAP, float(lasts.max())))[part]
    steps = np.abs(np.diff(position, axis=0))
    near = np.fmin(np.vstack((np.full(2, np.inf), steps)), np.vstack((steps, np.full(2, np.inf))))
    usual = np.maximum(np.quantile(steps, 0.9, axis=0, method="higher"), 1e-3)
    low, high = position[kept].min(axis=0), position[kept].max(axis=0)
    for axis in (0, 1):
        trusted = position[kept & (near[:, axis] <= usual[axis]), axis]
        if trusted.size:
            low[axis], high[axis] = trusted.min(), trusted.max()
    return low, high
