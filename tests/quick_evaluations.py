"""Evaluations in milliseconds: their grid cells are judged against few surrogates, which take all of the time."""

import contextlib
import functools
from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from topogrid.analysis import GridGate, Lattice, RateMaps, grid_gate
from topogrid.analysis.maps import units as unit_measures
from topogrid.analysis.maps.units import UnitMeasures, measure_units
from topogrid.analysis.synthetic import lattice_map
from topogrid.evaluation.results import Decoding, Evaluation
from topogrid.settings.config import TrainConfig

Float = NDArray[np.float64]


@contextlib.contextmanager
def few_surrogates() -> Iterator[None]:
    """Let `measure_units` draw four surrogates a unit inside."""
    with pytest.MonkeyPatch.context() as patch:

        def gate(maps: RateMaps, *, n_surrogates: int | None, scores: Float, rng: np.random.Generator) -> GridGate:
            return grid_gate(maps, n_surrogates=n_surrogates or 4, scores=scores, rng=rng)

        patch.setattr(unit_measures, "grid_gate", gate)
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


def quick_evaluation(config: TrainConfig, step: int = 7) -> Evaluation:
    """Return an evaluation of `measured_lattices`, with tau rising from unit to unit and errors that rise with time."""
    view = measured_lattices(config.n_grid_cells)
    tau = np.linspace(1.0, 5.0, config.n_grid_cells) if config.tau else np.ones(config.n_grid_cells)
    seconds = 0.02 * np.arange(1, 51)
    paths, error, missing = np.zeros((2, 50, 2)), 10 * seconds, np.full(50, np.nan)
    decoding = Decoding(
        5.0, seconds, error, np.stack([error / 2, 2 * error]), 20 * seconds, 4.0, paths, paths, 0.9 * error,
        np.full(50, 88.0), missing, missing, 19.0, 88.0,
    )  # fmt: skip
    return Evaluation(step, tau, 3, view, view, np.zeros(config.n_grid_cells), decoding, 1.0)


def without_lattices(lattice: Lattice) -> Lattice:
    """Return what is measured where no unit has a lattice."""
    gone = {name: np.full_like(part, np.nan) for name, part in lattice._asdict().items() if part.dtype.kind == "f"}
    return lattice._replace(**gone)
