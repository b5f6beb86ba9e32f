"""Grid cells judged against few surrogates: the thousands of a real evaluation take all of its time."""

import contextlib
import functools
from collections.abc import Iterator
from functools import partial

import numpy as np
import pytest

from topogrid.analysis import RateMaps, grid_gate
from topogrid.analysis.maps import units as unit_measures
from topogrid.analysis.maps.units import UnitMeasures, measure_units
from topogrid.analysis.synthetic import lattice_map


@contextlib.contextmanager
def few_surrogates() -> Iterator[None]:
    """Let `measure_units` draw four surrogates a unit inside."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(unit_measures, "grid_gate", partial(grid_gate, n_surrogates=4))
        yield


@functools.cache
def measured_lattices(n_units: int = 36, n_bins: int = 14) -> UnitMeasures:
    """Return the measures of noisy lattices, 0.6 to 0.9 m from the first unit to the last but one, which is dead."""
    rng = np.random.default_rng([n_units, n_bins])
    spacings = np.linspace(0.6, 0.9, n_units)
    maps = np.stack([lattice_map(one, 20 * one, n_bins=n_bins) for one in spacings])
    maps = np.abs(maps + 0.05 * rng.normal(size=maps.shape))
    maps[-1] = 0.0
    edges = np.linspace(-1.1, 1.1, n_bins + 1)
    with few_surrogates():
        return measure_units(RateMaps(maps, np.full((n_bins, n_bins), 9), edges, edges, (2.2, 2.2)), rng)
