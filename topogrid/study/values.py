"""Numbers as records have them, ``null`` where there is none, and back."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from topogrid.reading import number

Float = NDArray[np.float64]


def plain(value: float) -> float | None:
    """Return a number with six digits, ``None`` where there is none: as JSON takes it."""
    return float(f"{value:.6g}") if math.isfinite(value) else None


def plain_all(values: Sequence[float] | Float) -> list[float | None]:
    """Return numbers as `plain` does."""
    return [plain(float(value)) for value in values]


def numbers(values: Sequence[float | None]) -> Float:
    """Return the numbers of a record, NaN where there is none."""
    return np.array([number(value) for value in values], dtype=np.float64)
