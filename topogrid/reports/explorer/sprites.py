"""Rate maps of many units as one grey PNG, and numbers of many units as text that a page can carry."""

from __future__ import annotations

import base64
import math
import struct
import zlib
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Float = NDArray[np.float64]

UNVISITED = 0  # grey level of a bin without a rate
MOST_LEVELS = 254  # between the lowest rate, level 1, and the peak
_EFFORT = 6  # of the compression, up to 9, which takes five times as long to save 2 % of the bytes
MISSING = 65535  # 16-bit code of a number that was not measured


class Quantised(NamedTuple):
    """Rate maps in few grey levels.

    Attributes
    ----------
    codes : ndarray of uint8, ``(unit, bin_y, bin_x)``
        0 where no animal was, else 1 for ``low`` up to ``1 + levels`` for ``peak``.
    low, peak : ndarray, ``(unit,)``
        Rates that the ends stand for: 0 or the lowest rate below it, and the highest rate.
    levels : int
        Steps between the two.
    """

    codes: NDArray[np.uint8]
    low: Float
    peak: Float
    levels: int


def quantise(maps: ArrayLike, levels: int = MOST_LEVELS) -> Quantised:
    """Round rates to equal steps between 0 (or the unit's lowest rate, if that is negative) and the unit's peak.

    Parameters
    ----------
    maps : array_like, ``(unit, bin_y, bin_x)``
        Rates; NaN where no animal was.
    levels : int
        Steps, 1 to 254. A rate comes back to within half a step.

    Returns
    -------
    Quantised

    Raises
    ------
    ValueError
        If the maps are not three-dimensional or ``levels`` is out of range.
    """
    rates = np.asarray(maps, dtype=np.float64)
    if rates.ndim != 3:
        raise ValueError(f"rate maps must be (unit, bin_y, bin_x), got shape {rates.shape}: add the missing axis")
    if not 1 <= levels <= MOST_LEVELS:
        raise ValueError(f"levels must be 1 to {MOST_LEVELS}, got {levels}")
    low = np.nanmin(rates, axis=(1, 2), initial=0.0)
    peak = np.nanmax(rates, axis=(1, 2), initial=0.0)
    span = np.where(peak > low, peak - low, 1.0)[:, None, None]
    steps = np.rint(levels * (rates - low[:, None, None]) / span)
    codes = np.where(np.isnan(rates), UNVISITED, 1 + np.nan_to_num(steps)).astype(np.uint8)
    return Quantised(codes, low, peak, levels)


def sprite(quantised: Quantised) -> dict[str, Any]:
    """Lay all maps out on one image, unit after unit along rows of ``columns`` maps.

    Returns
    -------
    dict
        ``png`` (base64), ``columns``, ``bins`` (along x and y), ``levels``, and the ends ``low`` and ``peak``.
    """
    units, height, width = quantised.codes.shape
    columns = math.isqrt(max(units - 1, 0)) + 1
    rows = -(-units // columns)
    tiles = np.zeros((rows * columns, height, width), np.uint8)
    tiles[:units] = quantised.codes
    sheet = tiles.reshape(rows, columns, height, width).swapaxes(1, 2).reshape(rows * height, columns * width)
    return {
        "png": base64.b64encode(encode_png(sheet)).decode("ascii"),
        "columns": columns,
        "bins": [width, height],
        "levels": quantised.levels,
        "low": exact(quantised.low),
        "peak": exact(quantised.peak),
    }


def encode_png(pixels: NDArray[np.uint8]) -> bytes:
    """Encode a grey image ``(row, column)``, eight bits a pixel, without any colour profile that would change it.

    Rate maps are smooth or noisy: of PNG's predictions, the mean of two neighbours wins on the first and none on the
    second, so both are tried.
    """
    height, width = pixels.shape
    wide = pixels.astype(np.int16)
    left, above = np.zeros_like(wide), np.zeros_like(wide)
    left[:, 1:], above[1:] = wide[:, :-1], wide[:-1]
    mean_left_above = ((wide - (left + above) // 2) % 256).astype(np.uint8)
    packed = (
        zlib.compress(np.insert(rows, 0, number, axis=1).tobytes(), _EFFORT)
        for number, rows in ((0, pixels), (3, mean_left_above))  # numbers of the predictions in the PNG standard
    )
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", min(packed, key=len)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, data) for name, data in chunks)


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def exact(values: ArrayLike) -> dict[str, Any]:
    """Pack numbers as 32-bit floats, about seven digits; NaN stays NaN."""
    return {"f4": _base64(np.asarray(values, dtype="<f4"))}


def coarse(values: ArrayLike) -> dict[str, Any]:
    """Pack numbers in 65,534 steps between their extremes, half the size of `exact`; what is not finite is missing."""
    numbers = np.asarray(values, dtype=np.float64)
    there = np.isfinite(numbers)
    low = float(numbers[there].min()) if there.any() else 0.0
    high = float(numbers[there].max()) if there.any() else 0.0
    span = high - low if high > low else 1.0
    codes = np.full(numbers.shape, MISSING, dtype="<u2")
    codes[there] = np.rint((MISSING - 1) * (numbers[there] - low) / span)
    return {"u2": _base64(codes), "low": low, "high": low + span}


def _base64(values: NDArray[np.generic]) -> str:
    return base64.b64encode(values.tobytes()).decode("ascii")
