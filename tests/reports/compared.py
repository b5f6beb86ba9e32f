"""Runs in a folder, compared, for tests of comparisons."""

from pathlib import Path

import numpy as np

from topogrid.reports.comparison.comparison import Comparison, Line, compare
from topogrid.reports.records import find_runs


def compared(folder: Path, *by: str) -> Comparison:
    return compare(find_runs([folder]).records, np.random.default_rng(0), by=by)


def line(comparison: Comparison, label: str) -> Line:
    return next(one for one in comparison.lines if one.measure.label == label)
