"""What a page of a run carries, read as the page itself does."""

import base64
import io
import json
import re
from pathlib import Path

import numpy as np
from PIL import Image


def embedded(path: Path) -> dict:
    """Return the data of a page, by the rules of HTML: a script element ends at the first ``</script``."""
    text = path.read_text(encoding="utf-8")
    found = re.search(r'<script type="application/json" id="data">(.*?)</script', text, re.DOTALL)
    assert found is not None
    return json.loads(found[1])


def unpacked(packed: dict) -> np.ndarray:
    """Read packed numbers as the page does."""
    if "f4" in packed:
        return np.frombuffer(base64.b64decode(packed["f4"]), "<f4").astype(float)
    codes = np.frombuffer(base64.b64decode(packed["u2"]), "<u2")
    return np.where(codes == 65535, np.nan, packed["low"] + codes * (packed["high"] - packed["low"]) / 65534)


def rates(maps: dict, units: int) -> np.ndarray:
    """Read the rate maps of a sprite as the page does."""
    pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(maps["png"]))))
    width, height = maps["bins"]
    columns = maps["columns"]
    tiles = pixels.reshape(-1, height, columns, width).swapaxes(1, 2).reshape(-1, height, width)[:units].astype(float)
    low, peak = (unpacked(maps[name])[:, None, None] for name in ("low", "peak"))
    return np.where(tiles == 0, np.nan, low + (tiles - 1) / maps["levels"] * (peak - low))
