"""Every number, figure, page and table that is kept of a run, each as one record.

The terms of the loss describe themselves: `topogrid.training.objective.TERMS`.
"""

from topogrid.measures.names import (
    MEASURES,
    METRICS,
    OLD_METRICS,
    at_a_moment,
    current_metrics,
    has_panel,
    known,
    meaning,
)
from topogrid.measures.pictures import FIGURES, PAGES, TABLES, FigureEntry
from topogrid.measures.record import Measure

__all__ = [
    "FIGURES",
    "MEASURES",
    "METRICS",
    "OLD_METRICS",
    "PAGES",
    "TABLES",
    "FigureEntry",
    "Measure",
    "at_a_moment",
    "current_metrics",
    "has_panel",
    "known",
    "meaning",
]
