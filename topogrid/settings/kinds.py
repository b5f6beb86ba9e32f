"""Types of settings: what each may hold, what it is called in a message, and how text becomes a value of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple


class Bounds(NamedTuple):
    """Values a number may take."""

    low: float
    high: float
    open_low: bool = False
    """Whether ``low`` itself is excluded."""

    def admit(self, value: float) -> bool:
        """Whether ``value`` is inside."""
        return (self.low < value if self.open_low else self.low <= value) and value <= self.high

    def __str__(self) -> str:
        """Say it in words."""
        return f"above {self.low:g} and at most {self.high:g}" if self.open_low else f"{self.low:g} to {self.high:g}"


POSITIVE = Bounds(0, 1e6, open_low=True)


NOT_NEGATIVE = Bounds(0, 1e6)


SHARE = Bounds(0, 1)


COUNT = Bounds(1, 10**15)  # memory, not this, is what limits a size


class Kind(NamedTuple):
    """A type of setting."""

    name: str
    """What a value of it is called in a message."""
    check: Callable[[Any], Any]
    """Returns a value in the type, or raises ``TypeError``, ``ValueError`` or ``OverflowError``."""
    from_text: Callable[[Any], Any]
    """Returns the value that a text, or a sequence of texts where there are `several`, stands for; raises ``KeyError``
    or the same. A switch without a value is ``None``."""
    metavar: str = ""
    """What ``--help`` calls a value without choices and unit."""
    several: bool = False
    """Whether it takes one text or more."""
    switch: bool = False
    """Whether the flag alone stands for true."""


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError
    return value


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise TypeError
    return float(value)


def _text(value: Any) -> str:
    # Control characters would break the one line of a message or of a log; half a surrogate pair cannot be written.
    if not isinstance(value, str) or not value.isprintable() or len(value) > 4096:
        raise TypeError
    return value


def _numbers(value: Any) -> tuple[float, ...]:
    numbers = tuple(map(_number, value if isinstance(value, list | tuple) else (value,)))
    if not numbers:
        raise ValueError
    return numbers


def _wholes(value: Any) -> tuple[int, ...]:
    numbers = tuple(map(_whole, value if isinstance(value, list | tuple) else (value,)))
    if not numbers:
        raise ValueError
    return numbers


def _box(value: Any) -> tuple[float, float]:
    sides = _numbers(value)
    width, height = sides * 2 if len(sides) == 1 else sides
    return width, height


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list | tuple):
        raise TypeError
    return tuple(map(_text, value))


def _whole_or_auto(value: Any) -> int | str:
    return "auto" if value == "auto" else _whole(value)


def _boolean_or_auto(value: Any) -> bool | str:
    return "auto" if value == "auto" else _boolean(value)


_WORDS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


def _whole_number(text: str) -> int:
    """Return the number; also of ``1e5`` and ``1500.0``, the way people and sweeps write whole numbers."""
    try:
        return int(text)
    except ValueError:
        number = float(text)
        if number != int(number):
            raise
        return int(number)


def _words(text: str) -> str:
    if not text.isprintable():
        raise ValueError
    return text.strip()


def _switch(text: str | None) -> bool:
    return True if text is None else _WORDS[text.strip().lower()]


def _each(from_text: Callable[[str], Any]) -> Callable[[Sequence[str]], tuple[Any, ...]]:
    return lambda texts: tuple(map(from_text, texts))


_SWITCH = "true|false"

OF_TYPE: dict[Any, Kind] = {
    bool: Kind("true or false", _boolean, _switch, _SWITCH, switch=True),
    int: Kind("a whole number", _whole, _whole_number, "N"),
    float: Kind("a finite number", _number, float, "X"),
    str: Kind("printable text", _text, _words, "TEXT"),
    tuple[float, float]: Kind("one or two finite numbers", _box, _each(float), several=True),
    tuple[float, ...]: Kind("one or more finite numbers", _numbers, _each(float), several=True),
    tuple[int, ...]: Kind("one or more whole numbers", _wholes, _each(_whole_number), "N", several=True),
    tuple[str, ...]: Kind("words of printable text", _texts, _each(_words), "WORD", several=True),
    int | str: Kind(
        "auto or a whole number", _whole_or_auto, lambda text: text if text == "auto" else _whole_number(text)
    ),
    bool | str: Kind(
        "auto, true or false",
        _boolean_or_auto,
        lambda text: text if text == "auto" else _switch(text),
        f"{_SWITCH}|auto",
        switch=True,
    ),
}
"""The kind of every annotated type."""
