"""Whether the states of a population lie on a torus, as those of one module of grid cells should.

The cells of a module share one lattice and differ in phase only. A state of the module is then a phase along two axes,
and all its states together are a torus: one piece, two loops that cannot be pulled tight, one hole (Betti numbers 1, 2
and 1). Persistent homology counts them in a cloud of states without being told how they are arranged.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from topogrid.analysis.options import as_count, as_generator, as_reals

Float = NDArray[np.float64]

_FEWEST_STATES = 20

MARGIN = 1.5
"""How many times longer than the longest bar of the surrogates one has to be: these are few, and bars of noise vary."""


class Torus(NamedTuple):
    """Persistent homology of a cloud of states.

    Attributes
    ----------
    loops, holes : ndarray, ``(bar,)``
        Lifetimes of loops (H1) and of holes (H2), the longest first, relative to the spread of the cloud.
    null_loops, null_holes : float
        The longest lifetime of either in surrogates, in which every unit's activity is shuffled over time by itself.
    """

    loops: Float
    holes: Float
    null_loops: float
    null_holes: float

    @property
    def betti(self) -> tuple[int, int]:
        """Loops and holes that live `MARGIN` times longer than any of the surrogates; 2 and 1 for a torus."""
        loops, holes = self.loops > MARGIN * self.null_loops, self.holes > MARGIN * self.null_holes
        return int(loops.sum()), int(holes.sum())

    @property
    def is_torus(self) -> bool:
        """Whether there are two loops and one hole."""
        return self.betti == (2, 1)


def torus_of(
    states: ArrayLike,
    *,
    rng: np.random.Generator,
    n_points: int = 200,
    n_components: int = 6,
    n_surrogates: int = 3,
) -> Torus:
    """Measure the topology of the states of a population.

    Parameters
    ----------
    states : array_like, ``(sample, unit)``
        Activity of the units of one module at moments that cover the box.
    rng : numpy.random.Generator
        Source of the surrogates.
    n_points : int
        States that are kept: each is the one farthest from those before it. The work grows as the cube and more.
    n_components : int
        Principal components in which distances are taken, 6 as in the source; fewer if there are fewer units.
    n_surrogates : int
        Surrogates behind the longest lifetimes that count for nothing.

    Returns
    -------
    Torus

    Raises
    ------
    ModuleNotFoundError
        If ripser is not installed: ``pip install 'topogrid[topology]'``.
    TypeError
        If states are not real numbers, or ``rng`` is no generator.
    ValueError
        If there are too few states, they do not vary, or one is not finite.

    References
    ----------
    Gardner et al., Nature 2022 (the torus of recorded modules, by this method); Tralie et al., JOSS 2018 (ripser).
    """
    values = as_reals(states, "states")
    n_points = as_count(n_points, "n_points", least=_FEWEST_STATES)
    n_components = as_count(n_components, "n_components", least=1)
    n_surrogates, rng = as_count(n_surrogates, "n_surrogates", least=1), as_generator(rng)
    if values.ndim != 2 or len(values) < _FEWEST_STATES or not np.isfinite(values).all():
        raise ValueError(
            f"states are finite numbers (sample, unit) of {_FEWEST_STATES} samples or more, got {values.shape}"
        )
    if not np.ptp(values, axis=0).any():
        raise ValueError("states must vary, but all are the same: there is no shape to measure")
    # By a power of two, which changes no digit: squares of very small or very large states would leave the numbers.
    values = np.ldexp(values, -int(np.frexp(np.abs(values).max())[1]))
    loops, holes = _lifetimes(values, n_points, n_components)
    nulls = [_lifetimes(rng.permuted(values, axis=0), n_points, n_components) for _ in range(n_surrogates)]
    longest_loop, longest_hole = (
        max(float(bars.max(initial=0.0)) for bars in kind) for kind in zip(*nulls, strict=True)
    )
    return Torus(loops, holes, longest_loop, longest_hole)


def _lifetimes(states: Float, n_points: int, n_components: int) -> tuple[Float, Float]:
    points = _spread_out(_components(states, n_components), n_points)
    ripser = _ripser()
    diagrams = ripser(points, maxdim=2)["dgms"]
    loops, holes = (np.sort(diagram[:, 1] - diagram[:, 0])[::-1].astype(np.float64) for diagram in diagrams[1:])
    return loops, holes


def _components(states: Float, count: int) -> Float:
    """Return the first principal components ``(sample, component)``, scaled to a mean squared radius of 1."""
    centred = states - states.mean(axis=0)
    left, size, _ = np.linalg.svd(centred, full_matrices=False)
    found: Float = left[:, :count] * size[:count]
    found /= np.sqrt((found**2).sum(axis=1).mean())
    return found


def _spread_out(points: Float, count: int) -> Float:
    """Choose points one by one, each the farthest from all those chosen."""
    chosen = [int(np.argmax((points**2).sum(axis=1)))]
    distance = np.full(len(points), np.inf)
    while len(chosen) < min(count, len(points)):
        distance = np.minimum(distance, ((points - points[chosen[-1]]) ** 2).sum(axis=1))
        chosen.append(int(np.argmax(distance)))
    return points[chosen]


def _ripser() -> Any:
    try:
        from ripser import ripser
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            "persistent homology needs the package ripser: pip install 'topogrid[topology]'"
        ) from None
    return ripser
