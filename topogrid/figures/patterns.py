"""Patterns that form under a place code: with rates that may not be negative, and with rates that may."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from topogrid.figures.style import PAGE, RATE_MAP, finite, headline, new_figure, styled

_COLUMNS = 8


@styled
def pattern_rows(
    maps: Mapping[str, ArrayLike],
    scores: Mapping[str, ArrayLike],
    spacing: Mapping[str, ArrayLike],
    *,
    detail: str = "",
) -> Figure:
    """Draw the first maps of each kind in a row, with their grid score and spacing.

    Parameters
    ----------
    maps : mapping of str to array_like, ``(map, bin_y, bin_x)``
        By what kind they are.
    scores, spacing : mapping of str to array_like, ``(map,)``
        Grid scores; spacing in metres, NaN where there is no lattice.
    detail : str
        On which place code they formed.

    Raises
    ------
    ValueError
        If there is no map.
    """
    kinds = {name: np.asarray(values, dtype=np.float64) for name, values in maps.items()}
    if not kinds or min(len(values) for values in kinds.values()) == 0:
        raise ValueError("patterns to draw need at least one map of each kind, got none")
    shown = min(_COLUMNS, *(len(values) for values in kinds.values()), _COLUMNS)
    fig = new_figure(PAGE, 0.6 + 1.05 * len(kinds))
    headline(fig, "Patterns that form under the covariance of a place code", detail)
    axes = fig.subplots(len(kinds), shown, squeeze=False)
    for line, (name, values) in zip(axes, kinds.items(), strict=True):
        score, length = np.asarray(scores[name]), np.asarray(spacing[name])
        for place, ax in enumerate(line):
            ax.imshow(values[place], origin="lower", cmap=RATE_MAP)
            ax.set_xticks([])
            ax.set_yticks([])
            apart = f"{length[place]:.2f} m" if np.isfinite(length[place]) else "no lattice"
            ax.set_title(f"{score[place]:.2f}, {apart}" if np.isfinite(score[place]) else apart, fontsize=6.5)
        line[0].set_ylabel(f"{name}\n{_median(length)}")
    return fig


def _median(spacing: ArrayLike) -> str:
    there = finite(spacing)
    return f"median {np.median(there):.2f} m" if there.size else "no lattice"
