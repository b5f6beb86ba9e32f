"""Groups of trained networks to compare: what each network showed, as plain numbers and arrays."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from topogrid.analysis.inputs import as_values

Float = NDArray[np.float64]


def _nothing() -> Float:
    return np.empty(0)


@dataclass(frozen=True)
class Member:
    """What one trained network showed; an array that is empty was not kept.

    Attributes
    ----------
    label : str
        Its name among those of its group.
    measures : mapping
        Measures of its last evaluation by their tracked names, such as ``validation/share_above_0.3``.
    rows : sequence of mappings
        Rows of its ``metrics.jsonl``, each with ``step``.
    scores : ndarray, ``(unit,)``
        Grid scores; NaN in dead units.
    spacing : ndarray, ``(row, col)``
        Spacing in metres; NaN where there is no lattice.
    tau : ndarray, ``(row, col)``
        Time constants, ms; steps of training last differently in different networks.
    seconds, long_error_cm, hold_still_cm : ndarray, ``(time,)``
        Time since the start of the long walks, the mean decoding error at that time, and that of holding still.
    """

    label: str
    measures: Mapping[str, float] = field(default_factory=dict)
    rows: Sequence[Mapping[str, Any]] = ()
    scores: Float = field(default_factory=_nothing)
    spacing: Float = field(default_factory=_nothing)
    tau: Float = field(default_factory=_nothing)
    seconds: Float = field(default_factory=_nothing)
    long_error_cm: Float = field(default_factory=_nothing)
    hold_still_cm: Float = field(default_factory=_nothing)


@dataclass(frozen=True)
class Group:
    """Networks that differ in their seeds only.

    Attributes
    ----------
    name : str
        What sets the group apart from the others.
    kind : str
        Kind of its networks: ``plain``, ``tau``, ``topoloss`` ..., which picks its colour.
    members : tuple of Member
        One for each network.
    """

    name: str
    kind: str
    members: tuple[Member, ...]

    def values(self, measure: str, *, minus: str = "") -> Float:
        """Measure of every network ``(network,)``, less another one if that is named; NaN where it has none."""
        found = np.array([member.measures.get(measure, np.nan) for member in self.members], dtype=np.float64)
        if not minus:
            return found
        return found - np.array([member.measures.get(minus, np.nan) for member in self.members], dtype=np.float64)


def series(rows: Iterable[Mapping[str, Any]], key: str) -> tuple[Float, Float]:
    """Return steps and finite values of one key of ``metrics.jsonl``, in the order of the steps.

    Of two rows that give the key at one step the later counts, as after a resume. What is no finite number is left out.

    Raises
    ------
    TypeError
        If ``rows`` are not mappings.
    """
    values: dict[float, float] = {}
    for row in rows:
        if not isinstance(row, Mapping):
            raise TypeError(f"rows must map names to numbers, got a {type(row).__name__}")
        step, value = (_number(row.get(name)) for name in ("step", key))
        if np.isfinite(step) and np.isfinite(value):
            values[step] = value
    steps = sorted(values)
    return np.array(steps), np.array([values[step] for step in steps])


def _number(value: object) -> float:
    """Return a real number as a float, NaN where it is none."""
    return float(value) if isinstance(value, int | float | np.number) and not isinstance(value, bool) else float("nan")


def paired_series(rows: Sequence[Mapping[str, Any]], *keys: str) -> Float:
    """Return ``(key + 1, step)``: the steps at which every key has a finite value, and those values.

    Raises
    ------
    TypeError
        If ``rows`` are not mappings.
    ValueError
        If no key is named.
    """
    if not keys:
        raise ValueError("paired_series needs the name of at least one series, got none")
    found = [dict(zip(*(part.tolist() for part in series(rows, key)), strict=True)) for key in keys]
    steps = sorted(set(found[0]).intersection(*found[1:]))
    return np.array([steps, *([one[step] for step in steps] for one in found)], dtype=np.float64)


def mean_over_networks(curves: Sequence[tuple[Float, Float]]) -> tuple[Float, Float]:
    """Mean curve over networks, at the steps that all of them share.

    Parameters
    ----------
    curves : sequence of (steps, values)
        Each ``(step,)``.

    Returns
    -------
    (steps, values)
        Both empty where no step is shared.

    Raises
    ------
    TypeError
        If steps or values are not real numbers.
    ValueError
        If a curve is not one value for each step.
    """
    by_step = []
    for curve in curves:
        steps, values = (as_values(part, "a curve's steps and values") for part in _both(curve))
        if steps.shape != values.shape:
            raise ValueError(f"a curve must have one value for each step, got {values.size} for {steps.size}")
        by_step.append(dict(zip(steps.tolist(), values.tolist(), strict=True)))
    shared = sorted(set(by_step[0]).intersection(*by_step[1:])) if by_step else []
    return np.array(shared), np.array([np.mean([one[step] for one in by_step]) for step in shared])


def _both(curve: tuple[Float, Float]) -> tuple[Float, Float]:
    if not isinstance(curve, tuple | list) or len(curve) != 2:
        raise TypeError(f"a curve must be (steps, values), got a {type(curve).__name__}")
    return curve[0], curve[1]
