"""One look for every figure: sizes, colours, colour maps, and figures that carry the look with them.

Nothing here touches pyplot: a figure is a plain object that dies with its last reference, whatever backend is set.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from itertools import cycle
from os import PathLike
from pathlib import Path
from typing import Any, Literal, ParamSpec, TypeAlias

import matplotlib.style
import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.backend_bases import RendererBase
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

Float = NDArray[np.float64]
Network: TypeAlias = str
"""What a kind of network is called, such as ``plain``, ``tau`` or ``attractor+tau``: the label of its curves."""

DPI = 150
COLUMN = 4.2
"""Width in inches of a figure with one main panel. Printed 8.5 cm wide, its smallest letters have 6 points."""

PAGE = 7.2
"""Width in inches of a figure that spans a page: two journal columns."""

NETWORK_COLOURS: dict[str, str] = {"plain": "#0072B2", "tau": "#D55E00"}
"""Blue and vermilion of Okabe and Ito, told apart by colour-blind readers too."""

OTHER_COLOURS = ("#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7F5539", "#6A4C93")
"""For further groups of networks: the other colours of Okabe and Ito, but yellow, and two darker ones."""

FEEDBACK_COLOUR = OTHER_COLOURS[0]
"""Of errors with the loop from place code to units closed."""

NULL_COLOUR = "#8c8c8c"
THEORY_COLOUR = "black"
BORDER_COLOUR = "#202020"
"""Of the lines between modules, with white beside it."""
UNMEASURED: dict[str, Any] = {"facecolor": "#ececec", "edgecolor": "#cccccc", "hatch": "//////", "linewidth": 0.0}
"""Patch that stands for units without a value."""

SHEET_MAP, RATE_MAP, SAC_MAP, TIME_MAP = "viridis", "viridis", "magma", "viridis"
"""Perceptual maps. Tau and spacing share one, so that the eye compares their patterns and not their colours."""

CIRCULAR_MAP = ListedColormap(colormaps["twilight"](np.linspace(0, 1, 256))[:, :3] * 0.82, name="dark_twilight")
"""For angles and phases: twilight, darkened so that its light end is not taken for an unmeasured unit."""

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
    fig.suptitle(f"{title}\n{detail}" if detail else title, x=0.015, ha="left", linespacing=1.35)


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


def network_colour(network: Network) -> str:
    """Return the colour of a kind of network: that of tau networks where it has time constants, else that of plain."""
    return NETWORK_COLOURS[_colour_key(network)]


def _colour_key(network: Network) -> str:
    return "tau" if "tau" in network.split("+") else "plain"


def group_colours(kinds: Sequence[str]) -> list[str]:
    """Return a colour for each group of networks by its kind: the first plain and the first tau one keep theirs."""
    colours, others, taken = [], cycle(OTHER_COLOURS), set()
    for kind in kinds:
        network = _colour_key(kind)
        known = kind in NETWORK_COLOURS and network not in taken
        colours.append(NETWORK_COLOURS[network] if known else next(others))
        if known:
            taken.add(network)
    return colours


def save_figure(fig: Figure, path: str | PathLike[str], *, figure_format: str = "png") -> Path:
    """Write a figure and return its path; the suffix picks the format (``.png``, ``.pdf``, ``.svg``).

    Folders are made as needed. Dates are left out, so the same figure gives the same file. With
    ``figure_format="pdf"`` a vector PDF is written beside it.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    undated: dict[str, dict[str, Any]] = {".pdf": {"CreationDate": None}, ".svg": {"Date": None}}
    for file in dict.fromkeys((target, target.with_suffix(".pdf") if figure_format == "pdf" else target)):
        fig.savefig(file, metadata=undated.get(file.suffix.lower()))
    return target
