"""The same units before and after a change."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from topogrid.analysis.maps.units import UnitMeasures
from topogrid.analysis.options import as_instance

Float = NDArray[np.float64]


def compare(was: UnitMeasures, now: UnitMeasures) -> dict[str, float]:
    """Compare the same units before and after.

    Returns
    -------
    dict
        ``kept_share``: of the grid cells before, those that still are. ``spacing_ratio``: spacing after over before,
        median of the ``n_spacing`` units that are grid cells both times, with its quartiles ``spacing_ratio_low`` and
        ``_high``. The same over all units with a lattice, with ``lattices/`` before the names. ``map_correlation``:
        median correlation of a living unit's two rate maps, 1 if fields stayed in place; NaN in another box.
        ``visited_share``: bins of the walked box that were visited.

    Raises
    ------
    TypeError
        If one of the two is no `UnitMeasures`.
    ValueError
        If they are not of the same units.
    """
    was, now = (as_instance(view, UnitMeasures, "what is compared") for view in (was, now))
    if len(was.rate_maps.maps) != len(now.rate_maps.maps):
        raise ValueError(f"the same units are compared, got {len(was.rate_maps.maps)} and {len(now.rate_maps.maps)}")
    cells = _compare_spacing(was.lattice.spacing, now.lattice.spacing, was.gate.passed, now.gate.passed)
    has_lattice = [np.isfinite(view.lattice.spacing) for view in (was, now)]
    lattices = _compare_spacing(was.lattice.spacing, now.lattice.spacing, *has_lattice)
    return (
        cells
        | {f"lattices/{name}": value for name, value in lattices.items()}
        | {
            "map_correlation": _map_correlation(was, now),
            "visited_share": float((now.rate_maps.occupancy > 0).mean()),
        }
    )


def _compare_spacing(
    was: Float, now: Float, counted_before: NDArray[np.bool_], counted_after: NDArray[np.bool_]
) -> dict[str, float]:
    """Compare spacings ``(unit,)`` of the units that count both times."""
    both = counted_before & counted_after
    ratio = now[both] / was[both]
    ratio = ratio[np.isfinite(ratio)]
    low, median, high = np.quantile(ratio, (0.25, 0.5, 0.75)) if ratio.size else (math.nan,) * 3
    return {
        "kept_share": float(both.sum() / counted_before.sum()) if counted_before.any() else math.nan,
        "n_spacing": float(ratio.size),
        "spacing_ratio": float(median),
        "spacing_ratio_low": float(low),
        "spacing_ratio_high": float(high),
    }


def _map_correlation(was: UnitMeasures, now: UnitMeasures) -> float:
    """Median over units alive both times of the correlation between their maps; NaN if the boxes differ."""
    if was.rate_maps.box_size != now.rate_maps.box_size:
        return math.nan
    visited = (was.rate_maps.occupancy > 0) & (now.rate_maps.occupancy > 0)
    a, b = (view.rate_maps.maps[~(was.dead | now.dead)][:, visited] for view in (was, now))
    a, b = (maps - maps.mean(axis=1, keepdims=True) for maps in (a, b))
    size = np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1))
    correlation = (a * b).sum(axis=1)[size > 0] / size[size > 0]
    return float(np.median(correlation)) if correlation.size else math.nan
