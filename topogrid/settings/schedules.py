"""How strong a loss is over the steps of a run: parts one after another, each constant, a line or half a cosine wave.

A part is a word, ``SHAPE``, ``SHAPE:STEPS`` or with shares of the full strength: ``constant:STEPS:SHARE``,
``linear:STEPS:FROM:TO``, ``cosine:STEPS:FROM:TO``. The last part may go without ``STEPS`` and then takes the rest of
the run; after a last part that ends earlier its last share stays.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from topogrid.settings.errors import SettingsError, did_you_mean, show

SHAPES = ("constant", "linear", "cosine")
_LARGEST_SHARE, _MOST_STEPS = 1e6, 10**15
_FORMS = "constant, linear or cosine, each alone, as constant:STEPS:SHARE, linear:STEPS:FROM:TO or cosine:STEPS:FROM:TO"


class Part(NamedTuple):
    """A part of a schedule."""

    shape: str
    """One of `SHAPES`."""
    steps: int | None
    """How many steps it has; ``None`` for all that are left."""
    begin: float
    """Share of the full strength before its first step."""
    end: float
    """Share at its last step."""


def parse_schedule(words: Sequence[str], name: str) -> tuple[Part, ...]:
    """Return the parts that words stand for.

    A ramp without shares goes from where the part before it ended, from 0 if it is the first, to 1; a constant without
    a share stays there, the first at 1.

    Parameters
    ----------
    words : sequence of str
        A part each; several may stand in one word with spaces between them.
    name : str
        What the setting is called, for messages.

    Raises
    ------
    SettingsError
        If a word is no part, a ramp stays where it is, or a part that takes the rest of the run is not the last.
    """
    parts: list[Part] = []
    for word in " ".join(words).split():
        if parts and parts[-1].steps is None:
            raise SettingsError(
                f"{name} needs STEPS for every part but the last, got {show(tuple(words))}; give them to the part "
                f"before {show(word)}"
            )
        parts.append(_part(word, parts[-1].end if parts else None, name))
    if not parts:
        raise SettingsError(f"{name} must be one or more parts ({_FORMS}), got nothing")
    return tuple(parts)


def _part(word: str, before: float | None, name: str) -> Part:
    """Return the part of a word; ``before`` is where the part before it ended."""
    shape, *rest = word.split(":")
    if shape not in SHAPES:
        raise SettingsError(f"{name} must be parts ({_FORMS}), got {show(word)}{did_you_mean(shape, SHAPES)}")
    try:
        steps, shares = _steps(rest[0]) if rest else None, tuple(map(_share, rest[1:]))
    except (ValueError, OverflowError):
        raise SettingsError(
            f"{name} must have whole STEPS of 1 and more and shares of 0 to {_LARGEST_SHARE:g} in its parts ({_FORMS}),"
            f" got {show(word)}"
        ) from None
    if len(shares) not in ((0, 1) if shape == "constant" else (0, 2)):
        raise SettingsError(f"{name} must be parts ({_FORMS}), got {show(word)}, which has {len(shares)} shares")
    if shape == "constant":
        share = shares[0] if shares else 1.0 if before is None else before
        return Part(shape, steps, share, share)
    begin, end = shares or (before or 0.0, 1.0)
    if begin == end:
        raise SettingsError(
            f"{name} has a part {show(word)} that goes from {begin:g} to {end:g}, wanted two different shares; give "
            f"{shape}:STEPS:FROM:TO, or constant"
        )
    return Part(shape, steps, begin, end)


def _steps(text: str) -> int:
    steps = int(text)
    if not 1 <= steps <= _MOST_STEPS:
        raise ValueError
    return steps


def _share(text: str) -> float:
    share = float(text)
    if not 0 <= share <= _LARGEST_SHARE:
        raise ValueError
    return share


def share_at(parts: Sequence[Part], step: int, steps: int) -> float:
    """Return the share of the full strength at a step.

    Parameters
    ----------
    parts : sequence of Part
    step : int
        Counted from 1. A part reaches its last share at its last step.
    steps : int
        Of the whole run.
    """
    begun = 0
    for part in parts:
        length = max(1, steps - begun) if part.steps is None else part.steps
        if step <= begun + length:
            done = (step - begun) / length
            done = (1 - math.cos(math.pi * done)) / 2 if part.shape == "cosine" else done
            return part.begin + (part.end - part.begin) * done
        begun += length
    return parts[-1].end


def last_begin(parts: Sequence[Part]) -> int:
    """Return after which step the last part begins."""
    return sum(part.steps or 0 for part in parts[:-1])


def takes_the_rest(parts: Sequence[Part]) -> bool:
    """Whether what is asked for depends on the length of the run: a ramp goes on to its end."""
    return parts[-1].steps is None and parts[-1].shape != "constant"
