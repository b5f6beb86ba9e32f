"""One look for every figure: sizes, colours, colour maps, and figures that carry the look with them.

Nothing here touches pyplot: a figure is a plain object that dies with its last reference, whatever backend is set.
"""

import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from itertools import cycle
from os import PathLike
from pathlib import Path
from typing import Any, Literal, NamedTuple, ParamSpec

import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backend_bases import RendererBase
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from topogrid.files import write_bytes_atomic

Float = NDArray[np.float64]

DPI = 150
"""Of every bitmap, dots an inch."""

COLUMN = 4.2
"""Width in inches of a figure with one main panel. Printed 8.5 cm wide, its smallest letters have 6 points."""

PAGE = 7.2
"""Width in inches of a figure that spans a page: two journal columns."""

PALETTE: dict[str, str] = {
    "blue": "#0072B2",
    "vermilion": "#D55E00",
    "purple": "#CC79A7",
    "orange": "#E69F00",
    "sky": "#56B4E9",
    "brown": "#7F5539",
    "violet": "#6A4C93",
    "green": "#009E73",
}
"""Colours of Okabe and Ito but for yellow, and two darker ones: told apart by colour-blind readers too."""

FEEDBACK_COLOUR = PALETTE["green"]
"""Of errors with the loop from place code to units closed."""


class Network(NamedTuple):
    """What the network of a figure is called, such as ``plain`` or ``learned+tau``, and the colour of its curves."""

    label: str
    colour: str

    def __str__(self) -> str:
        """Return its label."""
        return self.label


UNNAMED = Network("trained", PALETTE["vermilion"])
"""Stands for a network of which a figure is told nothing."""

NULL_COLOUR = "#8c8c8c"
THEORY_COLOUR = "black"
BORDER_COLOUR = "#202020"
"""Of the lines between modules, with white beside it."""
UNMEASURED: dict[str, Any] = {"facecolor": "#ececec", "edgecolor": "#cccccc", "hatch": "//////", "linewidth": 0.0}
"""Patch that stands for units without a value."""

SHEET_MAP, RATE_MAP, SAC_MAP, TIME_MAP = "viridis", "viridis", "magma", "viridis"
"""Perceptual maps. Tau and spacing share one, so that the eye compares their patterns and not their colours."""


def _hues() -> Float:
    """Return 256 colours ``(colour, 3)`` once round the hues of CIELAB: sRGB, lighter and darker, but never grey."""
    angle = 2 * np.pi * np.arange(256) / 256
    light, chroma = 62 + 16 * np.cos(angle - 1.75), 44.0  # yellow is lightest, blue is darkest
    y = (light + 16) / 116
    linear = np.stack([y + chroma * np.cos(angle) / 500, y, y - chroma * np.sin(angle) / 200])
    xyz = np.where(linear > 6 / 29, linear**3, 3 * (6 / 29) ** 2 * (linear - 4 / 29)) * _WHITE[:, None]
    rgb = np.clip(_FROM_XYZ @ xyz, 0, 1)
    srgb: Float = np.where(rgb > 0.0031308, 1.055 * rgb ** (1 / 2.4) - 0.055, 12.92 * rgb)
    return srgb.T


_WHITE = np.array([0.95047, 1.0, 1.08883])  # D65
_FROM_XYZ = np.array(  # IEC 61966-2-1
    [[3.2406, -1.5372, -0.4986], [-0.9689, 1.8758, 0.0415], [0.0557, -0.2040, 1.0570]]
)
CIRCULAR_MAP = ListedColormap(_hues(), name="hues")
"""For angles and phases: nowhere as grey as a unit without a value."""

_STYLE: dict[str, Any] = {
    "figure.dpi": DPI,
    "savefig.dpi": "figure",
    "font.family": "DejaVu Sans",
    "font.size": 8.0,
    "axes.titlesize": 8.0,
    "axes.labelsize": 8.0,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "legend.fontsize": 7.5,
    "figure.titlesize": 8.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.7,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "lines.linewidth": 1.2,
    "hatch.linewidth": 0.5,
    "legend.frameon": False,
    "image.interpolation": "nearest",
    "pdf.fonttype": 42,  # text stays text in a vector editor
    "svg.hashsalt": "topogrid",  # the same figure is the same file
}

_UNDATED: dict[str, dict[str, Any]] = {
    "png": {"Software": None},
    "pdf": {"CreationDate": None},
    "svg": {"Date": None},
}

_BITMAP = ("format", "dpi", "metadata")
"""All that `rendered` tells `savefig`."""

P = ParamSpec("P")


@contextmanager
def _style() -> Iterator[None]:
    """Apply the style on top of matplotlib's defaults, not of a user's own settings."""
    with matplotlib.style.context(["default", _STYLE]):
        yield


class _StyledFigure(Figure):
    """A figure that is also *drawn* in the style: matplotlib makes many ticks only then."""

    def draw(self, renderer: RendererBase) -> None:
        with _style():
            super().draw(renderer)

    def savefig(self, fname: Any, *, transparent: bool | None = None, **kwargs: Any) -> None:
        with _style():  # fonts are put into a file after the figure is drawn
            if (transparent, kwargs.get("format"), kwargs.get("dpi"), *kwargs) == (None, "png", self.dpi, *_BITMAP):
                # The same file; the usual way draws a figure that has a layout twice.
                FigureCanvasAgg(self).print_png(fname, metadata=kwargs["metadata"])  # type: ignore[no-untyped-call]
            else:
                super().savefig(fname, transparent=transparent, **kwargs)


def styled(build: Callable[P, Figure]) -> Callable[P, Figure]:
    """Decorate a function that builds a figure so that all of it is built in the style."""

    @wraps(build)
    def inside(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with _style():
            return build(*args, **kwargs)

    return inside


def new_figure(
    width: float, height: float, layout: Literal["constrained", "compressed"] | None = "constrained"
) -> Figure:
    """Return an empty figure of ``width`` x ``height`` inches; without a ``layout``, axes stay where they are put."""
    fig = _StyledFigure(figsize=(width, height), dpi=DPI, layout=layout)
    FigureCanvasAgg(fig)
    return fig


def headline(fig: Figure, title: str, detail: str = "") -> None:
    """Say at the top left what was measured, and below it on how much."""
    fig.suptitle(f"{title}\n{detail}" if detail else title, x=0.015, ha="left", linespacing=1.35, parse_math=False)


def legend_below(fig: Figure, width: float, room: float) -> None:
    """Put one legend for all axes below a figure ``width`` inches wide, ``room`` inches high without it."""
    found = [pair for ax in fig.axes for pair in zip(*ax.get_legend_handles_labels(), strict=True)]
    handles = {label: handle for handle, label in found}
    lines = sum(label.count("\n") for label in handles)
    ncols = 2 if _legend_width(list(handles), 2) < width else 1
    fig.set_figheight(room + 0.17 * (-(-len(handles) // ncols) + lines))
    if handles:
        fig.legend(list(handles.values()), list(handles), loc="outside lower left", ncols=ncols)


def _legend_width(labels: Sequence[str], ncols: int) -> float:
    """Return about how wide a legend is, inches: it fills column after column."""
    rows = max(1, -(-len(labels) // ncols))
    widths = [max(map(len, label.split("\n"))) for label in labels]
    return sum(0.55 + 0.058 * max(widths[first : first + rows]) for first in range(0, len(labels), rows))


def empty_note(ax: Axes, text: str) -> None:
    """Write ``text`` in the middle of an axes that has nothing to show."""
    ax.text(
        0.5, 0.5, text, transform=ax.transAxes, ha="center", va="center", color=NULL_COLOUR, backgroundcolor="white"
    )


def from_zero(ax: Axes) -> None:
    """Let y begin at 0 and end a little above whatever has been drawn."""
    top = ax.dataLim.y1
    ax.set_ylim(0, 1.05 * top if np.isfinite(top) and top > 0 else 1.0)


def finite(values: ArrayLike) -> Float:
    """Return the finite entries of ``values``, flattened."""
    flat = np.asarray(values, dtype=np.float64).ravel()
    return flat[np.isfinite(flat)]


def counted(number: int, noun: str) -> str:
    """Return the number with its noun, ``1 unit`` or ``2 units``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def distinct_colours(names: Sequence[str]) -> list[str]:
    """Return a colour of `PALETTE` for each name of one; a name that comes again gets a colour that nobody has yet."""
    left = [name for name in PALETTE if name not in names]
    free = cycle(left or list(PALETTE))
    return [PALETTE[name if name not in names[:place] else next(free)] for place, name in enumerate(names)]


def rendered(fig: Figure, figure_format: str = "png") -> bytes:
    """Return a figure as the content of a file; without versions and dates, the same picture is the same file.

    Parameters
    ----------
    fig : Figure
    figure_format : {"png", "pdf", "svg"}

    Raises
    ------
    ValueError
        If the format is none of these.
    """
    if figure_format not in _UNDATED:
        raise ValueError(f"figures are written as {', '.join(_UNDATED)}, got {figure_format!r}")
    buffer = io.BytesIO()
    fig.savefig(buffer, format=figure_format, dpi=DPI, metadata=_UNDATED[figure_format])
    return buffer.getvalue()


def save_figure(fig: Figure, path: str | PathLike[str], *, figure_format: str = "png") -> Path:
    """Write a figure whole or not at all and return its path; the suffix picks the format (see `rendered`).

    Folders are made as needed. With ``figure_format="pdf"`` a vector PDF is written beside it.

    Raises
    ------
    ValueError
        If there is no such format; nothing is written then.
    OSError
        If the file cannot be written.
    """
    target = Path(path)
    files = contents(fig, target, figure_format=figure_format)
    target.parent.mkdir(parents=True, exist_ok=True)
    for file, content in files.items():
        write_bytes_atomic(file, content)
    return target


def contents(fig: Figure, path: Path, *, figure_format: str = "png") -> dict[Path, bytes]:
    """Return what `save_figure` writes, by file."""
    files = dict.fromkeys((path, path.with_suffix(".pdf") if figure_format == "pdf" else path))
    return {file: rendered(fig, file.suffix.lower().removeprefix(".")) for file in files}
