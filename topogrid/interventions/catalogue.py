"""Everything that can be done to a trained network, by name: data, which `topogrid.interventions.table` carries out.

A family is a dose at some levels, and where: on all units, on those of one module, or on a map of the sheet. Its names
are such as ``tau_x1.25`` and ``tau_x1.25@module3``, at any level. What is no dose has a name of its own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from topogrid.settings.errors import did_you_mean, show


class Intervention(NamedTuple):
    """A change, and what it is good for."""

    name: str
    about: str
    """What is done, in a sentence."""
    action: str
    """What does it: a key of `topogrid.interventions.table.ACTIONS`."""
    options: Mapping[str, Any] = {}
    """What the action is told."""
    needs: tuple[str, ...] = ()
    """Keys of `topogrid.interventions.table.NEEDS`: what a network has to have."""
    module: int | None = None
    """The module it is done to; all of the sheet without one."""


class Family(NamedTuple):
    """A dose that can be given at any level."""

    about: str
    """A sentence about a ``{level}`` of it."""
    action: str
    option: str
    """Name of the level among the options of the action."""
    levels: tuple[float, ...]
    """Those of the table."""
    lowest: float
    """Levels have to be above this."""
    needs: tuple[str, ...] = ()
    anywhere: bool = False
    """Whether it can be given to one module, or by a map."""


_DIFFERENT_TAU = ("tau", "different tau")
_BY_MODULE = ("modules", *_DIFFERENT_TAU)

FAMILIES = {
    "tau": Family(
        "All time constants times {level}.", "scale tau", "factor", (0.8, 1.25, 0.5, 2.0), 0.0, ("tau",), anywhere=True
    ),
    "speed": Family("Animals at {level} times the speed.", "other walks", "speed_factor", (0.5, 2.0), 0.0),
    "box": Family(
        "A box {level} times as wide and high, never trained on; walks start in the trained one.",
        "other walks",
        "box_factor",
        (1.5, 2.0),
        1.0,
        ("walls",),
    ),
    "dt": Family(
        "Steps of {level} times the duration, tau and movement weights kept in seconds, on the same paths.",
        "scale dt",
        "factor",
        (0.5, 2.0),
        0.0,
        ("tau",),
    ),
}
"""Doses by the word before ``_x``."""

_SENTENCES = {
    "tau_x0.5": "All time constants halved.",
    "tau_x2": "All time constants doubled.",
    "speed_x0.5": "Animals at half the speed.",
    "speed_x2": "Animals at twice the speed.",
    "dt_x0.5": "Steps of half the duration, tau and movement weights kept in seconds, on the same paths.",
    "dt_x2": "Steps of twice the duration, tau and movement weights kept in seconds, on the same paths.",
}
_DOSE = re.compile(r"(?P<family>[a-z]+)_x(?P<level>\d+(\.\d+)?)(@module(?P<module>\d{1,6}))?")
_SILENCED_MODULE = re.compile(r"silence@module(?P<module>\d{1,6})")


def dose(family: str, level: float, module: int | None = None) -> Intervention:
    """Return a dose at a level, to all units or to those of one module.

    Raises
    ------
    ValueError
        If there is no such family, it takes no such level, or it cannot be given to one module.
    """
    if family not in FAMILIES:
        raise ValueError(f"there is no dose of {show(family)}; doses are of {', '.join(FAMILIES)}")
    what = FAMILIES[family]
    if not what.lowest < level < 1e3:
        raise ValueError(f"{family}_x has to be above {what.lowest:g} and below 1000, got {level:g}")
    name = f"{family}_x{level:g}"
    about = _SENTENCES.get(name) or what.about.format(level=f"{level:g}")
    if module is None:
        return Intervention(name, about, what.action, {what.option: level}, what.needs)
    if not what.anywhere:
        raise ValueError(f"{name} is done to walks and not to units; leave @module{module} out")
    about = f"Time constants of module {module} times {level:g}."
    needs = ("modules", *what.needs)
    return Intervention(f"{name}@module{module}", about, what.action, {what.option: level}, needs, module)


def _doses(family: str) -> list[Intervention]:
    return [dose(family, level) for level in FAMILIES[family].levels]


def silence_module(module: int) -> Intervention:
    """Return the lesion of one module."""
    return Intervention(
        f"silence@module{module}", f"The units of module {module} silenced.", "silence module", {}, ("modules",), module
    )


INTERVENTIONS: dict[str, Intervention] = {
    one.name: one
    for one in (
        Intervention("other_animals", "Nothing but other held-out walks: the noise of the measurement.", "reseed"),
        *_doses("tau"),
        Intervention("tau_flat", "All time constants at their mean: no map of tau.", "flatten tau", {}, _DIFFERENT_TAU),
        Intervention(
            "tau_permuted", "Time constants permuted at random over units.", "permute tau", {}, _DIFFERENT_TAU
        ),
        Intervention(
            "tau_permuted_modules",
            "The time constants of whole modules permuted over modules.",
            "permute modules",
            {},
            _BY_MODULE,
        ),
        Intervention(
            "tau_reversed",
            "The time constants of whole modules exchanged, fastest with slowest and so on.",
            "reverse modules",
            {},
            _BY_MODULE,
        ),
        Intervention(
            "tau_swapped",
            "Time constants swapped, fastest with slowest and so on.",
            "swap tau",
            {},
            _DIFFERENT_TAU,
        ),
        *_doses("speed"),
        *_doses("box"),
        *_doses("dt"),
        Intervention(
            "silence_slow",
            "The slowest fifth of the living units silenced.",
            "silence extreme",
            {"by": "slow"},
            _DIFFERENT_TAU,
        ),
        Intervention(
            "silence_fast",
            "The fastest fifth of the living units silenced.",
            "silence extreme",
            {"by": "fast"},
            _DIFFERENT_TAU,
        ),
        Intervention(
            "silence_best",
            "The fifth of the living units with the highest grid scores silenced.",
            "silence extreme",
            {"by": "best"},
        ),
        Intervention(
            "silence_banded",
            "The fifth of the living units that fire most in bands silenced.",
            "silence extreme",
            {"by": "banded"},
        ),
        Intervention("silence_random", "As many living units silenced at random.", "silence random"),
        Intervention("no_recurrence", "Trained, but all weights between units at 0.", "cut recurrence"),
        Intervention(
            "leak_only", "Untrained and without weights between units, with the trained tau.", "leave the leak"
        ),
        Intervention("untrained", "The network before its first step of training.", "untrain"),
    )
}
"""What is done without a word on it, in the order of the table."""


def named(name: str) -> Intervention:
    """Return the intervention of a name, of the table or at another level or place.

    Raises
    ------
    ValueError
        If there is none; the message lists those that there are.
    """
    if name in INTERVENTIONS:
        return INTERVENTIONS[name]
    lesion = _SILENCED_MODULE.fullmatch(name)
    if lesion:
        return silence_module(int(lesion["module"]))
    match = _DOSE.fullmatch(name)
    if match and match["family"] in FAMILIES:
        module = match["module"]
        return dose(match["family"], float(match["level"]), None if module is None else int(module))
    raise ValueError(
        f"there is no intervention {show(name)}{did_you_mean(name, list(INTERVENTIONS))}; the interventions are all or "
        f"some of {', '.join(INTERVENTIONS)}, the doses at any level, and tau_xLEVEL@moduleK and silence@moduleK"
    )


def choose(names: Sequence[str] | None) -> list[str]:
    """Return the wanted interventions, each once and by the name it goes by, those of the table first, in its order.

    All of the table without ``names``, or for ``["all"]``.

    Raises
    ------
    ValueError
        If a name is not known; the message lists those that are.
    """
    if names is None or list(names) == ["all"]:
        return list(INTERVENTIONS)
    wanted = list(dict.fromkeys(named(name).name for name in names))
    return [name for name in INTERVENTIONS if name in wanted] + [name for name in wanted if name not in INTERVENTIONS]


def parse_units(texts: Sequence[str]) -> list[int]:
    """Return the units that texts such as ``7`` and ``40-63`` (both ends included) name.

    Raises
    ------
    ValueError
        If a text is neither a number nor a range that rises.
    """
    units: list[int] = []
    for text in texts:
        first, dash, last = text.partition("-")
        if not first.isdecimal() or (dash and not (last.isdecimal() and int(last) >= int(first))):
            raise ValueError(f"units are numbers as in units.csv, or ranges like 40-63; got {text!r}")
        if int(last or first) >= _MOST_UNITS:
            raise ValueError(f"units are numbers as in units.csv, below {_MOST_UNITS:,}; got {text!r}")
        units += range(int(first), int(last or first) + 1)
    return units


_MOST_UNITS = 10**7  # a range of more would be written out in memory before anybody looks whether the sheet has them
