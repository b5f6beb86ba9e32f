"""Make the pictures of an executed notebook small: ``python -m benchmarks.notebook_pictures NOTEBOOK``.

Each is kept in 256 colours, which nobody sees in a diagram and which takes a third of the room.
"""

from __future__ import annotations

import base64
import io
import json
import sys
from pathlib import Path

from PIL import Image

from topogrid.files import write_text_atomic


def small(picture: str) -> str:
    """Return a PNG, base64, in 256 colours; as it is where that is no smaller."""
    with Image.open(io.BytesIO(base64.b64decode(picture))) as image:
        reduced = image.convert("RGB").quantize(256, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
        buffer = io.BytesIO()
        reduced.save(buffer, format="png", optimize=True)
    kept = base64.b64encode(buffer.getvalue()).decode()
    return min(kept, picture, key=len)


def main(path: Path) -> None:
    """Rewrite the notebook in place."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    for cell in notebook["cells"]:
        for output in cell.get("outputs", ()):
            data = output.get("data", {})
            if "image/png" in data:
                data["image/png"] = small("".join(data["image/png"]).replace("\n", ""))
    write_text_atomic(path, json.dumps(notebook, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
