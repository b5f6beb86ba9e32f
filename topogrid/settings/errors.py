"""What is said about a setting that cannot be used, and how values and near misses are written in a message."""

from __future__ import annotations

import difflib
from collections.abc import Sequence


class SettingsError(ValueError):
    """A setting that cannot be used; the message is one line: what was given, what is allowed, how to mend it."""


def show(value: object) -> str:
    """Write a value into an error message: on one line, and not too long."""
    if isinstance(value, tuple):
        return " ".join(map(show, value)) or "nothing"
    text = repr(value)
    return text if len(text) <= 120 else text[:100] + "..."


def did_you_mean(word: str, known: Sequence[str], mark: str = "") -> str:
    """Hint at the known word most alike, written after ``mark``, as an ending of a message; empty if none is."""
    lower = {other.lower(): other for other in known}
    begun = [other for other in lower if len(word) > 2 and other.startswith(word.lower())]
    near = begun or difflib.get_close_matches(word.lower(), lower, n=1)
    return f"; did you mean {mark}{lower[near[0]]}?" if near else ""
