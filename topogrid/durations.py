"""Durations as people write them."""

from __future__ import annotations

import datetime
import math


def clock(seconds: float) -> str:
    """Write a duration as hours, minutes and seconds."""
    return "?" if math.isnan(seconds) else str(datetime.timedelta(seconds=round(seconds)))


def in_words(seconds: float) -> str:
    """Write a duration the way people say it."""
    for size, unit in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 1.5 * size:
            return f"{seconds / size:.1f} {unit}" if seconds < 10 * size else f"{seconds / size:.0f} {unit}"
    whole = max(1, round(seconds))
    return "1 second" if whole == 1 else f"{whole} seconds"
