"""A picture that shows itself in a notebook."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Picture:
    """A picture of a run: shown where it is the last line of a notebook's cell, and saved with `save`.

    Parameters
    ----------
    name : str
    draw : callable
        Returns the figure.
    png : bytes, optional
        The same picture where it is already drawn.
    """

    def __init__(self, name: str, draw: Callable[[], Figure], png: bytes = b"") -> None:
        self.name = name
        self._draw, self._png = draw, png
        self._figure: Figure | None = None

    @property
    def figure(self) -> Figure:
        """The figure of Matplotlib, to change or to save in another form; drawn when it is first asked for."""
        if self._figure is None:
            self._figure = self._draw()
        return self._figure

    @property
    def png(self) -> bytes:
        """The picture as PNG."""
        if not self._png:
            from topogrid.figures import rendered

            self._png = rendered(self.figure, "png")
        return self._png

    def save(self, path: str | Path) -> Path:
        """Write the picture; the suffix picks the format (``.png``, ``.pdf``, ``.svg``)."""
        from topogrid.figures import save_figure

        path = Path(path)
        if path.suffix.lower() != ".png":
            return save_figure(self.figure, path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(self.png)
        return path

    def _repr_png_(self) -> bytes:
        return self.png

    def __repr__(self) -> str:
        return f"<picture {self.name}>"
