"""Which measures people see side by side: tables, axes and charts go through these."""

from __future__ import annotations

from typing import NamedTuple

from topogrid.measures import decoding, maps, training
from topogrid.measures.maps import LATTICES
from topogrid.measures.record import Measure

FIRST = (decoding.ERROR, decoding.LONG_ERROR, maps.ABOVE_03, maps.ABOVE_08, maps.GRID_CELLS, maps.DEAD)
"""What one looks at first."""

LISTED = (decoding.ERROR, maps.ABOVE_03)
"""What the list of runs tells."""

BY_BINS = (maps.ABOVE_03, maps.ABOVE_08, maps.GRID_CELLS, maps.GRID_CELL_SPACING, maps.NO_LATTICE)
"""What is told at several numbers of bins."""

SHARES = (maps.ABOVE_03, maps.ABOVE_08, maps.BEYOND_NULL, maps.GRID_CELLS)
"""Shares of units, beside their nulls."""

ORDER = (training.TAU_ORDER, maps.SPACING_ORDER.inside(LATTICES), maps.PARTIAL_ORDER.inside(LATTICES))
"""Order on the sheet, of all units with a lattice."""

SLOPES = (maps.SLOPE.inside(LATTICES),)
"""How spacing goes with tau, of all units with a lattice."""

COMPARED = (
    decoding.ERROR,
    decoding.LONG_ERROR,
    decoding.STILL_LONG,
    *(
        one
        for share, null in ((maps.ABOVE_03, maps.NULL_03), (maps.ABOVE_08, maps.NULL_08))
        for one in (share, null, share.over_null)
    ),
    maps.BEYOND_NULL,
    maps.GRID_CELLS,
    maps.SPACING,
    maps.NO_LATTICE,
    maps.DEAD,
    training.TAU_ORDER,
    maps.SPACING_ORDER.inside(LATTICES)._replace(label="Moran's I of spacing, lattices"),
    maps.PARTIAL_ORDER.inside(LATTICES),
    maps.COUPLING.inside(LATTICES),
    maps.SLOPE.inside(LATTICES),
    decoding.MODULE_SLOPE,
)
"""The lines of a comparison of networks, the last one of networks with modules."""

COMPARED_IN_WORDS = (
    decoding.ERROR,
    decoding.LONG_ERROR,
    maps.ABOVE_03.over_null,
    maps.ABOVE_08.over_null,
    maps.SPACING,
)
"""Whose differences a comparison also tells in a sentence."""

MAP_CORRELATION = Measure(
    "paired/map_correlation",
    "Median correlation of a unit's rate map with that of the baseline.",
    "correlation of maps",
    "maps",
    digits=2,
)
KEPT = Measure(
    "paired/kept_share",
    "Of the baseline's counted units, the share that still are.",
    "kept",
    "kept",
    "%",
    factor=100,
    digits=0,
)
N_PAIRED = Measure("paired/n_spacing", "Number of units that are counted both times.", digits=0)
RATIO = Measure(
    "paired/spacing_ratio",
    "Spacing after over before in units that are counted both times, median.",
    "ratio of spacings",
    "ratio",
    digits=3,
    null=N_PAIRED,
)
PAIRED = (MAP_CORRELATION, KEPT, RATIO, N_PAIRED)
"""What compares each unit with itself before an intervention."""


class Line(NamedTuple):
    """A line of a chart: what it shows, what to call it there, and its look."""

    measure: Measure
    label: str
    look: str
    """``main``, ``second``, ``faint``, ``null`` or ``null2``: page and figures have a style for each."""


class Chart(NamedTuple):
    """Lines against training steps that share an axis."""

    title: str
    unit: str
    lines: tuple[Line, ...]
    logarithmic: bool = False
    percent: bool = False
    of_loss: bool = False
    """Whether the loss of a network that has learned nothing is a level on it."""


def _line(measure: Measure, look: str, label: str = "") -> Line:
    return Line(measure, label or measure.short or measure.label, look)


CROSS_ENTROPY_LINE = _line(training.CROSS_ENTROPY, "main")
LOSS_CHART = Chart(
    "Loss",
    "nats",
    (CROSS_ENTROPY_LINE, _line(training.LOSS, "faint")),
    of_loss=True,
)
ERROR_CHART = Chart(
    "Decoding error",
    "cm",
    (
        _line(decoding.ERROR, "main", "held-out walks"),
        _line(training.TRAINING_ERROR, "faint"),
        _line(decoding.LONG_ERROR, "second", "long walks"),
        _line(decoding.STILL_LONG, "null"),
    ),
    logarithmic=True,
)
SHARES_CHART = Chart(
    "Units by grid score",
    "% of all units",
    (
        _line(maps.ABOVE_03, "main", "above 0.3"),
        _line(maps.NULL_03, "null", "noise above 0.3"),
        _line(maps.ABOVE_08, "second", "above 0.8"),
        _line(maps.NULL_08, "null2", "noise above 0.8"),
    ),
    percent=True,
)
TAU_CHART = Chart(
    "Time constants",
    "steps",
    (_line(training.TAU_MEAN, "main"), _line(training.TAU_MIN, "faint"), _line(training.TAU_MAX, "faint")),
)
RATE_CHART = Chart("Learning rate", "", (_line(training.RATE, "main"),))

CHARTS = (LOSS_CHART, ERROR_CHART, SHARES_CHART, TAU_CHART, RATE_CHART)
"""The learning curves of a page."""

DRAWN_CHARTS = (LOSS_CHART, ERROR_CHART, SHARES_CHART, RATE_CHART)
"""Those of the picture."""
